// SPDX-License-Identifier: Apache-2.0
//
// A peer's text must not steer the terminal that shows it.
#pragma once

#include <string>
#include <string_view>

namespace vatmesh::deploy {

// printable returns `text` with every control character as \xNN, byte by byte: those of ASCII, and
// those that UTF-8 writes as C2 80 to C2 9F. Everything else stays.
std::string printable(std::string_view text);

}  // namespace vatmesh::deploy
