// SPDX-License-Identifier: Apache-2.0
#include "sidecar/control/control_socket.h"

#include <utility>

namespace vatmesh::control {

Result<std::unique_ptr<ControlSocket>> ControlSocket::open(link::Hub& hub, link::Restorer& sidecars,
                                                           const config::LocalSocket& config) {
  const Result<net::Address> address = net::Address::parse(config.address);
  if (!address.ok()) return address.status().withContext("control");
  std::unique_ptr<ControlSocket> opened(
      new ControlSocket(hub, sidecars, link::allowedUids(config.allow)));
  Result<std::unique_ptr<net::Listener>> listener = net::Listener::open(
      hub.loop(), *address, {.tcp = hub.settings().tcp, .mode = opened->allowed_.socketMode()},
      [self = opened.get()](net::Accepted connection) { self->accepted(std::move(connection)); },
      [&hub](const Status& problem) { hub.log().error("control", problem.message()); });
  if (!listener.ok()) return listener.status().withContext("control");
  opened->listener_ = std::move(*listener);
  return opened;
}

void ControlSocket::accepted(net::Accepted connection) {
  const Status allowed = allowed_.check(connection.credentials);
  if (!allowed.ok()) {
    hub_.limitedLog().write(LogLevel::kWarning, "control", "refused user", allowed.message());
    return;
  }
  if (!hub_.admission().allows("control", "control")) return;
  hub_.open(std::make_unique<net::PlainTransport>(std::move(connection.fd)),
            {.kind = captp::LinkKind::kClient,
             .direction = metrics::Direction::kIn,
             .transport = metrics::Transport::kClient,
             .name = "control"},
            *this);
}

void ControlSocket::onDown(link::Link& program, const Status&) {
  if (program.id()) sidecars_.peerGone(program.id());
}

void ControlSocket::onRestore(link::Link& program, captp::OpId op, const std::string& object_id) {
  sidecars_.restore(program, op, object_id);
}

}  // namespace vatmesh::control
