// SPDX-License-Identifier: Apache-2.0
#include "persistence/memory_store.h"

namespace vatmesh::store {

void MemoryStore::get(const Digest& digest, OnGet done) {
  dropExpired();
  const auto entry = refs_.find(digest);
  Result<Stored> result =
      entry == refs_.end() ? Result<Stored>(notFound(digest)) : Result<Stored>(entry->second);
  completions_.post([done = std::move(done), result = std::move(result)] { done(result); });
}

void MemoryStore::put(const Digest& digest, Record record, Version expected, OnPut done) {
  dropExpired();
  Result<Version> result = kNoVersion;
  const Result<std::string> encoded = encodeRecord(record);
  if (!encoded.ok()) {
    result = encoded.status();
  } else if (Status status = checkVersion(digest, expected); !status.ok()) {
    result = status;
  } else {
    if (const auto old = refs_.find(digest); old != refs_.end()) drop(old);
    result = versionOf(*encoded);
    if (record.expires) expiring_.emplace(*record.expires, digest);
    refs_[digest] = {.version = *result, .record = std::move(record)};
    told(digest);
  }
  completions_.post([done = std::move(done), result] { done(result); });
}

void MemoryStore::remove(const Digest& digest, Version expected, OnRemove done) {
  dropExpired();
  Status status = refs_.contains(digest) ? checkVersion(digest, expected) : notFound(digest);
  if (status.ok()) {
    drop(refs_.find(digest));
    told(digest);
  }
  completions_.post([done = std::move(done), status] { done(status); });
}

void MemoryStore::list(std::string page_token, size_t limit, OnList done) {
  dropExpired();
  const Result<PageStart> start = readPageStart(page_token, limit);
  Result<Page> result = start.ok() ? Result<Page>(page(*start)) : Result<Page>(start.status());
  completions_.post([done = std::move(done), result = std::move(result)] { done(result); });
}

Page MemoryStore::page(const PageStart& start) const {
  PageFill fill(start.limit);
  auto entry = start.after ? refs_.upper_bound(*start.after) : refs_.begin();
  std::optional<Digest> last;
  for (; entry != refs_.end() && !fill.full(); ++entry) {
    last = entry->first;
    fill.add({.digest = entry->first, .stored = entry->second});
  }
  return fill.take(entry != refs_.end() ? last : std::nullopt);
}

std::unique_ptr<Watch> MemoryStore::watch(OnChange on_change) {
  return watches_.add(std::move(on_change));
}

void MemoryStore::health(OnHealth done) {
  completions_.post([done = std::move(done)] { done(Status()); });
}

void MemoryStore::dropExpired() {
  const UnixTime now = now_();
  while (!expiring_.empty() && expiring_.begin()->first <= now) {
    drop(refs_.find(expiring_.begin()->second));
  }
}

void MemoryStore::drop(std::map<Digest, Stored>::iterator entry) {
  const Record& record = entry->second.record;
  if (record.expires) expiring_.erase({*record.expires, entry->first});
  refs_.erase(entry);
}

Status MemoryStore::checkVersion(const Digest& digest, Version expected) const {
  const auto entry = refs_.find(digest);
  return compareVersion(digest, entry == refs_.end() ? kNoVersion : entry->second.version,
                        expected);
}

void MemoryStore::told(const Digest& digest) {
  completions_.post([this, digest] { watches_.tell(digest); });
}

}  // namespace vatmesh::store
