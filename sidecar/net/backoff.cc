// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/backoff.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace vatmesh::net {

Duration Backoff::next() {
  std::array<uint8_t, 8> random;
  entropy_.fill(random);
  uint64_t number;
  std::memcpy(&number, random.data(), sizeof(number));
  const int64_t half = base_.count() / 2;
  const Duration delay(half + static_cast<int64_t>(number % static_cast<uint64_t>(half + 1)));
  base_ = std::min(base_ * 2, max_);
  return std::max(delay, min_);
}

}  // namespace vatmesh::net
