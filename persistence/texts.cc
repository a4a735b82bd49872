// SPDX-License-Identifier: Apache-2.0
#include "persistence/texts.h"

#include <algorithm>
#include <utility>

namespace vatmesh::store {

namespace {

std::string refName(const Digest& digest) {
  return "ref " + digest.shortName();
}

}  // namespace

Status notFound(const Digest& digest) {
  return Status(Code::kNotFound, refName(digest) + " is not in the store");
}

Status conflict(const Digest& digest) {
  return Status(Code::kConflict, refName(digest) + " was changed by somebody else meanwhile");
}

Status corrupt(const Digest& digest, const std::string& why) {
  return Status(Code::kCorrupt, refName(digest) + ": " + why);
}

Status compareVersion(const Digest& digest, Version found, Version expected) {
  if (found == expected) return {};
  if (found == kNoVersion) return notFound(digest);
  if (expected == kAnyVersion) return {};
  return conflict(digest);
}

Result<PageStart> readPageStart(const std::string& token, size_t limit) {
  PageStart start{.after = std::nullopt, .limit = std::clamp<size_t>(limit, 1, kMaxPage)};
  if (token.empty()) return start;
  start.after = Digest::fromText(token);
  if (!start.after) {
    return Status(Code::kInvalidArgument, "that is no page token; begin with an empty one");
  }
  return start;
}

void PageFill::add(Listed listed) {
  if (listed.stored.ok()) weight_ += weightOf(listed.stored->record);
  page_.refs.push_back(std::move(listed));
}

Page PageFill::take(const std::optional<Digest>& last) {
  if (last) page_.next = last->toText();
  return std::move(page_);
}

}  // namespace vatmesh::store
