// SPDX-License-Identifier: Apache-2.0
//
// Child is an application that the sidecar starts itself: it finds one end of a socketpair as
// descriptor 3 and VATMESH_FD=3 in its environment; everything else it inherits.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rpc/base/status.h"
#include "sidecar/event/child_watcher.h"
#include "sidecar/event/fd.h"
#include "sidecar/event/loop.h"

namespace vatmesh::link {

class Child {
 public:
  // `exit_code` is its exit status, or 128 + the signal that killed it.
  using OnExit = std::function<void(int exit_code)>;

  // Starts `command` (looked up in PATH); `on_exit` is called once, in a later turn. kUnavailable
  // or kRefused when it can't be started.
  static Result<std::unique_ptr<Child>> start(event::Loop& loop,
                                              const std::vector<std::string>& command,
                                              OnExit on_exit);

  // Sends it SIGTERM if it still runs, and doesn't wait.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Our end of the socketpair, to be taken once.
  event::Fd takeSocket() { return std::move(socket_); }

  // Sends it a signal, unless it has ended.
  void signal(int signal_number);
  bool running() const { return watcher_.running(); }

 private:
  Child(event::Loop& loop, pid_t pid, event::Fd socket, OnExit on_exit);

  event::Fd socket_;
  event::ChildWatcher watcher_;
};

}  // namespace vatmesh::link
