// SPDX-License-Identifier: Apache-2.0
//
// Publisher makes durable refs and takes them back: `Sidecar.publish`, `Sidecar.revoke`, and what
// the gateway for `save` stores.
//
// What is published once more, for the same owner and seal, keeps its URI while the ref is there;
// its label and end become those that were asked for last, unless it is kept as it is. After a
// revocation or an end it gets a new one. To know which, the store keeps a counter beside the refs
// (Record::counter):
//
//   1  read the counter; with a generation g: the ref with id(g) is there -> that is the one
//   2  else write counter g + 1 and the ref with id(g + 1), in this order and one commit; without
//      a counter, any g: nobody knows which ids were revoked before it was lost
//
// So a crash in between loses a generation and revives none. Of several processes that publish the
// same at once, those whose counter is refused look again.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "persistence/store.h"
#include "rpc/base/entropy.h"
#include "rpc/base/status.h"
#include "rpc/sturdy/uri.h"
#include "sidecar/restore/ref_ids.h"

namespace vatmesh::restore {

struct Published {
  std::string uri;  // a secret
  store::Digest digest;
};

class Publisher {
 public:
  using OnPublished = std::function<void(Result<Published>)>;
  using OnRevoked = std::function<void(Status)>;
  using OnInfo = std::function<void(Result<store::Record>)>;

  struct Parts {
    // sturdy::vatSecret; asked once. Its failure is that of publish.
    std::function<Result<std::string>()> secret;
    // The URI of this vat with `id`.
    std::function<Result<sturdy::SturdyUri>(const std::string& id)> uri_of;
    // Called when a ref was written or removed; with true: removed.
    std::function<void(const store::Digest&, bool)> changed;
    // Called with why the store could not do what was asked, which peers are not told.
    std::function<void(const Status& cause)> failed;
    store::WallClock now;
  };

  // What is said without one.
  static Status noStore();

  // `store` (null: none is configured) and `entropy` outlive it.
  Publisher(store::Store* store, Entropy& entropy, Parts parts);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Makes `record` (its object ref, label, end, owner, seal and notes are wanted) a durable ref.
  // `done` runs later, or at once when it fails, and not at all once this is destroyed. Texts of
  // errors are fit for peers. kOverloaded while the store can't be used; the ref may be there then.
  // kInvalidArgument for what can't be stored, kFailed without a store. A ref that is there already
  // is renewed, where an empty label leaves the one that it has, or kept as it is.
  enum class IfThere : uint8_t { kRenew, kKeep };
  void publish(store::Record record, OnPublished done, IfThere if_there = IfThere::kRenew);

  // Removes the ref and has what was restored from it cut. `done` as above; kNotFound: there is
  // none.
  void revoke(const store::Digest& digest, OnRevoked done);

  // What the store itself has of it by now, whoever changed it.
  void info(const store::Digest& digest, OnInfo done);

  // For handles, which may outlive this.
  std::weak_ptr<Publisher*> self() const { return self_; }

 private:
  class Job;

  Status makeIds();
  Status failure(const Status& cause);
  void finish(const store::Digest& family, Result<Published> result);

  store::Store* store_;
  Entropy& entropy_;
  Parts parts_;
  std::optional<RefIds> ids_;
  // What is being published, by its family, in the order of the calls; the first is under way.
  std::map<store::Digest, std::deque<std::shared_ptr<Job>>> jobs_;
  std::shared_ptr<Publisher*> self_;
};

}  // namespace vatmesh::restore
