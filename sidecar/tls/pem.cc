// SPDX-License-Identifier: Apache-2.0
#include "sidecar/tls/pem.h"

#include <optional>

#include <openssl/base64.h>
#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>

#include "rpc/base/check.h"
#include "sidecar/tls/boringssl_compat.h"

namespace vatmesh::tls {

namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr int kMinRsaBits = 1024;
constexpr size_t kLineLength = 64;

using Key = bssl::UniquePtr<EVP_PKEY>;

Status bad(std::string_view problem) {
  ERR_clear_error();
  return Status(Code::kInvalidArgument, std::string(problem));
}

// The next line, without its end and trailing blanks; moves `text` behind it.
std::string_view takeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  const size_t last = line.find_last_not_of(" \t\r");
  return last == std::string_view::npos ? std::string_view() : line.substr(0, last + 1);
}

// The label of a "-----BEGIN label-----" line.
std::optional<std::string_view> labelOf(std::string_view line, std::string_view prefix) {
  if (!line.starts_with(prefix) || !line.ends_with(kDashes) ||
      line.size() < prefix.size() + kDashes.size()) {
    return std::nullopt;
  }
  line.remove_prefix(prefix.size());
  line.remove_suffix(kDashes.size());
  return line;
}

// A text that is a secret, wiped when it goes.
struct Secret {
  std::string text;
  ~Secret() { OPENSSL_cleanse(text.data(), text.size()); }
};

struct Block {
  std::string_view label;
  Secret base64;
};

// Collects the lines up to the end of block `label`.
Status readBlock(std::string_view label, std::string_view& rest, Block& out) {
  out.label = label;
  while (!rest.empty()) {
    const std::string_view line = takeLine(rest);
    if (std::optional<std::string_view> end = labelOf(line, kEnd)) {
      if (*end == label) return {};
      return bad("a PEM block ends under another name than it begins");
    }
    if (line.find(':') != std::string_view::npos && label.ends_with("PRIVATE KEY")) {
      return bad("the private key is encrypted: decrypt it first (openssl pkey)");
    }
    if (!line.starts_with('#')) out.base64.text += line;
  }
  return bad("the file is cut off: a PEM block has no end");
}

Result<Key> decode(const Block& block) {
  Secret der;
  size_t size = 0;
  if (!EVP_DecodedLength(&size, block.base64.text.size())) return bad("malformed base64");
  der.text.resize(size);
  auto* out = reinterpret_cast<uint8_t*>(der.text.data());
  if (!EVP_DecodeBase64(out, &size, size,
                        reinterpret_cast<const uint8_t*>(block.base64.text.data()),
                        block.base64.text.size())) {
    return bad("malformed base64");
  }
  CBS cbs;
  CBS_init(&cbs, out, size);
  Key key;
  if (block.label == "PRIVATE KEY") {
    key.reset(EVP_parse_private_key(&cbs));
  } else if (block.label == "RSA PRIVATE KEY") {
    key.reset(EVP_PKEY_new());
    RSA* rsa = RSA_parse_private_key(&cbs);
    if (rsa == nullptr || !EVP_PKEY_assign_RSA(key.get(), rsa)) key.reset();
  } else {
    key.reset(EVP_PKEY_new());
    EC_KEY* ec = EC_KEY_parse_private_key(&cbs, nullptr);
    if (ec == nullptr || !EVP_PKEY_assign_EC_KEY(key.get(), ec)) key.reset();
  }
  if (!key || CBS_len(&cbs) != 0) {
    return bad(
        "the private key is damaged or of an unknown kind: use Ed25519, RSA, P-256, P-384 or "
        "P-521");
  }
  return key;
}

}  // namespace

Result<std::string> keyKind(const EVP_PKEY* key) {
  switch (EVP_PKEY_id(key)) {
    case EVP_PKEY_ED25519:
      return std::string("Ed25519");
    case EVP_PKEY_RSA:
      if (EVP_PKEY_bits(key) < kMinRsaBits) return bad("RSA keys have at least 1024 bits");
      return "RSA-" + std::to_string(EVP_PKEY_bits(key));
    case EVP_PKEY_EC:
      switch (EC_GROUP_get_curve_name(EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key)))) {
        case NID_X9_62_prime256v1:
          return std::string("P-256");
        case NID_secp384r1:
          return std::string("P-384");
        case NID_secp521r1:
          return std::string("P-521");
        default:
          break;
      }
      break;
    default:
      break;
  }
  return bad(
      "the private key is of a kind that can't sign for a vat: use Ed25519, RSA, P-256, "
      "P-384 or P-521");
}

Result<Key> parsePrivateKeyPem(std::string_view pem) {
  std::optional<Key> found;
  while (!pem.empty()) {
    std::optional<std::string_view> label = labelOf(takeLine(pem), kBegin);
    if (!label) continue;
    Block block;
    if (Status status = readBlock(*label, pem, block); !status.ok()) return status;
    if (*label == "ENCRYPTED PRIVATE KEY") {
      return bad("the private key is encrypted: decrypt it first (openssl pkey)");
    }
    if (*label != "PRIVATE KEY" && *label != "RSA PRIVATE KEY" && *label != "EC PRIVATE KEY")
      continue;
    if (found) return bad("there are several private keys: leave one");
    Result<Key> key = decode(block);
    if (!key.ok()) return key.status();
    found = *std::move(key);
  }
  if (!found) return bad("there is no private key (-----BEGIN PRIVATE KEY-----)");
  if (Result<std::string> kind = keyKind(found->get()); !kind.ok()) return kind.status();
  return *std::move(found);
}

std::string printPrivateKeyPem(const EVP_PKEY* key) {
  bssl::ScopedCBB cbb;
  uint8_t* der = nullptr;
  size_t size = 0;
  VATMESH_CHECK(CBB_init(cbb.get(), 128) && EVP_marshal_private_key(cbb.get(), key) &&
                CBB_finish(cbb.get(), &der, &size));
  Secret base64;
  size_t encoded = 0;
  VATMESH_CHECK(EVP_EncodedLength(&encoded, size));
  base64.text.resize(encoded);
  encoded = EVP_EncodeBlock(reinterpret_cast<uint8_t*>(base64.text.data()), der, size);
  OPENSSL_free(der);  // wipes it too
  std::string out = "-----BEGIN PRIVATE KEY-----\n";
  // Reserved, so that no copy of the secret stays behind when it grows.
  out.reserve(encoded + encoded / kLineLength + 64);
  for (size_t i = 0; i < encoded; i += kLineLength) {
    out.append(base64.text, i, std::min(kLineLength, encoded - i));
    out += '\n';
  }
  return out += "-----END PRIVATE KEY-----\n";
}

}  // namespace vatmesh::tls
