// SPDX-License-Identifier: Apache-2.0
//
// HeldRefs knows which refs of the store are in use, and finds out when one of them is taken back
// or ends: whenever the store tells of a change, when its end has come, and when a store that could
// not be used is back.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "persistence/store.h"
#include "rpc/base/log.h"
#include "sidecar/event/timer.h"

namespace vatmesh::restore {

class HeldRefs {
 public:
  static constexpr Duration kRetry = std::chrono::seconds(1);
  static constexpr size_t kMaxAsked = 64;  // at a time
  // Between two looks at all refs, where a store can't tell which one was changed: seldom enough
  // for a store that is written all the time, often enough to know of a revocation in a second.
  static constexpr Duration kLookInterval = std::chrono::milliseconds(500);

  // Told that what came from `digest` is to be cut.
  using OnEnd = std::function<void(const store::Digest&, const Status& why)>;

  // As long as it lives, its ref is in use. Must not outlive the HeldRefs.
  class Hold {
   public:
    Hold() = default;
    Hold(HeldRefs& refs, const store::Digest& digest) : refs_(&refs), digest_(digest) {}
    Hold(Hold&& other) noexcept
        : refs_(std::exchange(other.refs_, nullptr)), digest_(other.digest_) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(refs_, other.refs_);
      std::swap(digest_, other.digest_);
      return *this;
    }
    ~Hold() {
      if (refs_ != nullptr) refs_->release(digest_);
    }

   private:
    HeldRefs* refs_ = nullptr;
    store::Digest digest_;
  };

  // All references outlive it, or die in the same turn of the loop.
  HeldRefs(event::Loop& loop, store::Store& store, store::WallClock now, OnEnd on_end);

  // `record` of `digest` was read just now, and is in use.
  Hold hold(const store::Digest& digest, const store::Record& record);

  // The store's record of `digest` may have changed; none: each may have.
  void changed(const std::optional<store::Digest>& digest);

  // Refs in use.
  size_t size() const { return refs_.size(); }

 private:
  struct Ref {
    size_t holds = 0;
    std::optional<store::UnixTime> expires;
    std::optional<store::Digest> sealed_for;
  };

  void release(const store::Digest& digest);
  void lookAtAll();
  void askSome();
  void answered(const store::Digest& digest, const Result<store::Stored>& stored);
  void setExpires(const store::Digest& digest, Ref& ref, std::optional<store::UnixTime> expires);
  void end(const store::Digest& digest, const Status& why);
  void armExpiry();
  void expire();

  event::Loop& loop_;
  store::Store& store_;
  const store::WallClock now_;
  const OnEnd on_end_;
  std::map<store::Digest, Ref> refs_;
  std::set<std::pair<store::UnixTime, store::Digest>> expiring_;
  std::set<store::Digest> to_ask_;
  std::set<store::Digest> failed_;  // to be asked again
  size_t asked_ = 0;
  Instant last_look_{};  // at all
  event::Timer look_;
  event::Timer expiry_;
  event::Timer retry_;
  std::shared_ptr<HeldRefs*> self_;
};

}  // namespace vatmesh::restore
