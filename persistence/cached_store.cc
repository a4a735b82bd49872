// SPDX-License-Identifier: Apache-2.0
#include "persistence/cached_store.h"

#include <utility>

namespace vatmesh::store {

namespace {

// What a record takes beside itself: its places in the list and in the table.
constexpr size_t kOverhead = 160;

}  // namespace

std::unique_ptr<Store> CachedStore::wrap(std::unique_ptr<Store> inner, Post post, WallClock now,
                                         size_t max_bytes) {
  std::unique_ptr<CachedStore> cached(
      new CachedStore(std::move(inner), std::move(post), std::move(now), max_bytes));
  if (cached->watch_ == nullptr) return std::move(cached->inner_);
  return cached;
}

CachedStore::CachedStore(std::unique_ptr<Store> inner, Post post, WallClock now, size_t max_bytes)
    : now_(std::move(now)),
      max_bytes_(max_bytes),
      inner_(std::move(inner)),
      // The first watch, so that it is told before those who look again when they are told.
      watch_(inner_->watch([this](std::optional<Digest> digest) { changed(digest); })),
      completions_(std::move(post)) {}

void CachedStore::get(const Digest& digest, OnGet done) {
  if (const Stored* stored = find(digest)) {
    completions_.post([done = std::move(done), stored = *stored] { done(stored); });
    return;
  }
  getFresh(digest, std::move(done));
}

void CachedStore::getFresh(const Digest& digest, OnGet done) {
  Busy& busy = busy_[digest];
  ++busy.reads;
  inner_->get(digest, [this, digest, changes = busy.changes, done = std::move(done)](auto result) {
    endRead(digest, changes, result);
    done(std::move(result));
  });
}

void CachedStore::put(const Digest& digest, Record record, Version expected, OnPut done) {
  beginWrite(digest);
  inner_->put(digest, std::move(record), expected,
              [this, digest, done = std::move(done)](Result<Version> result) {
                endWrite(digest);
                done(std::move(result));
              });
}

void CachedStore::remove(const Digest& digest, Version expected, OnRemove done) {
  beginWrite(digest);
  inner_->remove(digest, expected, [this, digest, done = std::move(done)](Status status) {
    endWrite(digest);
    done(std::move(status));
  });
}

void CachedStore::list(std::string page_token, size_t limit, OnList done) {
  inner_->list(std::move(page_token), limit, std::move(done));
}

std::unique_ptr<Watch> CachedStore::watch(OnChange on_change) {
  return inner_->watch(std::move(on_change));
}

void CachedStore::health(OnHealth done) {
  inner_->health(std::move(done));
}

const Stored* CachedStore::find(const Digest& digest) {
  const auto found = by_digest_.find(digest);
  if (found == by_digest_.end()) return nullptr;
  const auto kept = found->second;
  if (expired(kept->stored.record, now_())) {
    forget(kept);
    return nullptr;
  }
  kept_.splice(kept_.begin(), kept_, kept);
  return &kept->stored;
}

void CachedStore::keep(const Digest& digest, const Stored& stored) {
  forget(digest);
  const size_t weight = weightOf(stored.record) + kOverhead;
  if (weight > max_bytes_) return;
  while (bytes_ + weight > max_bytes_) forget(std::prev(kept_.end()));
  kept_.push_front({digest, stored, weight});
  by_digest_[digest] = kept_.begin();
  bytes_ += weight;
}

void CachedStore::forget(const Digest& digest) {
  const auto found = by_digest_.find(digest);
  if (found != by_digest_.end()) forget(found->second);
}

void CachedStore::forget(std::list<Kept>::iterator kept) {
  bytes_ -= kept->weight;
  by_digest_.erase(kept->digest);
  kept_.erase(kept);
}

void CachedStore::changed(std::optional<Digest> digest) {
  if (digest) {
    forget(*digest);
    const auto busy = busy_.find(*digest);
    if (busy != busy_.end()) ++busy->second.changes;
    return;
  }
  kept_.clear();
  by_digest_.clear();
  bytes_ = 0;
  for (auto& [any, busy] : busy_) ++busy.changes;
}

void CachedStore::beginWrite(const Digest& digest) {
  forget(digest);
  Busy& busy = busy_[digest];
  ++busy.writes;
  ++busy.changes;
}

void CachedStore::endWrite(const Digest& digest) {
  const auto busy = busy_.find(digest);
  --busy->second.writes;
  ++busy->second.changes;
  if (busy->second.reads == 0 && busy->second.writes == 0) busy_.erase(busy);
}

void CachedStore::endRead(const Digest& digest, uint64_t changes, const Result<Stored>& result) {
  const auto busy = busy_.find(digest);
  --busy->second.reads;
  if (result.ok() && busy->second.writes == 0 && busy->second.changes == changes) {
    keep(digest, *result);
  } else if (result.status().code() == Code::kNotFound) {
    forget(digest);
  }
  if (busy->second.reads == 0 && busy->second.writes == 0) busy_.erase(busy);
}

}  // namespace vatmesh::store
