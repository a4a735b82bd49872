// SPDX-License-Identifier: Apache-2.0
#include "sidecar/tls/certificate.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/rand.h>

#include "rpc/base/check.h"
#include "rpc/crypto/public_key.h"
#include "sidecar/tls/boringssl_compat.h"
#include "sidecar/tls/errors.h"

namespace vatmesh::tls {

namespace {

// Older versions have no name for it.
using Tag = decltype(CBS_ASN1_SEQUENCE);

constexpr Tag kContext0 = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
constexpr std::string_view kName = "capnp";
// How the serial numbers of our own vats begin: no network knows of it, and no hello shows it.
// Positive, and in minimal form: neither a sign bit nor a leading zero.
constexpr std::string_view kSerialMark = "vm1";
constexpr size_t kSerialBytes = 10;
constexpr std::string_view kNotBefore = "700101010101Z";
constexpr std::string_view kNotAfter = "99991231235959Z";

// Bodies of the object identifiers.
constexpr std::array<uint8_t, 3> kCommonName = {0x55, 0x04, 0x03};
constexpr std::array<uint8_t, 9> kSha256WithRsa = {0x2a, 0x86, 0x48, 0x86, 0xf7,
                                                   0x0d, 0x01, 0x01, 0x0b};
constexpr std::array<uint8_t, 8> kEcdsaWithSha2 = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x00};
constexpr std::array<uint8_t, 3> kEd25519 = {0x2b, 0x65, 0x70};

// How a kind of key signs. The last byte of the ECDSA identifier is 2, 3, 4 for SHA-256, -384,
// -512.
struct Algorithm {
  std::vector<uint8_t> oid;
  const EVP_MD* digest = nullptr;
  bool null_parameters = false;
};

Algorithm ecdsa(uint8_t last, const EVP_MD* digest) {
  std::vector<uint8_t> oid(kEcdsaWithSha2.begin(), kEcdsaWithSha2.end());
  oid.back() = last;
  return {std::move(oid), digest};
}

Algorithm algorithmOf(const EVP_PKEY* key) {
  switch (EVP_PKEY_id(key)) {
    case EVP_PKEY_RSA:
      return {{kSha256WithRsa.begin(), kSha256WithRsa.end()}, EVP_sha256(), true};
    case EVP_PKEY_EC:
      if (EVP_PKEY_bits(key) <= 256) return ecdsa(2, EVP_sha256());
      if (EVP_PKEY_bits(key) <= 384) return ecdsa(3, EVP_sha384());
      return ecdsa(4, EVP_sha512());
    default:
      return {{kEd25519.begin(), kEd25519.end()}};
  }
}

bool addText(CBB* out, Tag tag, std::string_view text) {
  CBB child;
  return CBB_add_asn1(out, &child, tag) &&
         CBB_add_bytes(&child, reinterpret_cast<const uint8_t*>(text.data()), text.size()) &&
         CBB_flush(out);
}

bool addOid(CBB* out, const uint8_t* body, size_t size) {
  CBB oid;
  return CBB_add_asn1(out, &oid, CBS_ASN1_OBJECT) && CBB_add_bytes(&oid, body, size) &&
         CBB_flush(out);
}

bool addAlgorithm(CBB* out, const Algorithm& algorithm) {
  CBB sequence, null;
  return CBB_add_asn1(out, &sequence, CBS_ASN1_SEQUENCE) &&
         addOid(&sequence, algorithm.oid.data(), algorithm.oid.size()) &&
         (!algorithm.null_parameters || CBB_add_asn1(&sequence, &null, CBS_ASN1_NULL)) &&
         CBB_flush(out);
}

bool addName(CBB* out) {
  CBB name, set, attribute;
  return CBB_add_asn1(out, &name, CBS_ASN1_SEQUENCE) && CBB_add_asn1(&name, &set, CBS_ASN1_SET) &&
         CBB_add_asn1(&set, &attribute, CBS_ASN1_SEQUENCE) &&
         addOid(&attribute, kCommonName.data(), kCommonName.size()) &&
         addText(&attribute, CBS_ASN1_UTF8STRING, kName) && CBB_flush(out);
}

bool addVersionAndSerial(CBB* out) {
  CBB version, serial;
  std::array<uint8_t, kSerialBytes> random;
  RAND_bytes(random.data(), random.size());
  std::copy(kSerialMark.begin(), kSerialMark.end(), random.begin());
  return CBB_add_asn1(out, &version, kContext0) && CBB_add_asn1_uint64(&version, 2) &&
         CBB_add_asn1(out, &serial, CBS_ASN1_INTEGER) &&
         CBB_add_bytes(&serial, random.data(), random.size()) && CBB_flush(out);
}

bool addValidity(CBB* out) {
  CBB validity;
  return CBB_add_asn1(out, &validity, CBS_ASN1_SEQUENCE) &&
         addText(&validity, CBS_ASN1_UTCTIME, kNotBefore) &&
         addText(&validity, CBS_ASN1_GENERALIZEDTIME, kNotAfter) && CBB_flush(out);
}

std::string finishText(CBB* cbb) {
  uint8_t* out = nullptr;
  size_t size = 0;
  VATMESH_CHECK(CBB_finish(cbb, &out, &size));
  bssl::UniquePtr<uint8_t> owned(out);
  return std::string(reinterpret_cast<const char*>(out), size);
}

std::string toBeSigned(EVP_PKEY* key, const Algorithm& algorithm) {
  bssl::ScopedCBB cbb;
  CBB tbs;
  VATMESH_CHECK(CBB_init(cbb.get(), 512) && CBB_add_asn1(cbb.get(), &tbs, CBS_ASN1_SEQUENCE) &&
                addVersionAndSerial(&tbs) && addAlgorithm(&tbs, algorithm) && addName(&tbs) &&
                addValidity(&tbs) && addName(&tbs) && EVP_marshal_public_key(&tbs, key));
  return finishText(cbb.get());
}

}  // namespace

Result<std::string> makeCertificate(EVP_PKEY* key) {
  const Algorithm algorithm = algorithmOf(key);
  const std::string tbs = toBeSigned(key, algorithm);
  const auto* tbs_bytes = reinterpret_cast<const uint8_t*>(tbs.data());

  bssl::ScopedEVP_MD_CTX context;
  size_t size = 0;
  std::vector<uint8_t> signature;
  if (!EVP_DigestSignInit(context.get(), nullptr, algorithm.digest, nullptr, key) ||
      !EVP_DigestSign(context.get(), nullptr, &size, tbs_bytes, tbs.size())) {
    return takeError("signing a certificate");
  }
  signature.resize(size);
  if (!EVP_DigestSign(context.get(), signature.data(), &size, tbs_bytes, tbs.size())) {
    return takeError("signing a certificate");
  }

  bssl::ScopedCBB cbb;
  CBB certificate, bits;
  VATMESH_CHECK(CBB_init(cbb.get(), tbs.size() + size + 64) &&
                CBB_add_asn1(cbb.get(), &certificate, CBS_ASN1_SEQUENCE) &&
                CBB_add_bytes(&certificate, tbs_bytes, tbs.size()) &&
                addAlgorithm(&certificate, algorithm) &&
                CBB_add_asn1(&certificate, &bits, CBS_ASN1_BITSTRING) && CBB_add_u8(&bits, 0) &&
                CBB_add_bytes(&bits, signature.data(), size));
  return finishText(cbb.get());
}

std::string instanceOfCertificate(std::string_view certificate) {
  Result<std::string> serial = crypto::serialOfCertificate(certificate);
  const bool ours =
      serial.ok() && serial->size() == kSerialBytes && serial->starts_with(kSerialMark);
  return ours ? *std::move(serial) : std::string();
}

std::string publicKeyDer(const EVP_PKEY* key) {
  bssl::ScopedCBB cbb;
  VATMESH_CHECK(CBB_init(cbb.get(), 128) && EVP_marshal_public_key(cbb.get(), key));
  return finishText(cbb.get());
}

}  // namespace vatmesh::tls
