// SPDX-License-Identifier: Apache-2.0
#include "rpc/sturdy/identity.h"

#include "rpc/base/bytes.h"
#include "rpc/base/encoding.h"

namespace vatmesh::sturdy {
namespace {

constexpr std::string_view kHash = "sha-256:";
constexpr std::string_view kInsecure = "insecure";
constexpr size_t kDigestSize = 32;
constexpr size_t kShort = 10;

}  // namespace

std::string printFingerprint(std::string_view digest) {
  if (digest.empty()) return std::string(kInsecure);
  return std::string(kHash) + base64UrlEncode(bytesOf(digest));
}

std::string shortFingerprint(std::string_view digest) {
  if (digest.empty()) return std::string(kInsecure);
  return base64UrlEncode(bytesOf(digest)).substr(0, kShort);
}

Result<std::string> parseFingerprint(std::string_view text) {
  if (text.starts_with(kHash)) {
    auto digest = base64UrlDecode(text.substr(kHash.size()));
    if (digest && digest->size() == kDigestSize && printFingerprint(*digest) == text) {
      return *digest;
    }
  }
  return Status(Code::kInvalidArgument,
                "not a fingerprint; one is sha-256: and 43 characters of base64url");
}

}  // namespace vatmesh::sturdy
