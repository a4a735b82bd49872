// SPDX-License-Identifier: Apache-2.0
//
// The certificate that a vat makes of its own key: its only use is to carry the public key in a TLS
// handshake.
#pragma once

#include <string>

#include <openssl/base.h>

#include "rpc/base/status.h"

namespace vatmesh::tls {

// DER: X.509 v3, random serial, issuer and subject CN `capnp` (UTF8String), valid from 1970 to
// 9999, no extensions, signed by `key` with the usual algorithm of its kind.
Result<std::string> makeCertificate(EVP_PKEY* key);

// The DER SubjectPublicKeyInfo of `key`.
std::string publicKeyDer(const EVP_PKEY* key);

}  // namespace vatmesh::tls
