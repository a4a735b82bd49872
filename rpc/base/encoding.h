// SPDX-License-Identifier: Apache-2.0
//
// base64url without padding (RFC 4648 section 5) and lower-case hex.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rpc/base/bytes.h"

namespace vatmesh {

std::string base64UrlEncode(ByteView bytes);

// Decodes as leniently as the OCaml network does (ocaml-network 1.4): padding is optional and may
// be surplus, unused trailing bits need not be zero, a dangling character adds nothing. Any other
// character gives nullopt.
std::optional<std::string> base64UrlDecode(std::string_view text);

std::string hexEncode(ByteView bytes);

}  // namespace vatmesh
