// SPDX-License-Identifier: Apache-2.0
//
// Exports is what peers can restore from this vat: a table from the digest of an id to an
// application of the configuration or to a live capability. Ids are hashed before they are looked
// up, so the time that a look-up takes tells nothing about them.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "persistence/record.h"
#include "rpc/base/status.h"
#include "sidecar/link/application.h"
#include "sidecar/link/hub.h"
#include "sidecar/link/restorer.h"
#include "sidecar/restore/grants.h"

namespace vatmesh::restore {

class Exports : public link::Restorer {
 public:
  // Both references outlive it.
  Exports(link::Hub& hub, Grants& grants) : hub_(hub), grants_(grants) {}

  // Serves the bootstrap of `app`, which outlives this, under `id`. kInvalidArgument when another
  // export has that id; `name` is for the text.
  Status add(const std::string& name, const std::string& id, link::Application& app);

  // Serves `capability` under the id with `digest` until removeLive: as long as a process wants it,
  // and behind a gate. kConflict when that id is taken; `label` is for the text.
  Status addLive(const store::Digest& digest, const captp::Capability& capability,
                 const std::string& label);
  // Serves it no more, and fails the calls of all who have it with `why`. False when it is no live
  // export.
  bool removeLive(const store::Digest& digest, const Status& why);

  void restore(link::Link& peer, captp::OpId op, const std::string& object_id) override;
  void peerGone(captp::LinkId peer) override;

 private:
  struct Configured {
    std::string name;
    link::Application* app;
  };
  struct Live {
    std::string label;
    captp::Capability gate;
  };
  using Entry = std::variant<Configured, Live>;

  void found(captp::OpId op, Result<captp::LinkId> app_link);
  void unknown(link::Link& peer, captp::OpId op, const store::Digest& digest);

  link::Hub& hub_;
  Grants& grants_;
  std::map<store::Digest, Entry> by_digest_;
  std::vector<link::Application*> apps_;  // each once
};

}  // namespace vatmesh::restore
