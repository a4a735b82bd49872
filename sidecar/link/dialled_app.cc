// SPDX-License-Identifier: Apache-2.0
//
// Operators read the whole cause in the log; peers, who may be strangers, only that it failed.
#include "sidecar/link/dialled_app.h"

#include <utility>

namespace vatmesh::link {
namespace {

constexpr Duration kLasted = std::chrono::seconds(1);

Status forPeers() {
  return {Code::kDisconnected, "the application can't be reached now; try again"};
}

// Hides the cause of a failure from the peer that asked.
Application::Done hiding(Application::Done done) {
  return [done = std::move(done)](Result<captp::LinkId> link) {
    done(link.ok() ? std::move(link) : Result<captp::LinkId>(forPeers()));
  };
}

}  // namespace

OutgoingLink::Target appTarget(const Hub& hub, const net::Address& address) {
  return {
      .address = address,
      .options = {.timeout = hub.settings().app_connect, .tcp = hub.settings().tcp},
      .spec = {.kind = captp::LinkKind::kApp,
               .direction = metrics::Direction::kOut,
               .transport = metrics::Transport::kApp,
               .name = "application"},
      .wrap = [](event::Fd fd) { return std::make_unique<net::PlainTransport>(std::move(fd)); }};
}

PerPeerApp::PerPeerApp(Hub& hub, net::Dialer& dialer, Entropy& entropy, net::Address address)
    : hub_(hub),
      dialer_(dialer),
      address_(std::move(address)),
      probe_(hub, dialer, entropy, address_, appTarget(hub, address_).options,
             [this](const Status& health) { setHealth(health); }) {}

void PerPeerApp::linkFor(captp::LinkId peer, Done done) {
  const Key key = linkKey(peer);
  auto& link = by_peer_[key];
  if (!link) {
    OutgoingLink::Events events;
    events.on_up = [this](Link& up) {
      linkUp(up);
      probe_.succeeded();
    };
    events.on_restore = [this](Link& asker, captp::OpId op, const std::string& object_id) {
      asked(asker, op, object_id);
    };
    events.on_down = [this, key](const Status& why, OutgoingLink::WasUp was_up, captp::LinkId id) {
      linkDown(hub_, id);
      ended(key, why, was_up);
    };
    link = std::make_unique<OutgoingLink>(hub_, dialer_, appTarget(hub_, address_), events);
  }
  link->get(hiding(std::move(done)));
}

void PerPeerApp::peerGone(captp::LinkId peer) {
  const auto found = by_peer_.find(linkKey(peer));
  if (found == by_peer_.end()) return;
  found->second->end(Status(Code::kDisconnected, "the peer is gone"),
                     metrics::CloseReason::kLocalClose);
}

void PerPeerApp::ended(Key peer, const Status& why, OutgoingLink::WasUp was_up) {
  const auto found = by_peer_.find(peer);
  hub_.loop().deferDelete(std::move(found->second));
  by_peer_.erase(found);
  // An end that we wanted tells nothing about the application.
  if (hub_.shuttingDown() || hub_.find(linkOfKey(peer)) == nullptr) return;
  if (was_up == OutgoingLink::WasUp::kNo) {
    probe_.failed(why);
  } else {
    probe_.lost();
  }
}

SharedApp::SharedApp(Hub& hub, net::Dialer& dialer, Entropy& entropy, net::Address address)
    : hub_(hub),
      dialer_(dialer),
      address_(std::move(address)),
      backoff_(entropy),
      retry_(hub.loop(), [this] {
        ++hub_.counters().app_link_reconnects;
        dial();
      }) {}

void SharedApp::dial() {
  OutgoingLink::Events events;
  events.on_up = [this](Link& link) {
    linkUp(link);
    setHealth(Status());
    tried_ = false;
    warned_ = false;
    up_since_ = hub_.loop().now();
    hub_.log().info("app", "application at " + address_.toString() + " is connected");
  };
  events.on_restore = [this](Link& asker, captp::OpId op, const std::string& object_id) {
    asked(asker, op, object_id);
  };
  events.on_down = [this](const Status& why, OutgoingLink::WasUp was_up, captp::LinkId link) {
    linkDown(hub_, link);
    ended(why, was_up);
  };
  link_ = std::make_unique<OutgoingLink>(hub_, dialer_, appTarget(hub_, address_), events);
}

void SharedApp::linkFor(captp::LinkId, Done done) {
  if (link_ && (link_->isUp() || !tried_)) {
    link_->get(hiding(std::move(done)));
  } else {
    done(forPeers());
  }
}

void SharedApp::ended(const Status& why, OutgoingLink::WasUp was_up) {
  hub_.loop().deferDelete(std::move(link_));
  if (hub_.shuttingDown()) return;
  tried_ = true;
  setHealth(why);
  if (was_up == OutgoingLink::WasUp::kYes) {
    if (hub_.loop().now() - up_since_ > kLasted) backoff_.reset();
  }
  if (!std::exchange(warned_, true)) hub_.log().warning("app", why.message() + "; trying again");
  retry_.arm(backoff_.next());
}

std::unique_ptr<Application> dialledApplication(Hub& hub, net::Dialer& dialer, Entropy& entropy,
                                                const net::Address& address,
                                                config::App::Links links) {
  if (links == config::App::Links::kShared) {
    return std::make_unique<SharedApp>(hub, dialer, entropy, address);
  }
  return std::make_unique<PerPeerApp>(hub, dialer, entropy, address);
}

}  // namespace vatmesh::link
