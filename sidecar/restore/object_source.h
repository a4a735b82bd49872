// SPDX-License-Identifier: Apache-2.0
//
// ObjectSource is where the objects of durable refs live: the application that named them.
#pragma once

#include <functional>
#include <string>

#include "rpc/vat/objects.h"
#include "sidecar/link/application.h"
#include "sidecar/link/link.h"

namespace vatmesh::restore {

class ObjectSource {
 public:
  using Done = std::function<void(Result<captp::Capability>)>;

  virtual ~ObjectSource() = default;

  // Finds the link of the application on which `peer`'s objects live; `done` may be called at once.
  virtual void linkFor(captp::LinkId peer, link::Application::Done done) = 0;

  // Asks the application at `app_link` for the object that it calls `object_ref` (a record's), on
  // behalf of `peer`. `done` runs once, later, unless the call that is returned is destroyed before
  // or there is none.
  virtual Result<vat::PendingCall> restore(captp::LinkId app_link, const std::string& object_ref,
                                           const link::Link& peer, Done done) = 0;

  // `peer` is down: what was opened for it alone can go.
  virtual void peerGone(captp::LinkId peer) = 0;
};

}  // namespace vatmesh::restore
