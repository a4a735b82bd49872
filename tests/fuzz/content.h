// SPDX-License-Identifier: Apache-2.0
//
// What the messages of the fuzzer hold, and how they are laid out: with any segmentation, far and
// double-far pointers, capabilities in any field and more than once in the table. Independent of
// rpc/wire's writers, so that these don't check themselves; envelopes are read with wire::decode.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rpc/wire/envelope.h"
#include "rpc/wire/forward.h"
#include "rpc/wire/message.h"
#include "tests/fuzz/random.h"

namespace vatmesh::fuzz {

using Frame = std::vector<uint8_t>;
using Descriptors = std::vector<wire::OutDescriptor>;

// The places of results that may hold a capability, by number: fields 0 to 2, two fields of the
// struct in field 3, and the content itself, as in the results of a Bootstrap.
inline constexpr size_t kSlots = 6;
inline constexpr size_t kRootSlot = 5;
std::span<const uint16_t> slotPath(size_t slot);
// The slot of a path; nullopt for a path that nobody uses.
std::optional<size_t> slotAt(std::span<const uint16_t> path);

inline constexpr size_t kMaxArguments = 2;

struct CallContent {
  uint32_t call = 0;
  uint32_t target = 0;  // the shadow that the caller means
  uint32_t reference = 0;
  uint32_t sequence = 0;
  std::vector<uint32_t> arguments;               // their shadows, at most kMaxArguments
  std::array<int64_t, kMaxArguments> indices{};  // in the capability table; -1: null
};

struct ResultContent {
  uint32_t call = 0;
  std::array<int64_t, kSlots> indices{-1, -1, -1, -1, -1, -1};
};

// One Call. Each argument has a descriptor.
Frame writeCall(Random& random, const wire::OutCall& call, const CallContent& content,
                const Descriptors& table);
// Return.results. `content.indices` say where in the content which entry of the table stands.
Frame writeResults(Random& random, const wire::OutReturn& fields, bool release_params,
                   const ResultContent& content, const Descriptors& table);

// The content as it arrived; nullopt when it is not what writeCall and writeResults write.
std::optional<CallContent> readCall(const wire::InMessage& message, const wire::Payload& payload);
std::optional<ResultContent> readResults(const wire::InMessage& message,
                                         const wire::Payload& payload);

}  // namespace vatmesh::fuzz
