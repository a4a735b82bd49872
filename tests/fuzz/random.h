// SPDX-License-Identifier: Apache-2.0
//
// Random is a small generator whose sequence depends on nothing but its seed, on every machine.
#pragma once

#include <cstdint>

namespace vatmesh::fuzz {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {  // splitmix64
    state_ += 0x9e3779b97f4a7c15ull;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // 0 .. bound - 1; 0 when `bound` is 0.
  uint32_t below(uint64_t bound) { return bound == 0 ? 0 : static_cast<uint32_t>(next() % bound); }
  // True in `percent` of all cases.
  bool chance(uint32_t percent) { return below(100) < percent; }

 private:
  uint64_t state_;
};

}  // namespace vatmesh::fuzz
