// SPDX-License-Identifier: Apache-2.0
//
// PEM texts of private keys, read as leniently as the OCaml network reads them.
#pragma once

#include <string>
#include <string_view>

#include <openssl/base.h>
#include <openssl/evp.h>

#include "rpc/base/status.h"

namespace vatmesh::tls {

// The one private key in `pem`; see KeyPair::fromPem.
Result<bssl::UniquePtr<EVP_PKEY>> parsePrivateKeyPem(std::string_view pem);

// PKCS#8, base64 lines of 64 characters, final newline.
std::string printPrivateKeyPem(const EVP_PKEY* key);

// "RSA-2048", "P-256", "Ed25519", ...; kInvalidArgument for a kind that a vat can't have.
Result<std::string> keyKind(const EVP_PKEY* key);

}  // namespace vatmesh::tls
