// SPDX-License-Identifier: Apache-2.0
//
// Plain numbers that the engine counts, read by metrics.
#pragma once

#include <array>
#include <cstdint>

#include "rpc/captp/profile.h"

namespace vatmesh::captp {

// How a forwarded call ended.
enum class CallOutcome : uint8_t {
  kOk,
  kFailed,
  kOverloaded,
  kDisconnected,
  kUnimplemented,
  kCanceled,
};
inline constexpr int kCallOutcomes = 6;

// What was done against too much load.
enum class OverloadAction : uint8_t {
  kRefuse,  // a call got `overloaded`
  kPause,   // a link is not read
  kDrain,   // a link is read although it asked for too much, since it owes us Returns
  kClose,   // a link was ended
};
inline constexpr int kOverloadActions = 4;

inline constexpr int kMessageKinds = 16;  // by MessageKind; 15: unknown

struct Counters {
  // Upper bounds in seconds of call_duration's buckets; the last bucket is +Inf.
  static constexpr std::array<double, 12> kDurationBounds = {
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 10};

  std::array<uint64_t, kMessageKinds> received{};  // by message kind
  std::array<uint64_t, kMessageKinds> sent{};
  // Calls by the kind of link they came from, and how they ended.
  std::array<std::array<uint64_t, kCallOutcomes>, kLinkKinds> calls{};
  // Time from Call to Return in buckets, and its sum in seconds, likewise.
  std::array<std::array<uint64_t, kDurationBounds.size() + 1>, kLinkKinds> call_durations{};
  std::array<double, kLinkKinds> call_duration_sums{};
  uint64_t protocol_errors = 0;  // links that we aborted
  uint64_t tolerated = 0;        // odd but harmless messages that were let pass
  std::array<uint64_t, kOverloadActions> overload_actions{};
};

struct TableSizes {
  uint64_t links = 0;
  uint64_t questions = 0;
  uint64_t answers = 0;
  uint64_t exports = 0;
  uint64_t imports = 0;
  uint64_t embargoes = 0;
  uint64_t objects = 0;        // local ones, and gates
  uint64_t calls = 0;          // made inside the vat
  uint64_t charged_bytes = 0;  // of retained messages
  uint64_t held_bytes = 0;     // of all that counts for VatLimits::total
};

}  // namespace vatmesh::captp
