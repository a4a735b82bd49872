// SPDX-License-Identifier: Apache-2.0
#include "sidecar/tls/random.h"

#include <openssl/rand.h>

#include "rpc/base/check.h"

namespace vatmesh::tls {

void SystemEntropy::fill(std::span<uint8_t> out) {
  VATMESH_CHECK(RAND_bytes(out.data(), out.size()) == 1);
}

}  // namespace vatmesh::tls
