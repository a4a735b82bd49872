// SPDX-License-Identifier: Apache-2.0
//
// Texts from peers that we send on or show: bounded, and in a form that every reader takes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vatmesh::wire {

// Sets `out` to at most `max_bytes` of `text`, cut between characters. NULs and bytes that don't
// belong to valid UTF-8 become '?'.
void assignClean(std::string& out, std::string_view text, size_t max_bytes);

// At most the first `max_bytes` of `text`, which is valid UTF-8, cut between characters.
std::string_view cutText(std::string_view text, size_t max_bytes);

}  // namespace vatmesh::wire
