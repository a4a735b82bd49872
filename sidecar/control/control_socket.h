// SPDX-License-Identifier: Apache-2.0
//
// ControlSocket is the address `control`, where local programs find their Sidecar.
#pragma once

#include <memory>

#include "sidecar/config/config.h"
#include "sidecar/link/hub.h"
#include "sidecar/link/restorer.h"
#include "sidecar/net/credentials.h"
#include "sidecar/net/listener.h"

namespace vatmesh::control {

class ControlSocket : private link::LinkOwner {
 public:
  // Binds at once; only the users that `config` names may connect. `sidecars` serves them. All
  // references outlive it.
  static Result<std::unique_ptr<ControlSocket>> open(link::Hub& hub, link::Restorer& sidecars,
                                                     const config::LocalSocket& config);

  const net::Address& boundAddress() const { return listener_->boundAddress(); }

  // Accepts no more; what was accepted stays.
  void stop() { listener_.reset(); }

 private:
  ControlSocket(link::Hub& hub, link::Restorer& sidecars, net::AllowedUids allowed)
      : hub_(hub), sidecars_(sidecars), allowed_(std::move(allowed)) {}

  void accepted(net::Accepted connection);
  void onDown(link::Link& program, const Status& why) override;
  void onRestore(link::Link& program, captp::OpId op, const std::string& object_id) override;

  link::Hub& hub_;
  link::Restorer& sidecars_;
  const net::AllowedUids allowed_;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace vatmesh::control
