// SPDX-License-Identifier: Apache-2.0
//
// Control gives programs their `Sidecar` (vatmesh.capnp): local programs at the address `control`,
// and applications as the bootstrap of their own connections. Each Sidecar belongs to the
// connection that it was asked for on, and so does what it exports.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "persistence/store.h"
#include "rpc/base/entropy.h"
#include "rpc/sturdy/uri.h"
#include "sidecar/control/importer.h"
#include "sidecar/control/live_exports.h"
#include "sidecar/link/hub.h"
#include "sidecar/link/identity.h"
#include "sidecar/link/peer_links.h"
#include "sidecar/link/restorer.h"
#include "sidecar/restore/application_calls.h"
#include "sidecar/restore/durable_refs.h"
#include "sidecar/restore/exports.h"
#include "sidecar/restore/import.h"

namespace vatmesh::control {

class Control : public link::Restorer {
 public:
  using Imports = std::vector<std::unique_ptr<restore::Import>>;

  // What it is made of; all of it outlives it.
  struct Parts {
    link::Hub& hub;
    link::Identity& identity;
    link::PeerLinks& peers;
    restore::Exports& exports;
    restore::ApplicationCalls& calls;
    restore::DurableRefs& durable;
    const Imports& imports;
    Entropy& entropy;
    store::WallClock now;
    // The URI of this vat with an id; kUnavailable when nobody could use one.
    std::function<Result<sturdy::SturdyUri>(const std::string& id)> uri_of;
  };

  explicit Control(Parts parts);
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // Gives `program` its Sidecar; there is nothing else to be had.
  void restore(link::Link& program, captp::OpId op, const std::string& object_id) override;
  // What it has exported ends.
  void peerGone(captp::LinkId program) override;

  // Whether `uri` is one of this vat. Without TLS, who we are is where we are.
  bool isOwn(const sturdy::SturdyUri& uri) const;

  const LiveExports& liveExports() const { return live_; }

 private:
  friend class SidecarObject;

  Parts parts_;
  LiveExports live_;
  Importer importer_;
};

}  // namespace vatmesh::control
