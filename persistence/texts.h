// SPDX-License-Identifier: Apache-2.0
//
// What stores say alike: errors about one ref, the token of a page, the outcome of a comparison.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "persistence/store.h"

namespace vatmesh::store {

Status notFound(const Digest& digest);
Status conflict(const Digest& digest);
Status corrupt(const Digest& digest, const std::string& why);

// compareVersion tells whether a put may go on that expected `expected` and finds `found`
// (kNoVersion: nothing is there).
Status compareVersion(const Digest& digest, Version found, Version expected);

// PageStart is the request of one page: what comes behind `after`, at most `limit`.
struct PageStart {
  std::optional<Digest> after;
  size_t limit = 0;
};

// readPageStart checks what a caller of `list` gave. kInvalidArgument for a token that no page had.
Result<PageStart> readPageStart(const std::string& token, size_t limit);

// The token of the page behind `last`.
inline std::string pageToken(const Digest& last) {
  return last.toText();
}

}  // namespace vatmesh::store
