// SPDX-License-Identifier: Apache-2.0
//
// ChildWatcher reports the end of one child process and reaps it. Other children are left alone.
#pragma once

#include <sys/types.h>

#include <functional>

#include "sidecar/event/loop.h"
#include "sidecar/event/signal_event.h"

namespace vatmesh::event {

class ChildWatcher {
 public:
  // Calls `on_exit` once, in a later turn, with the status as waitpid gives it (WIFEXITED and so
  // on), also when `pid` has ended before. -1: somebody else reaped it. `pid` is a child of ours.
  ChildWatcher(Loop& loop, pid_t pid, std::function<void(int wait_status)> on_exit);
  ChildWatcher(const ChildWatcher&) = delete;
  ChildWatcher& operator=(const ChildWatcher&) = delete;

  // False once it has ended: its process id may then belong to another process.
  bool running() const { return running_; }
  pid_t pid() const { return pid_; }

 private:
  void check();

  pid_t pid_;
  std::function<void(int)> on_exit_;
  bool running_ = true;
  SignalEvent signal_;
  NextTurn first_check_;
};

}  // namespace vatmesh::event
