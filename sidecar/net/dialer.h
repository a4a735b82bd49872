// SPDX-License-Identifier: Apache-2.0
//
// Dialer opens connections without blocking. A host name is resolved at every dial, and its
// addresses are tried in turn.
#pragma once

#include <functional>
#include <memory>

#include "rpc/base/instant.h"
#include "rpc/base/status.h"
#include "sidecar/event/fd.h"
#include "sidecar/event/loop.h"
#include "sidecar/net/address.h"
#include "sidecar/net/resolver.h"
#include "sidecar/net/socket.h"

namespace vatmesh::net {

struct DialOptions {
  Duration timeout = std::chrono::seconds(10);  // for the whole dial, resolving included
  TcpOptions tcp;
};

// A dial under way; destroying it cancels.
class Dial {
 public:
  virtual ~Dial() = default;
};

// Outlives its Dials.
class Dialer {
 public:
  // Gets a connected non-blocking socket with its options set, or why there is none. Called once,
  // in a later turn, never inside `dial`. It may destroy the Dial.
  using Callback = std::function<void(Result<event::Fd>)>;

  explicit Dialer(event::Loop& loop) : loop_(loop), resolver_(loop) {}

  // Errors name the address, the cause and the remedy: kUnavailable (refused, unreachable, unknown
  // name, no such socket), kTimeout, kRefused (permission denied), kInvalidArgument (path too
  // long).
  std::unique_ptr<Dial> dial(const Address& address, const DialOptions& options, Callback callback);

 private:
  event::Loop& loop_;
  Resolver resolver_;
};

}  // namespace vatmesh::net
