// SPDX-License-Identifier: Apache-2.0
//
// SHA-256, and the comparison that takes the same time wherever two secrets differ.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vatmesh::crypto {

inline constexpr size_t kDigestBytes = 32;

// sha256 returns the 32 raw bytes of the SHA-256 of `data`.
std::string sha256(std::string_view data);

// equalConstantTime tells whether `a` and `b` are equal without telling by its duration where they
// differ. Different lengths are unequal at once: a length is no secret.
bool equalConstantTime(std::string_view a, std::string_view b);

}  // namespace vatmesh::crypto
