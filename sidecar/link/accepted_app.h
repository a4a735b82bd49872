// SPDX-License-Identifier: Apache-2.0
//
// AcceptedApp is an application that dials in and offers its bootstrap: one connection at a time.
#pragma once

#include <memory>

#include "sidecar/link/application.h"
#include "sidecar/net/credentials.h"
#include "sidecar/net/listener.h"

namespace vatmesh::link {

class AcceptedApp : public Application, private LinkOwner {
 public:
  // Binds at once; only `allowed` users may connect. `hub` outlives it.
  static Result<std::unique_ptr<AcceptedApp>> open(Hub& hub, const net::Address& address,
                                                   net::AllowedUids allowed);

  void start() override;
  void linkFor(captp::LinkId peer, Done done) override;
  void peerGone(captp::LinkId peer) override {}

 private:
  AcceptedApp(Hub& hub, net::AllowedUids allowed) : hub_(hub), allowed_(std::move(allowed)) {}

  void accepted(net::Accepted connection);
  void onUp(Link& link) override;
  void onDown(Link& link, const Status& why) override;
  void onRestore(Link& link, captp::OpId op, const std::string& object_id) override {
    asked(link, op, object_id);
  }

  Hub& hub_;
  net::AllowedUids allowed_;
  Link* link_ = nullptr;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace vatmesh::link
