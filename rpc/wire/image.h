// SPDX-License-Identifier: Apache-2.0
//
// Walks along a path of pointer fields in the content of a message, as its receiver will: on the
// final image (a Frame) or on a scrubbed message that is retained before its frame is made.
// Every step is bounds-checked; anything odd reads as "no capability".
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "rpc/wire/envelope.h"
#include "rpc/wire/frame.h"
#include "rpc/wire/message.h"

namespace vatmesh::wire {

// The index in the capability table that stands at `path` of the content; nullopt for null, for
// something that is no capability and for malformed content.
std::optional<uint32_t> capabilityAt(const Frame& frame, std::span<const uint16_t> path);
std::optional<uint32_t> capabilityAt(const InMessage& message, const Payload& payload,
                                     std::span<const uint16_t> path);

}  // namespace vatmesh::wire
