// SPDX-License-Identifier: Apache-2.0
#include "rpc/crypto/digest.h"

#include <openssl/mem.h>
#include <openssl/sha.h>

#ifndef OPENSSL_IS_BORINGSSL
#error "<openssl/...> must mean BoringSSL: put its include folder first"
#endif

namespace vatmesh::crypto {

static_assert(kDigestBytes == SHA256_DIGEST_LENGTH);

std::string sha256(std::string_view data) {
  std::string digest(kDigestBytes, '\0');
  SHA256(reinterpret_cast<const uint8_t*>(data.data()), data.size(),
         reinterpret_cast<uint8_t*>(digest.data()));
  return digest;
}

bool equalConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace vatmesh::crypto
