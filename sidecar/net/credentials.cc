// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/credentials.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace vatmesh::net {

std::optional<PeerCredentials> peerCredentials(int fd) {
  int family = 0;
  socklen_t size = sizeof(family);
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0 || family != AF_UNIX) {
    return std::nullopt;
  }
  ucred credentials;
  size = sizeof(credentials);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

AllowedUids AllowedUids::any() {
  AllowedUids all;
  all.any_ = true;
  return all;
}

bool AllowedUids::allows(uid_t uid) const {
  return any_ || uid == 0 || uid == ::geteuid() ||
         std::find(uids_.begin(), uids_.end(), uid) != uids_.end();
}

Status AllowedUids::check(const std::optional<PeerCredentials>& peer) const {
  if (!peer || allows(peer->uid)) return {};
  return Status(Code::kRefused, "user " + std::to_string(peer->uid) + " (process " +
                                    std::to_string(peer->pid) +
                                    ") may not use this socket: name it in allowUids");
}

mode_t AllowedUids::socketMode() const {
  return any_ || !uids_.empty() ? 0666 : 0600;
}

}  // namespace vatmesh::net
