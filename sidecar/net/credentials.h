// SPDX-License-Identifier: Apache-2.0
//
// Who is at the other end of a local socket, and who may be (contracts 3): by default only our own
// user and root.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rpc/base/status.h"

namespace vatmesh::net {

struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

// SO_PEERCRED of a Unix socket; nullopt for others.
std::optional<PeerCredentials> peerCredentials(int fd);

class AllowedUids {
 public:
  // Our own user and root.
  AllowedUids() = default;
  // `uids` as well as our own user and root.
  explicit AllowedUids(std::vector<uid_t> uids) : uids_(std::move(uids)) {}
  static AllowedUids any();

  bool isAny() const { return any_; }
  bool allows(uid_t uid) const;
  // Ok, or kRefused with the user and the remedy. A socket without credentials (TCP) is allowed:
  // loopback TCP is open to every local user.
  Status check(const std::optional<PeerCredentials>& peer) const;
  // Mode of the socket file: 0600 when only our own user and root may connect, else 0666, since the
  // system would otherwise refuse those whom `check` lets in.
  mode_t socketMode() const;

 private:
  std::vector<uid_t> uids_;
  bool any_ = false;
};

}  // namespace vatmesh::net
