// SPDX-License-Identifier: Apache-2.0
//
// IoEvent watches one descriptor, level-triggered: as long as it is ready and watched, it calls
// back in each turn. The end of what the other side sends can be watched without reading up to it.
#pragma once

#include <cstdint>

#include "sidecar/event/loop.h"

namespace vatmesh::event {

enum class Interest : uint8_t { kNone = 0, kRead = 1, kWrite = 2, kReadWrite = 3, kEnd = 4 };

class IoEvent {
 public:
  // Watches nothing yet. `fd` is borrowed and must be closed after this is destroyed. An error or
  // hang-up of `fd` makes it ready for all that is watched.
  IoEvent(Loop& loop, int fd, Loop::Callback on_readable, Loop::Callback on_writable = {},
          Loop::Callback on_end = {});
  ~IoEvent();
  IoEvent(const IoEvent&) = delete;
  IoEvent& operator=(const IoEvent&) = delete;

  // Takes effect at once: what is no longer watched doesn't call back any more, in this turn
  // either.
  void watch(Interest interest);
  Interest interest() const { return interest_; }

 private:
  Loop::Callback on_readable_;
  Loop::Callback on_writable_;
  Loop::Callback on_end_;
  ::event* read_event_;
  ::event* write_event_;
  ::event* end_event_;
  Interest interest_ = Interest::kNone;
};

}  // namespace vatmesh::event
