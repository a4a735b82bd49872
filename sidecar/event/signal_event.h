// SPDX-License-Identifier: Apache-2.0
//
// SignalEvent calls back in the loop when the process got a signal. Only one Loop of a process may
// have such handles at a time.
#pragma once

#include "sidecar/event/loop.h"

namespace vatmesh::event {

class SignalEvent {
 public:
  // Catches `signal_number` from now on; several arrivals may give one call.
  SignalEvent(Loop& loop, int signal_number, Loop::Callback callback);
  ~SignalEvent();
  SignalEvent(const SignalEvent&) = delete;
  SignalEvent& operator=(const SignalEvent&) = delete;

 private:
  Loop::Callback callback_;
  ::event* event_;
};

}  // namespace vatmesh::event
