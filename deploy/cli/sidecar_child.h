// SPDX-License-Identifier: Apache-2.0
//
// SidecarChild is a sidecar of our own for one command: it dials the peer, we speak plain Cap'n
// Proto RPC to it. Keys, TLS and pins are thus the same as everywhere. It ends with us, however we
// end.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "rpc/base/instant.h"
#include "rpc/base/status.h"
#include "rpc/sturdy/uri.h"
#include "sidecar/event/fd.h"

namespace vatmesh::deploy {

class SidecarChild {
 public:
  // The name of the import, with which the sidecar's errors about it begin.
  static constexpr const char* kImport = "peer";

  // Starts the `vatmesh-sidecar` that lies beside this program and waits until it is ready, which
  // does not mean that the peer was reached. `key_file` is made when there is none; empty: a key
  // that ends with the child. Errors are those of the sidecar: kInvalidArgument, kRefused or
  // kUnavailable.
  static Result<std::unique_ptr<SidecarChild>> start(const sturdy::SturdyUri& uri,
                                                     const std::string& key_file);

  // Asks it to close its connections, and waits a moment for that.
  ~SidecarChild();
  SidecarChild(const SidecarChild&) = delete;
  SidecarChild& operator=(const SidecarChild&) = delete;

  // A new connection to the object of the URI; it is our child who accepts it.
  Result<event::Fd> connect() const;

 private:
  explicit SidecarChild(std::string socket) : socket_(std::move(socket)) {}

  Status run(const std::string& path, const std::string& config);
  Status awaitReady(event::Fd ready);
  bool awaitEnd(Duration time);
  Status endError();

  const std::string socket_;  // the name of an abstract one
  pid_t pid_ = -1;            // -1: not started, or ended and waited for
  int wait_status_ = 0;
  event::Fd words_;  // what the child has written to its outputs
};

}  // namespace vatmesh::deploy
