// SPDX-License-Identifier: Apache-2.0
#include "sidecar/tls/key_pair.h"

#include <array>
#include <utility>

#include <openssl/curve25519.h>
#include <openssl/evp.h>
#include <openssl/mem.h>

#include "rpc/base/check.h"
#include "rpc/crypto/digest.h"
#include "sidecar/tls/certificate.h"
#include "sidecar/tls/pem.h"

namespace vatmesh::tls {

void KeyPair::FreeKey::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

KeyPair::Data::~Data() {
  OPENSSL_cleanse(pem.data(), pem.size());
}

KeyPair KeyPair::generate() {
  std::array<uint8_t, ED25519_PUBLIC_KEY_LEN> public_key;
  std::array<uint8_t, ED25519_PRIVATE_KEY_LEN> private_key;
  ED25519_keypair(public_key.data(), private_key.data());
  // The first 32 bytes are the seed, which is what files hold.
  EVP_PKEY* key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, private_key.data(), 32);
  OPENSSL_cleanse(private_key.data(), private_key.size());
  VATMESH_CHECK(key != nullptr);
  Result<KeyPair> pair = make(key, printPrivateKeyPem(key));
  VATMESH_CHECK(pair.ok());
  return *std::move(pair);
}

Result<KeyPair> KeyPair::fromPem(std::string_view pem) {
  Result<bssl::UniquePtr<EVP_PKEY>> key = parsePrivateKeyPem(pem);
  if (!key.ok()) return key.status();
  return make(key->release(), std::string(pem));
}

Result<KeyPair> KeyPair::make(evp_pkey_st* owned_key, std::string pem) {
  auto data = std::make_shared<Data>();
  data->key.reset(owned_key);
  data->pem = std::move(pem);
  Result<std::string> kind = keyKind(owned_key);
  if (!kind.ok()) return kind.status();
  data->kind = *std::move(kind);
  data->fingerprint = crypto::sha256(publicKeyDer(owned_key));
  Result<std::string> certificate = makeCertificate(owned_key);
  if (!certificate.ok()) return certificate.status();
  data->certificate = *std::move(certificate);
  return KeyPair(std::move(data));
}

}  // namespace vatmesh::tls
