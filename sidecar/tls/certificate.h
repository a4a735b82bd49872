// SPDX-License-Identifier: Apache-2.0
//
// The certificate that a vat makes of its own key: its only use is to carry the public key in a TLS
// handshake.
#pragma once

#include <string>
#include <string_view>

#include <openssl/base.h>

#include "rpc/base/status.h"

namespace vatmesh::tls {

// DER: X.509 v3, random serial behind a mark, issuer and subject CN `capnp` (UTF8String), valid
// from 1970 to 9999, no extensions, signed by `key` with the usual algorithm of its kind.
Result<std::string> makeCertificate(EVP_PKEY* key);

// The instance of the vat that made the DER `certificate`: its serial number, which each process
// makes anew. Empty when the serial has no mark of ours: the vat is of another kind.
std::string instanceOfCertificate(std::string_view certificate);

// The DER SubjectPublicKeyInfo of `key`.
std::string publicKeyDer(const EVP_PKEY* key);

}  // namespace vatmesh::tls
