// SPDX-License-Identifier: Apache-2.0
//
// Restorer is what peer links ask for the services of this vat. sidecar/restore implements it.
#pragma once

#include <string>

#include "sidecar/link/link.h"

namespace vatmesh::link {

class Restorer {
 public:
  virtual ~Restorer() = default;

  // Finds what `peer` asks for; see LinkOwner::onRestore. Leads to one Hub::complete.
  virtual void restore(Link& peer, captp::OpId op, const std::string& object_id) = 0;

  // What `op` asked for is no longer wanted; see LinkOwner::onCancel.
  virtual void cancel(captp::OpId op) {}

  // `peer` is down: what was opened for it alone can go.
  virtual void peerGone(captp::LinkId peer) = 0;
};

}  // namespace vatmesh::link
