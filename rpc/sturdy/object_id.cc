// SPDX-License-Identifier: Apache-2.0
#include "rpc/sturdy/object_id.h"

#include <array>

#include "rpc/base/bytes.h"
#include "rpc/base/encoding.h"
#include "rpc/crypto/digest.h"
#include "rpc/crypto/hmac.h"

namespace vatmesh::sturdy {

std::string vatSecret(std::string_view pem_text) {
  return crypto::sha256(pem_text);
}

std::string derivedId(std::string_view secret, std::string_view name) {
  return crypto::hmacSha256(secret, name);
}

std::string consumerId(std::string_view secret, std::string_view name, std::string_view consumer,
                       uint32_t generation) {
  std::string text(name);
  text += '\0';
  text += consumer;
  text += '\0';
  text += std::to_string(generation);
  return crypto::hmacSha256(secret, text);
}

std::string publicId(std::string_view text) {
  return std::string(text);
}

std::string generatedId(Entropy& entropy) {
  std::array<uint8_t, 20> bytes;
  entropy.fill(bytes);
  return std::string(textOf(bytes));
}

std::string idDigest(std::string_view id) {
  return crypto::sha256(id);
}

std::string shortIdName(std::string_view id) {
  return base64UrlEncode(bytesOf(idDigest(id))).substr(0, 10);
}

}  // namespace vatmesh::sturdy
