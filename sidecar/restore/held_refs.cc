// SPDX-License-Identifier: Apache-2.0
#include "sidecar/restore/held_refs.h"

#include <algorithm>

#include "sidecar/restore/grants.h"

namespace vatmesh::restore {
namespace {

// The calendar may be set; a timer is not armed for longer.
constexpr std::chrono::milliseconds kLongest = std::chrono::minutes(1);

}  // namespace

HeldRefs::HeldRefs(event::Loop& loop, store::Store& store, store::WallClock now, OnEnd on_end)
    : loop_(loop),
      store_(store),
      now_(std::move(now)),
      on_end_(std::move(on_end)),
      look_(loop, [this] { lookAtAll(); }),
      expiry_(loop, [this] { expire(); }),
      retry_(loop,
             [this] {
               to_ask_.merge(std::exchange(failed_, {}));
               askSome();
             }),
      self_(std::make_shared<HeldRefs*>(this)) {}

HeldRefs::Hold HeldRefs::hold(const store::Digest& digest, const store::Record& record) {
  Ref& ref = refs_[digest];
  // Whoever came first says which seal is known: a later one is found to be another when the store
  // tells of it.
  if (++ref.holds == 1) ref.sealed_for = record.sealed_for;
  setExpires(digest, ref, record.expires);
  return Hold(*this, digest);
}

void HeldRefs::release(const store::Digest& digest) {
  const auto ref = refs_.find(digest);
  if (--ref->second.holds > 0) return;
  setExpires(digest, ref->second, std::nullopt);
  refs_.erase(ref);
  to_ask_.erase(digest);
  failed_.erase(digest);
}

void HeldRefs::changed(const std::optional<store::Digest>& digest) {
  if (digest) {
    if (refs_.contains(*digest)) to_ask_.insert(*digest);
    askSome();
  } else if (loop_.now() >= last_look_ + kLookInterval) {
    lookAtAll();
  } else if (!look_.armed()) {
    look_.armAt(last_look_ + kLookInterval);
  }
}

void HeldRefs::lookAtAll() {
  last_look_ = loop_.now();
  for (const auto& [each, ref] : refs_) to_ask_.insert(to_ask_.end(), each);
  askSome();
}

void HeldRefs::askSome() {
  while (asked_ < kMaxAsked && !to_ask_.empty()) {
    const store::Digest digest = to_ask_.extract(to_ask_.begin()).value();
    ++asked_;
    store_.getFresh(digest, [alive = std::weak_ptr<HeldRefs*>(self_), this,
                             digest](const Result<store::Stored>& stored) {
      if (alive.expired()) return;
      --asked_;
      answered(digest, stored);
      askSome();
    });
  }
}

void HeldRefs::answered(const store::Digest& digest, const Result<store::Stored>& stored) {
  const auto ref = refs_.find(digest);
  if (ref == refs_.end()) return;
  if (stored.ok()) {
    if (stored->record.sealed_for != ref->second.sealed_for) return end(digest, wasRevoked(digest));
    setExpires(digest, ref->second, stored->record.expires);
  }
  if (ref->second.expires && *ref->second.expires <= now_()) {
    end(digest, hasExpired(digest));  // whether the store could be asked or not
  } else if (stored.ok()) {
    return;
  } else if (stored.status().code() == Code::kNotFound) {
    end(digest, wasRevoked(digest));
  } else if (stored.status().code() != Code::kCorrupt) {
    failed_.insert(digest);
    if (!retry_.armed()) retry_.arm(kRetry);
  }
}

// Holders learn of it by on_end, and let go then.
void HeldRefs::end(const store::Digest& digest, const Status& why) {
  setExpires(digest, refs_.at(digest), std::nullopt);
  on_end_(digest, why);
}

void HeldRefs::setExpires(const store::Digest& digest, Ref& ref,
                          std::optional<store::UnixTime> expires) {
  // Also when it is as before: expire() has taken it out.
  if (ref.expires) expiring_.erase({*ref.expires, digest});
  if (expires) expiring_.emplace(*expires, digest);
  ref.expires = expires;
  armExpiry();
}

void HeldRefs::armExpiry() {
  if (expiring_.empty()) return expiry_.cancel();
  const std::chrono::milliseconds left = expiring_.begin()->first - now_();
  expiry_.arm(std::clamp(left, std::chrono::milliseconds::zero(), kLongest));
}

void HeldRefs::expire() {
  const store::UnixTime now = now_();
  auto each = expiring_.begin();
  for (; each != expiring_.end() && each->first <= now; ++each) to_ask_.insert(each->second);
  // They are looked at once: renewed, they come back with another end.
  expiring_.erase(expiring_.begin(), each);
  armExpiry();
  askSome();
}

}  // namespace vatmesh::restore
