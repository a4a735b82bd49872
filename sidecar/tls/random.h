// SPDX-License-Identifier: Apache-2.0
//
// The cryptographic source of randomness that the process passes to everything.
#pragma once

#include "rpc/base/entropy.h"

namespace vatmesh::tls {

class SystemEntropy : public Entropy {
 public:
  void fill(std::span<uint8_t> out) override;
};

}  // namespace vatmesh::tls
