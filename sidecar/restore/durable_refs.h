// SPDX-License-Identifier: Apache-2.0
//
// DurableRefs is everything between the vat and its store of sturdy refs: the way out (StoredRefs),
// the way in (Publisher), and whether the store can be used. Without a store it refuses to publish,
// and there is nothing to restore from.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "persistence/store.h"
#include "rpc/base/log.h"
#include "sidecar/restore/application_objects.h"
#include "sidecar/restore/publisher.h"
#include "sidecar/restore/store_health.h"
#include "sidecar/restore/stored_refs.h"

namespace vatmesh::restore {

class DurableRefs {
 public:
  struct Parts {
    link::Hub& hub;
    Grants& grants;
    ApplicationCalls& calls;
    Entropy& entropy;
    std::function<ApplicationObjects::Target()> target;
    std::function<Result<std::string>()> secret;  // see Publisher
    std::function<Result<sturdy::SturdyUri>(const std::string& id)> uri_of;
    store::WallClock now;
  };

  // `store` may be null. All that `parts` leads to outlives it.
  DurableRefs(Parts parts, std::unique_ptr<store::Store> store);
  ~DurableRefs();

  Publisher& publisher() { return publisher_; }
  // Ok when what `program` publishes could be restored; else why not.
  Status mayPublish(const link::Link& program) const;
  // Null without a store.
  StoredRefs* stored() { return stored_.get(); }
  // For a vat whose URIs name a key that was made just now: the log tells when there are refs in
  // the store already, since they were given out under another key.
  void keyIsNew();
  // Whether the store can be used; none: there is none.
  std::optional<Status> storeStatus() const;

 private:
  Publisher::Parts publisherParts(Parts& parts);

  Logger& log_;
  const std::unique_ptr<store::Store> store_;
  const std::function<ApplicationObjects::Target()> target_;
  const ApplicationCalls& calls_;
  ApplicationObjects objects_;
  std::unique_ptr<StoreHealth> health_;  // null without a store
  std::unique_ptr<StoredRefs> stored_;
  Publisher publisher_;
};

}  // namespace vatmesh::restore
