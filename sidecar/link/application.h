// SPDX-License-Identifier: Apache-2.0
//
// Application is how the sidecar reaches one application: the link to ask for its bootstrap.
// Kinds: dialled anew for each peer, dialled once, inherited as a descriptor, or dialling in.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_set>

#include "rpc/base/entropy.h"
#include "rpc/base/status.h"
#include "sidecar/config/config.h"
#include "sidecar/link/hub.h"
#include "sidecar/link/restorer.h"
#include "sidecar/net/dialer.h"

namespace vatmesh::link {

class Application {
 public:
  // Gets a link that is up, or why there is none: kDisconnected, with a text for peers.
  using Done = std::function<void(Result<captp::LinkId>)>;

  virtual ~Application() = default;

  // Gives the application what `restorer`, which outlives this, has for the Bootstraps on its own
  // links. Before start; without, there is nothing to be had.
  void offer(Restorer& restorer) { offered_ = &restorer; }

  // Begins to reach it; call it once, with the loop running or about to.
  virtual void start() = 0;

  // Finds the link on which `peer`'s bootstraps are asked; `done` may be called at once.
  virtual void linkFor(captp::LinkId peer, Done done) = 0;

  // This vat saves its objects (Hub::makeGateway), on all its links. Before start().
  void makeGateway() { gateway_ = true; }
  // Whether `link` is one of its links that are up.
  bool owns(captp::LinkId link) const { return up_.contains(linkKey(link)); }

  // `peer` is down: the link that was opened for it alone ends, an open request is dropped.
  virtual void peerGone(captp::LinkId peer) = 0;

  // Ok when it can be reached, as far as is known; else why not, for operators.
  const Status& health() const { return health_; }
  // Calls `on_change` whenever health() begins or ceases to be ok.
  void observe(std::function<void()> on_change) { on_change_ = std::move(on_change); }

 protected:
  void setHealth(Status health);
  // The application asks for something on its `link`.
  void asked(Link& link, captp::OpId op, const std::string& object_id);
  // One of its links is up; is down, and may never have been up.
  void linkUp(Link& link);
  void linkDown(Hub& hub, captp::LinkId link);

 private:
  bool gateway_ = false;
  std::unordered_set<uint64_t> up_;  // keys of links
  Status health_{Code::kUnavailable, "not reached yet"};
  std::function<void()> on_change_;
  Restorer* offered_ = nullptr;
};

// Makes an application that is dialled at `address`. All references outlive it.
std::unique_ptr<Application> dialledApplication(Hub& hub, net::Dialer& dialer, Entropy& entropy,
                                                const net::Address& address,
                                                config::App::Links links);

}  // namespace vatmesh::link
