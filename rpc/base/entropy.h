// SPDX-License-Identifier: Apache-2.0
//
// Randomness as an input: the process passes the cryptographic source, tests a seeded one.
#pragma once

#include <cstdint>
#include <span>

namespace vatmesh {

class Entropy {
 public:
  virtual ~Entropy() = default;

  // Fills `out` with random bytes. Never fails: a source that can't answer ends the process.
  virtual void fill(std::span<uint8_t> out) = 0;
};

}  // namespace vatmesh
