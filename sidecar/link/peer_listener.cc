// SPDX-License-Identifier: Apache-2.0
//
// accepted -> (TLS) -> up -> restore -> down.
#include "sidecar/link/peer_listener.h"

namespace vatmesh::link {

Result<std::unique_ptr<PeerListener>> PeerListener::open(Hub& hub, PeerLinks& peers,
                                                         const net::Address& address,
                                                         std::shared_ptr<tls::TlsContext> tls) {
  std::unique_ptr<PeerListener> opened(new PeerListener(hub, peers, std::move(tls)));
  Result<std::unique_ptr<net::Listener>> listener = net::Listener::open(
      hub.loop(), address, {.tcp = hub.settings().tcp},
      [self = opened.get()](net::Accepted connection) { self->accepted(std::move(connection)); },
      [&hub](const Status& problem) { hub.log().error("link", problem.message()); });
  if (!listener.ok()) return listener.status();
  opened->listener_ = std::move(*listener);
  return opened;
}

void PeerListener::accepted(net::Accepted connection) {
  LinkSpec spec{.kind = captp::LinkKind::kPeer,
                .direction = metrics::Direction::kIn,
                .transport = tls_ ? metrics::Transport::kTls : metrics::Transport::kPlain,
                .name = connection.peer.isTcp() ? connection.peer.toString().substr(4) : "unix"};
  if (!hub_.admission().allows("link", spec.name, handshakes_)) return;
  ++handshakes_;
  std::unique_ptr<net::Transport> transport;
  if (tls_) {
    transport = tls_->server(std::move(connection.fd));
  } else {
    transport = std::make_unique<net::PlainTransport>(std::move(connection.fd));
  }
  hub_.open(std::move(transport), std::move(spec), *this);
}

void PeerListener::onUp(Link& link) {
  --handshakes_;
  peers_.cameIn(link, tls_.get());
}

void PeerListener::onDown(Link& link, const Status& why) {
  if (link.id()) {
    peers_.down(link.id(), why);
  } else {
    --handshakes_;
  }
}

void PeerListener::onRestore(Link& link, captp::OpId op, const std::string& object_id) {
  peers_.restorer().restore(link, op, object_id);
}

void PeerListener::onCancel(captp::OpId op) {
  peers_.restorer().cancel(op);
}

}  // namespace vatmesh::link
