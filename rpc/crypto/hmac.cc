// SPDX-License-Identifier: Apache-2.0
#include "rpc/crypto/hmac.h"

#include <openssl/digest.h>
#include <openssl/hmac.h>

#include "rpc/base/check.h"
#include "rpc/crypto/digest.h"

#ifndef OPENSSL_IS_BORINGSSL
#error "<openssl/...> must mean BoringSSL: put its include folder first"
#endif

namespace vatmesh::crypto {

std::string hmacSha256(std::string_view key, std::string_view data) {
  std::string out(kDigestBytes, '\0');
  unsigned size = 0;
  const uint8_t* done =
      HMAC(EVP_sha256(), key.data(), key.size(), reinterpret_cast<const uint8_t*>(data.data()),
           data.size(), reinterpret_cast<uint8_t*>(out.data()), &size);
  VATMESH_CHECK(done != nullptr && size == kDigestBytes);  // fails only without memory
  return out;
}

}  // namespace vatmesh::crypto
