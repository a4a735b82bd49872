// SPDX-License-Identifier: Apache-2.0
//
// LiveExports is what programs have exported for the time being: each under a new id of its own,
// until its handle is dropped, it is revoked, or the connection ends on which it was made.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "persistence/record.h"
#include "rpc/base/entropy.h"
#include "rpc/vat/objects.h"
#include "sidecar/link/hub.h"
#include "sidecar/restore/exports.h"

namespace vatmesh::control {

class LiveExports {
 public:
  struct Entry {
    captp::LinkId link;  // of who exported it
    std::string label;
    store::UnixTime created;
  };
  struct Added {
    std::string id;  // a secret
    store::Digest digest;
  };

  // All references outlive it.
  LiveExports(link::Hub& hub, restore::Exports& exports, Entropy& entropy)
      : hub_(hub),
        exports_(exports),
        entropy_(entropy),
        self_(std::make_shared<LiveExports*>(this)) {}
  LiveExports(const LiveExports&) = delete;
  LiveExports& operator=(const LiveExports&) = delete;

  // Serves `capability`, behind a gate. kOverloaded when `entry.link` has as many as a link may
  // hold references to us, kFailed when the label is too long.
  Result<Added> add(const captp::Capability& capability, Entry entry);

  // Ends one, if it is there: calls through what was restored from it fail with `why`.
  bool remove(const store::Digest& digest, const Status& why);
  // Nobody holds its handle any more.
  void dropped(const store::Digest& digest);
  // `link` is down: ends all that was exported on it.
  void linkGone(captp::LinkId link);

  // Null when it has ended.
  const Entry* find(const store::Digest& digest) const;
  size_t size() const { return by_digest_.size(); }

  // For handles, which may outlive this.
  std::weak_ptr<LiveExports*> self() const { return self_; }

 private:
  link::Hub& hub_;
  restore::Exports& exports_;
  Entropy& entropy_;
  std::map<store::Digest, Entry> by_digest_;
  std::map<uint64_t, std::set<store::Digest>> by_link_;
  std::shared_ptr<LiveExports*> self_;
};

}  // namespace vatmesh::control
