// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/file_watcher.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

namespace vatmesh::event {

namespace {

constexpr uint32_t kEvents = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                             IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

std::string folderOf(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

int64_t nanoseconds(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

FileWatcher::FileWatcher(Loop& loop, std::string path, Loop::Callback on_change)
    : path_(std::move(path)),
      folder_(folderOf(path_)),
      on_change_(std::move(on_change)),
      inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      seen_(look()),
      io_(loop, inotify_.get(), [this] { readEvents(); }),
      settle_(loop, [this] { check(); }),
      poll_(loop, [this] {
        watchFolder();
        poll_.arm(kPoll);
        check();
      }) {
  if (inotify_.valid()) io_.watch(Interest::kRead);
  watchFolder();
  // What changed between look() and watchFolder() is found here.
  settle_.arm(kSettle);
  poll_.arm(kPoll);
}

FileWatcher::~FileWatcher() = default;

FileWatcher::Identity FileWatcher::look() const {
  struct stat st;
  if (::stat(path_.c_str(), &st) != 0) return {};
  return {.device = st.st_dev,
          .inode = st.st_ino,
          .size = st.st_size,
          .modified_ns = nanoseconds(st.st_mtim),
          .changed_ns = nanoseconds(st.st_ctim)};
}

void FileWatcher::watchFolder() {
  if (!inotify_.valid()) return;
  // The same number again for the folder that is watched already; another one when the path now
  // leads to another folder.
  const int watch = ::inotify_add_watch(inotify_.get(), folder_.c_str(), kEvents);
  if (watch_ >= 0 && watch != watch_) ::inotify_rm_watch(inotify_.get(), watch_);
  watch_ = watch;
}

void FileWatcher::readEvents() {
  // What happened doesn't matter, only that something did: check() looks at the file.
  alignas(inotify_event) char buffer[4096];
  while (::read(inotify_.get(), buffer, sizeof(buffer)) > 0) {
  }
  if (!settle_.armed()) settle_.arm(kSettle);
}

void FileWatcher::check() {
  const Identity now = look();
  if (now == seen_) return;
  seen_ = now;
  on_change_();
}

}  // namespace vatmesh::event
