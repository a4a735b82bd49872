// SPDX-License-Identifier: Apache-2.0
//
// Listener accepts on one address: TCP (v4, v6), a Unix path or an abstract name.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "rpc/base/status.h"
#include "sidecar/event/fd.h"
#include "sidecar/event/io_event.h"
#include "sidecar/event/loop.h"
#include "sidecar/event/timer.h"
#include "sidecar/net/address.h"
#include "sidecar/net/credentials.h"
#include "sidecar/net/socket.h"

namespace vatmesh::net {

// One accepted connection: non-blocking, TCP options set.
struct Accepted {
  event::Fd fd;
  Address peer;                                // TCP: who dialled; Unix: mostly an empty path
  std::optional<PeerCredentials> credentials;  // Unix sockets only
};

struct ListenOptions {
  TcpOptions tcp;
  mode_t mode = 0600;  // of a Unix socket's file: see AllowedUids::socketMode
  int backlog = 1024;
};

// Its callbacks may pause it, but not destroy it: give it to Loop::deferDelete.
class Listener {
 public:
  using OnAccept = std::function<void(Accepted)>;
  // Told when accepting fails (descriptors run out, ...): the listener pauses for kPause and goes
  // on by itself. Told once until accepting works again.
  using OnProblem = std::function<void(const Status&)>;

  static constexpr Duration kPause = std::chrono::milliseconds(100);
  static constexpr int kAcceptsPerTurn = 64;

  // Binds and listens at once; callbacks come in later turns. A host name is resolved here,
  // blocking: listeners are opened at start. A Unix path: missing parent folders are made (0755); a
  // socket there on which nobody listens is removed first, any other kind of file never. Errors say
  // the address, the cause and the remedy: kUnavailable (in use), kRefused (permission),
  // kInvalidArgument.
  static Result<std::unique_ptr<Listener>> open(event::Loop& loop, const Address& address,
                                                const ListenOptions& options, OnAccept on_accept,
                                                OnProblem on_problem = {});
  // Stops listening. A Unix socket's file is removed if it is still ours.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Where it listens, with the port that the system chose for port 0.
  const Address& boundAddress() const { return bound_; }

  // While paused, connections wait in the backlog.
  void pause();
  void resume();

 private:
  Listener(event::Loop& loop, event::Fd fd, Address bound, const ListenOptions& options,
           OnAccept on_accept, OnProblem on_problem);
  void acceptReady();
  void failed(int error_number);
  void rememberFile();

  event::Fd fd_;
  Address bound_;
  ListenOptions options_;
  OnAccept on_accept_;
  OnProblem on_problem_;
  bool in_trouble_ = false;
  bool paused_ = false;
  uint64_t file_device_ = 0, file_inode_ = 0;  // of the Unix socket's file
  event::IoEvent io_;
  event::Timer retry_;
};

}  // namespace vatmesh::net
