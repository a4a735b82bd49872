// SPDX-License-Identifier: Apache-2.0
//
// PerPeerApp and SharedApp: the two ways to dial an application that is a server.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "sidecar/event/timer.h"
#include "sidecar/link/app_probe.h"
#include "sidecar/link/application.h"
#include "sidecar/link/outgoing_link.h"
#include "sidecar/net/backoff.h"

namespace vatmesh::link {

// What a dial to the application at `address` is made of.
OutgoingLink::Target appTarget(const Hub& hub, const net::Address& address);

// One link for each peer, dialled with its first bootstrap and ended with it, so that the server
// sees what it would see from a direct client.
class PerPeerApp : public Application {
 public:
  PerPeerApp(Hub& hub, net::Dialer& dialer, Entropy& entropy, net::Address address);

  void start() override { probe_.check(); }
  void linkFor(captp::LinkId peer, Done done) override;
  void peerGone(captp::LinkId peer) override;

 private:
  using Key = uint64_t;  // of the peer's link

  void ended(Key peer, const Status& why, OutgoingLink::WasUp was_up);

  Hub& hub_;
  net::Dialer& dialer_;
  net::Address address_;
  AppProbe probe_;
  std::unordered_map<Key, std::unique_ptr<OutgoingLink>> by_peer_;
};

// One link for all peers, dialled at start and again, from 50 ms to 1 s apart, when it is lost.
// While it is lost, requests fail at once.
class SharedApp : public Application {
 public:
  SharedApp(Hub& hub, net::Dialer& dialer, Entropy& entropy, net::Address address);

  void start() override { dial(); }
  void linkFor(captp::LinkId peer, Done done) override;
  void peerGone(captp::LinkId peer) override {}

 private:
  void dial();
  void ended(const Status& why, OutgoingLink::WasUp was_up);

  Hub& hub_;
  net::Dialer& dialer_;
  net::Address address_;
  net::Backoff backoff_;
  bool warned_ = false;
  bool tried_ = false;  // an attempt has failed since the link was up
  Instant up_since_ = kNever;
  std::unique_ptr<OutgoingLink> link_;
  event::Timer retry_;
};

}  // namespace vatmesh::link
