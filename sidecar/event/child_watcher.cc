// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/child_watcher.h"

#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <utility>

namespace vatmesh::event {

ChildWatcher::ChildWatcher(Loop& loop, pid_t pid, std::function<void(int)> on_exit)
    : pid_(pid),
      on_exit_(std::move(on_exit)),
      signal_(loop, SIGCHLD, [this] { check(); }),
      first_check_(loop, [this] { check(); }) {
  // It may have ended before the signal was caught.
  first_check_.arm();
}

void ChildWatcher::check() {
  if (!running_) return;
  int status = -1;
  pid_t ended;
  do {
    ended = ::waitpid(pid_, &status, WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended == 0) return;
  running_ = false;
  on_exit_(ended == pid_ ? status : -1);
}

}  // namespace vatmesh::event
