// SPDX-License-Identifier: Apache-2.0
//
// A vat is its public key; these are the texts of its fingerprint, which is the SHA-256 of the
// SubjectPublicKeyInfo and is kept as 32 raw bytes everywhere.
#pragma once

#include <string>
#include <string_view>

#include "rpc/base/status.h"

namespace vatmesh::sturdy {

// printFingerprint writes `sha-256:` and base64url of the raw `digest`; "insecure" when empty.
std::string printFingerprint(std::string_view digest);

// shortFingerprint is the first 10 characters of the base64url of `digest`, for logs and messages;
// "insecure" when empty.
std::string shortFingerprint(std::string_view digest);

// parseFingerprint reads what printFingerprint writes, and nothing else. kInvalidArgument.
Result<std::string> parseFingerprint(std::string_view text);

}  // namespace vatmesh::sturdy
