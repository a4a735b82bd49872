// SPDX-License-Identifier: Apache-2.0
//
// The text of a cap file: one URI on one line. Reading and writing the file itself is the
// caller's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "rpc/sturdy/uri.h"

namespace vatmesh::sturdy {

// A cap file that is larger is something else.
inline constexpr size_t kMaxCapFileSize = 64 * 1024;

// capFileText is what a cap file for `uri` holds: its text and a newline.
std::string capFileText(const SturdyUri& uri);

// parseCapFile reads the content of a cap file: white space around it is no matter, and of several
// lines only the first counts. kInvalidArgument; the error doesn't show the content.
Result<SturdyUri> parseCapFile(std::string_view content);

}  // namespace vatmesh::sturdy
