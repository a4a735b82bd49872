// SPDX-License-Identifier: Apache-2.0
//
// Time as an input: below the effects ring nobody reads a clock.
#pragma once

#include <chrono>

namespace vatmesh {

using Duration = std::chrono::nanoseconds;

// A point on the monotonic clock of whoever drives us. Only differences mean anything.
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

inline constexpr Instant kNever = Instant::max();

}  // namespace vatmesh
