// SPDX-License-Identifier: Apache-2.0
#include "rpc/crypto/public_key.h"

#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>

#include "rpc/crypto/digest.h"

#ifndef OPENSSL_IS_BORINGSSL
#error "<openssl/...> must mean BoringSSL: put its include folder first"
#endif

namespace vatmesh::crypto {

namespace {

CBS cbsOf(std::string_view der) {
  CBS cbs;
  CBS_init(&cbs, reinterpret_cast<const uint8_t*>(der.data()), der.size());
  return cbs;
}

Status malformed(std::string_view what) {
  ERR_clear_error();
  return Status(Code::kInvalidArgument, std::string(what));
}

// Goes into `certificate` up to behind its serial number; `serial` may be null.
// Certificate ::= SEQUENCE { tbs SEQUENCE { [0] version, serial, signature, issuer, validity,
// subject, subjectPublicKeyInfo, ... }, ... }
bool takeSerial(CBS* certificate, CBS* serial) {
  CBS outer, tbs;
  if (!CBS_get_asn1(certificate, &outer, CBS_ASN1_SEQUENCE) || CBS_len(certificate) != 0 ||
      !CBS_get_asn1(&outer, &tbs, CBS_ASN1_SEQUENCE) ||
      !CBS_get_optional_asn1(&tbs, nullptr, nullptr,
                             CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0) ||
      !CBS_get_asn1(&tbs, serial, CBS_ASN1_INTEGER)) {
    return false;
  }
  *certificate = tbs;
  return true;
}

}  // namespace

Result<std::string> canonicalPublicKey(std::string_view der) {
  CBS cbs = cbsOf(der);
  bssl::UniquePtr<EVP_PKEY> key(EVP_parse_public_key(&cbs));
  if (!key || CBS_len(&cbs) != 0) {
    return malformed("not a public key of a known kind: RSA, P-256, P-384, P-521 or Ed25519");
  }
  switch (EVP_PKEY_id(key.get())) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_EC:
    case EVP_PKEY_ED25519:
      break;
    default:
      return malformed("public key is neither RSA, P-256, P-384, P-521 nor Ed25519");
  }
  bssl::ScopedCBB cbb;
  uint8_t* out = nullptr;
  size_t size = 0;
  if (!CBB_init(cbb.get(), der.size()) || !EVP_marshal_public_key(cbb.get(), key.get()) ||
      !CBB_finish(cbb.get(), &out, &size)) {
    return malformed("public key can't be encoded");
  }
  bssl::UniquePtr<uint8_t> owned(out);
  return std::string(reinterpret_cast<const char*>(out), size);
}

Result<std::string> fingerprintOfPublicKey(std::string_view der) {
  Result<std::string> canonical = canonicalPublicKey(der);
  if (!canonical.ok()) return canonical.status();
  return sha256(*canonical);
}

Result<std::string> serialOfCertificate(std::string_view der) {
  CBS rest = cbsOf(der), serial;
  if (!takeSerial(&rest, &serial)) return malformed("not an X.509 certificate");
  return std::string(reinterpret_cast<const char*>(CBS_data(&serial)), CBS_len(&serial));
}

Result<std::string> publicKeyOfCertificate(std::string_view der) {
  CBS tbs = cbsOf(der), key;
  if (!takeSerial(&tbs, nullptr) || !CBS_get_asn1(&tbs, nullptr, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&tbs, nullptr, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&tbs, nullptr, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1(&tbs, nullptr, CBS_ASN1_SEQUENCE) ||
      !CBS_get_asn1_element(&tbs, &key, CBS_ASN1_SEQUENCE)) {
    return malformed("not an X.509 certificate");
  }
  return std::string(reinterpret_cast<const char*>(CBS_data(&key)), CBS_len(&key));
}

Result<std::string> fingerprintOfCertificate(std::string_view der) {
  Result<std::string> key = publicKeyOfCertificate(der);
  if (!key.ok()) return key.status();
  return fingerprintOfPublicKey(*key);
}

}  // namespace vatmesh::crypto
