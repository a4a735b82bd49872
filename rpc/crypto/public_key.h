// SPDX-License-Identifier: Apache-2.0
//
// The fingerprint of a public key: SHA-256 over its complete DER SubjectPublicKeyInfo in canonical
// encoding. It is the name of a vat, so two encodings of one key must give one fingerprint: the key
// is parsed and written again before it is hashed.
#pragma once

#include <string>
#include <string_view>

#include "rpc/base/status.h"

namespace vatmesh::crypto {

// canonicalPublicKey parses the DER SubjectPublicKeyInfo `der` (RSA, P-256, P-384, P-521, Ed25519)
// and writes it again: EC points uncompressed, RSA with NULL parameters. kInvalidArgument when it
// is none of these or has bytes behind it.
Result<std::string> canonicalPublicKey(std::string_view der);

// fingerprintOfPublicKey returns the 32 raw bytes of the fingerprint of the DER
// SubjectPublicKeyInfo `der`.
Result<std::string> fingerprintOfPublicKey(std::string_view der);

// publicKeyOfCertificate returns the DER SubjectPublicKeyInfo inside the DER X.509 certificate
// `der`, as it stands there. Only the structure on the way to it is checked, no signature, name or
// date.
Result<std::string> publicKeyOfCertificate(std::string_view der);

// serialOfCertificate returns the bytes of the serial number of the DER X.509 certificate `der`, as
// they stand there.
Result<std::string> serialOfCertificate(std::string_view der);

// fingerprintOfCertificate returns the 32 raw bytes of the fingerprint of the key in the DER X.509
// certificate `der`.
Result<std::string> fingerprintOfCertificate(std::string_view der);

}  // namespace vatmesh::crypto
