// SPDX-License-Identifier: Apache-2.0
//
// PeerListener accepts other vats at one address, with TLS or without.
#pragma once

#include <memory>

#include "sidecar/link/hub.h"
#include "sidecar/link/restorer.h"
#include "sidecar/net/listener.h"
#include "sidecar/tls/context.h"

namespace vatmesh::link {

class PeerListener : private LinkOwner {
 public:
  // Binds at once; null `tls` means that peers are taken without it. `restorer` serves them. All
  // references outlive it.
  static Result<std::unique_ptr<PeerListener>> open(Hub& hub, Restorer& restorer,
                                                    const net::Address& address,
                                                    std::shared_ptr<tls::TlsContext> tls);

  const net::Address& boundAddress() const { return listener_->boundAddress(); }

  // Accepts no more; what was accepted stays.
  void stop() { listener_.reset(); }

 private:
  PeerListener(Hub& hub, Restorer& restorer, std::shared_ptr<tls::TlsContext> tls)
      : hub_(hub), restorer_(restorer), tls_(std::move(tls)) {}

  void accepted(net::Accepted connection);
  void onUp(Link& link) override { --handshakes_; }
  void onDown(Link& link, const Status& why) override;
  void onRestore(Link& link, captp::OpId op, const std::string& object_id) override;

  Hub& hub_;
  Restorer& restorer_;
  std::shared_ptr<tls::TlsContext> tls_;
  size_t handshakes_ = 0;  // links that are not up yet
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace vatmesh::link
