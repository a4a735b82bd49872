// SPDX-License-Identifier: Apache-2.0
//
// KeyPair is the identity of a vat: a private key, the text it was read from, its fingerprint, and
// the certificate that the vat makes of it for each process. A value; copies share the key.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "rpc/base/status.h"

struct evp_pkey_st;

namespace vatmesh::tls {

class KeyPair {
 public:
  // A new Ed25519 key.
  static KeyPair generate();

  // Reads a PEM text: exactly one private key among any other blocks; RSA (PKCS#1 or PKCS#8, 1024
  // bits and more), P-256, P-384, P-521 (SEC1 or PKCS#8), Ed25519 (PKCS#8). kInvalidArgument; the
  // error never shows the text.
  static Result<KeyPair> fromPem(std::string_view pem);

  // The exact text that it was read from, or PKCS#8 for a generated one: derived ids depend on its
  // bytes. Secret.
  const std::string& pem() const { return data_->pem; }
  // 32 raw bytes.
  const std::string& fingerprint() const { return data_->fingerprint; }
  // "Ed25519", "RSA-2048", "P-256", ...
  const std::string& kind() const { return data_->kind; }
  // DER: self-signed, CN `capnp`, valid for ever, no extensions.
  const std::string& certificate() const { return data_->certificate; }
  // Borrowed.
  evp_pkey_st* key() const { return data_->key.get(); }

 private:
  struct FreeKey {
    void operator()(evp_pkey_st* key) const;
  };
  struct Data {
    std::unique_ptr<evp_pkey_st, FreeKey> key;
    std::string pem, fingerprint, kind, certificate;
    ~Data();  // wipes the text
  };
  static Result<KeyPair> make(evp_pkey_st* owned_key, std::string pem);
  explicit KeyPair(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

  std::shared_ptr<const Data> data_;
};

}  // namespace vatmesh::tls
