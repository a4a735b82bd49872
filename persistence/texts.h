// SPDX-License-Identifier: Apache-2.0
//
// What stores say and do alike: errors about one ref, pages, the outcome of a comparison.
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

// PageFill fills a page up to its bounds.
class PageFill {
 public:
  explicit PageFill(size_t limit) : limit_(limit) {}

  bool full() const { return page_.refs.size() >= limit_ || weight_ >= kMaxPageBytes; }
  void add(Listed listed);
  // The page; the next one begins behind `last`, if there is a next one.
  Page take(const std::optional<Digest>& last);

 private:
  const size_t limit_;
  size_t weight_ = 0;
  Page page_;
};

}  // namespace vatmesh::store
