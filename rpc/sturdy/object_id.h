// SPDX-License-Identifier: Apache-2.0
//
// Object ids: how they are made, and the digests by which they are stored and named.
// An id is any byte string and is a secret; its digest is not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rpc/base/entropy.h"

namespace vatmesh::sturdy {

// vatSecret returns the 32 raw bytes from which a vat derives ids: SHA-256 of the exact bytes of
// the key's PEM file. Another line ending gives another secret, though the fingerprint stays.
std::string vatSecret(std::string_view pem_text);

// derivedId returns the 32 raw bytes of the id of export `name`: HMAC-SHA-256 with key `secret`.
std::string derivedId(std::string_view secret, std::string_view name);

// consumerId returns the 32 raw bytes of the id by which `consumer` alone has export `name`: the
// HMAC of derivedId over `name`, a zero byte, `consumer`, a zero byte and `generation` in decimal.
// Names have no zero byte, so it is no other export's or consumer's id.
std::string consumerId(std::string_view secret, std::string_view name, std::string_view consumer,
                       uint32_t generation);

// publicId is the bytes of `text` themselves: whoever guesses the text may use the object.
std::string publicId(std::string_view text);

// generatedId returns 20 random bytes, as the OCaml network makes them.
std::string generatedId(Entropy& entropy);

// idDigest returns the 32 raw bytes of SHA-256 of `id`, by which stores know it.
std::string idDigest(std::string_view id);

// shortIdName names an id in logs and texts: the first 10 characters of its digest in base64url.
std::string shortIdName(std::string_view id);

}  // namespace vatmesh::sturdy
