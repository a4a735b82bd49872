// SPDX-License-Identifier: Apache-2.0
//
// HMAC-SHA-256 (RFC 2104), from which derived ids are made.
#pragma once

#include <string>
#include <string_view>

namespace vatmesh::crypto {

// hmacSha256 returns the 32 raw bytes of HMAC-SHA-256 of `data` under `key`, which may have any
// length.
std::string hmacSha256(std::string_view key, std::string_view data);

}  // namespace vatmesh::crypto
