// SPDX-License-Identifier: Apache-2.0
//
// FileWatcher tells when the file at a path appears, changes, is replaced (by rename or by a
// symlink on the way to it, as mounted secrets are) or disappears. It watches the folder, and looks
// at the file by itself now and then, so it also works where the folder doesn't exist yet or the
// file system reports nothing.
#pragma once

#include <string>

#include "rpc/base/instant.h"
#include "sidecar/event/fd.h"
#include "sidecar/event/io_event.h"
#include "sidecar/event/loop.h"
#include "sidecar/event/timer.h"

namespace vatmesh::event {

class FileWatcher {
 public:
  static constexpr Duration kSettle = std::chrono::milliseconds(20);
  static constexpr Duration kPoll = std::chrono::seconds(2);

  // Calls back in a later turn, once for a burst of changes (kSettle), only if the file that the
  // path leads to is another or has changed since construction or the last call. The callback reads
  // the file itself.
  FileWatcher(Loop& loop, std::string path, Loop::Callback on_change);
  ~FileWatcher();
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

 private:
  // Which file the path leads to, and its state; all zero when there is none.
  struct Identity {
    uint64_t device = 0, inode = 0;
    int64_t size = 0, modified_ns = 0, changed_ns = 0;
    bool operator==(const Identity&) const = default;
  };

  Identity look() const;
  void watchFolder();
  void readEvents();
  void check();

  std::string path_;
  std::string folder_;
  Loop::Callback on_change_;
  Fd inotify_;  // invalid when the system gives none: then polling alone
  int watch_ = -1;
  Identity seen_;
  IoEvent io_;
  Timer settle_;
  Timer poll_;
};

}  // namespace vatmesh::event
