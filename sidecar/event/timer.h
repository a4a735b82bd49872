// SPDX-License-Identifier: Apache-2.0
//
// Timer calls back once, never before its time. Several that expire together run in no fixed order.
#pragma once

#include "rpc/base/instant.h"
#include "sidecar/event/loop.h"

namespace vatmesh::event {

class Timer {
 public:
  Timer(Loop& loop, Loop::Callback callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Calls back at `when`, in a later turn if that has passed; replaces an earlier time. kNever
  // cancels.
  void armAt(Instant when);
  void arm(Duration delay) { armAt(loop_.now() + delay); }
  void cancel();
  bool armed() const { return when_ != kNever; }
  // kNever when not armed.
  Instant when() const { return when_; }

 private:
  void add(Duration delay);
  void expired();

  Loop& loop_;
  Loop::Callback callback_;
  ::event* event_;
  Instant when_ = kNever;
};

}  // namespace vatmesh::event
