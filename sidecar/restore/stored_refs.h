// SPDX-License-Identifier: Apache-2.0
//
// StoredRefs restores from the store: by the digest of an id, record first, then the link to the
// application, then Application.restore on it.
//
//   R1  All who ask for one digest while its record is read share that read.
//   R2  All who ask for one digest by one application link share one object, as long as somebody
//       holds it; it is asked for once. Objects of different links are never mixed.
//   R3  A failure is that of those who waited for it; the next one asks anew.
//   R4  Who no longer wants an answer is forgotten at once; with the last one, the call to the
//       application is canceled.
//   R5  What is restored stands behind a gate, which is cut when the ref is revoked or ends.
//   R6  A read under way when its record changes counts for nothing; it is done again. When any
//       record may have changed, what was found is looked at once more while it is given.
//
// The wrong peer for a sealed ref, and a ref that has ended, are answered like an unknown id.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "persistence/store.h"
#include "rpc/vat/objects.h"
#include "sidecar/link/application.h"
#include "sidecar/link/hub.h"
#include "sidecar/restore/grants.h"
#include "sidecar/restore/held_refs.h"
#include "sidecar/restore/object_source.h"
#include "sidecar/restore/store_health.h"

namespace vatmesh::restore {

class StoredRefs {
 public:
  // How long a peer waits for the store.
  static constexpr Duration kPatience = std::chrono::seconds(5);
  // Reads of the store that one peer has under way, whether it waits for them still or not; what it
  // asks for beyond is kOverloaded. Others find the store's queue short.
  static constexpr size_t kMaxReads = 4096;

  struct Parts {
    link::Hub& hub;
    Grants& grants;
    store::Store& store;
    StoreHealth& health;
    ObjectSource& source;
    store::WallClock now;
  };

  // All that `parts` leads to outlives it, or dies in the same turn of the loop.
  explicit StoredRefs(Parts parts, Duration patience = kPatience);
  StoredRefs(const StoredRefs&) = delete;
  StoredRefs& operator=(const StoredRefs&) = delete;

  // Finds what `peer` asks for by an id with `digest`. Leads to one Hub::complete, unless it is
  // canceled before.
  void restore(link::Link& peer, captp::OpId op, const store::Digest& digest);
  void cancel(captp::OpId op);
  void peerGone(captp::LinkId peer);

  // A record was written, by us or others; none: each may have been.
  void changed(const std::optional<store::Digest>& digest);
  // The ref is over: fails who waits for it, and what was restored from it, with `why`.
  void end(const store::Digest& digest, const Status& why);

  // Objects that were restored and are held, or are being asked for.
  size_t objects() const { return objects_.size(); }

 private:
  // One that waits for an answer.
  struct Waiter {
    captp::LinkId peer;
    store::Digest digest;
    Instant since{};
    HeldRefs::Hold hold;  // once the record was read
  };
  struct Load {
    uint64_t number = 0;    // of the read that is under way
    uint64_t asker = 0;     // the key of the link for which it began
    Instant since{};        // of the first one: reads that are done again count too
    bool stale = false;     // its record has changed since
    bool doubtful = false;  // it may have
    int reads = 0;
    bool late = false;  // nobody waits for it any more
    std::set<captp::OpId> waiting;
  };
  using ObjectKey = std::pair<store::Digest, uint64_t>;  // and the application's link
  struct Object {
    uint64_t number = 0;
    std::set<captp::OpId> waiting;
    vat::PendingCall call;
    captp::ObjectId gate;  // none while it is being asked for
    HeldRefs::Hold hold;
  };
  using RecordPtr = std::shared_ptr<const store::Record>;

  void read(const store::Digest& digest, Load& load);
  void loaded(const store::Digest& digest, uint64_t number, const Result<store::Stored>& stored);
  void take(captp::OpId op, const RecordPtr& record);
  bool maySee(const Waiter& waiter, const store::Record& record) const;
  void linked(captp::OpId op, const RecordPtr& record, const Result<captp::LinkId>& app_link);
  void ask(const ObjectKey& key, captp::LinkId app_link, captp::OpId op, const RecordPtr& record);
  void restored(const ObjectKey& key, uint64_t number, Result<captp::Capability> object);
  void give(captp::OpId op, captp::Capability gate);
  bool over(captp::OpId op, metrics::RestoreResult result);
  void fail(captp::OpId op, metrics::RestoreResult result, const Status& why);
  void unknown(captp::OpId op);
  void unreadable(captp::OpId op, const Status& why);
  void tooLate();

  Parts parts_;
  const Duration patience_;
  uint64_t last_number_ = 0;
  HeldRefs held_;  // outlives the holds
  std::map<captp::OpId, Waiter> waiters_;
  std::map<store::Digest, Load> loads_;
  std::map<uint64_t, size_t> reads_of_;  // by asker
  std::map<ObjectKey, Object> objects_;
  event::Timer deadline_;  // of the oldest load, or earlier
  std::shared_ptr<StoredRefs*> self_;
  std::unique_ptr<store::Watch> watch_;
};

}  // namespace vatmesh::restore
