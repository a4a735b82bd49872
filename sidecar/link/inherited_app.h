// SPDX-License-Identifier: Apache-2.0
//
// InheritedApp is an application at the other end of a descriptor that we have from the start: a
// socketpair that we made for a child, or one that a supervisor gave us. It can't be reached again.
#pragma once

#include <vector>

#include "sidecar/link/application.h"

namespace vatmesh::link {

class InheritedApp : public Application, private LinkOwner {
 public:
  // `fd` is a connected stream socket, fit for the loop (net::adoptSocket).
  InheritedApp(Hub& hub, event::Fd fd) : hub_(hub), fd_(std::move(fd)) {}

  void start() override;
  void linkFor(captp::LinkId peer, Done done) override;
  void peerGone(captp::LinkId peer) override {}

 private:
  void onUp(Link& link) override;
  void onDown(Link& link, const Status& why) override;
  void onRestore(Link& link, captp::OpId op, const std::string& object_id) override {
    asked(link, op, object_id);
  }

  Hub& hub_;
  event::Fd fd_;
  Link* link_ = nullptr;
  bool over_ = false;
  std::vector<Done> waiting_;
};

}  // namespace vatmesh::link
