// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/fd.h"

#include <unistd.h>

namespace vatmesh::event {

void Fd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace vatmesh::event
