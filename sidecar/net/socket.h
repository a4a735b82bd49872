// SPDX-License-Identifier: Apache-2.0
//
// Sockets: their addresses as the system has them, and options that every one of ours gets.
// All sockets are non-blocking and closed on exec.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <optional>
#include <string>

#include "rpc/base/instant.h"
#include "rpc/base/status.h"
#include "sidecar/event/fd.h"
#include "sidecar/net/address.h"

namespace vatmesh::net {

// A sockaddr with its length.
struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t length = 0;

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// Converts an address that needs no resolving. nullopt: `address` has a host name. An error: a Unix
// path that is too long.
Result<std::optional<SocketAddress>> numericAddress(const Address& address);
// A Unix socket without a name becomes `unix:` with an empty path.
Address addressOf(const SocketAddress& address);
// "10.1.2.3:7000", "[::1]:7000", "/run/x.sock", "@name": for logs and error texts.
std::string displayAddress(const Address& address);

// Options of every TCP socket, of both directions (contracts 2, `tcp`); terms and times as Linux
// counts them.
struct TcpOptions {
  Duration keepalive_after = std::chrono::seconds(60);     // whole seconds, at least 1
  Duration keepalive_interval = std::chrono::seconds(10);  // whole seconds, at least 1
  int keepalive_probes = 3;
  Duration user_timeout = std::chrono::seconds(30);  // whole milliseconds
  bool no_delay = true;
};

// Sets all of `options`; no effect on a Unix socket. Errors name the option.
Status applyTcpOptions(int fd, const TcpOptions& options);

// A non-blocking stream socket. kUnavailable.
Result<event::Fd> makeSocket(int family);

// The two ends of a Unix stream socketpair, both non-blocking and closed on exec.
struct SocketPair {
  event::Fd first;
  event::Fd second;
};
Result<SocketPair> makeSocketPair();

// Makes an inherited descriptor fit for the loop. kInvalidArgument when it is no stream socket.
Status adoptSocket(int fd);

// The address that `fd` is bound to, the port included. kFailed.
Result<Address> boundAddress(int fd);

// "PROBLEM (errno text)" for `error_number`, thread-safe.
std::string errnoText(int error_number);

}  // namespace vatmesh::net
