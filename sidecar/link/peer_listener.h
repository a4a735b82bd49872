// SPDX-License-Identifier: Apache-2.0
//
// PeerListener accepts other vats at one address, with TLS or without.
#pragma once

#include <memory>

#include "sidecar/link/hub.h"
#include "sidecar/link/peer_links.h"
#include "sidecar/net/listener.h"
#include "sidecar/tls/context.h"

namespace vatmesh::link {

class PeerListener : private LinkOwner {
 public:
  // Binds at once; null `tls` means that peers are taken without it. `peers` learns of every link
  // and says who serves it. All references outlive it.
  static Result<std::unique_ptr<PeerListener>> open(Hub& hub, PeerLinks& peers,
                                                    const net::Address& address,
                                                    std::shared_ptr<tls::TlsContext> tls);

  const net::Address& boundAddress() const { return listener_->boundAddress(); }

  // Accepts no more; what was accepted stays.
  void stop() { listener_.reset(); }

 private:
  PeerListener(Hub& hub, PeerLinks& peers, std::shared_ptr<tls::TlsContext> tls)
      : hub_(hub), peers_(peers), tls_(std::move(tls)) {}

  void accepted(net::Accepted connection);
  void onUp(Link& link) override;
  void onDown(Link& link, const Status& why) override;
  void onRestore(Link& link, captp::OpId op, const std::string& object_id) override;
  void onCancel(captp::OpId op) override;

  Hub& hub_;
  PeerLinks& peers_;
  std::shared_ptr<tls::TlsContext> tls_;
  size_t handshakes_ = 0;  // links that are not up yet
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace vatmesh::link
