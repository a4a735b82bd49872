// SPDX-License-Identifier: Apache-2.0
//
// FileSession is one thread's way into the folder of a file store; file_store.h has its rules.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "persistence/file_meta.h"
#include "persistence/folder.h"
#include "persistence/session.h"

namespace vatmesh::store {

// FileFolder is what the sessions of one store share.
class FileFolder {
 public:
  explicit FileFolder(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  // Makes the folder at the first call (F5).
  Status make();

  // Held by whoever has the folder's lock: readers at once, writers alone, in the order in which
  // they came. So threads of one store wait for each other however long that takes; the patience of
  // FolderLock is for other processes.
  struct Turn {
    std::shared_lock<std::shared_mutex> reads;
    std::unique_lock<std::shared_mutex> writes;
  };
  Turn turn(LockMode mode);

 private:
  const std::string path_;
  std::mutex mutex_;
  bool made_ = false;
  std::mutex door_;  // who waits for a turn keeps those who come later outside
  std::shared_mutex turns_;
};

class FileSession : public Session {
 public:
  FileSession(std::shared_ptr<FileFolder> folder, WallClock now)
      : folder_(std::move(folder)), path_(folder_->path()), now_(std::move(now)) {}

  Result<Stored> get(const Digest& digest) override;
  Result<Page> list(const std::string& page_token, size_t limit) override;
  std::vector<Result<Version>> write(std::span<const Write> batch) override;
  Status health() override;
  void sweep() override;
  Changes poll() override;

 private:
  enum class Origin : uint8_t { kOurs, kForeign };
  // A record on the disk, expired or not.
  struct Found {
    Record record;
    Origin origin = Origin::kOurs;
    Version version = kNoVersion;
  };

  std::string refPath(const Digest& digest) const { return path_ + "/" + digest.toText(); }
  std::string metaPath(const Digest& digest) const { return refPath(digest) + ".meta"; }
  struct Held {
    FileFolder::Turn turn;
    FolderLock lock;  // goes first
  };
  Result<Held> lock(LockMode mode) const;
  Status gone() const;
  // Visits the names in the folder, in no order.
  Status eachName(const std::function<void(const char*)>& visit) const;

  // All of these want the lock.
  Result<Found> find(const Digest& digest) const;
  // As `find`, without the version, and with errors that name no ref.
  Result<Found> readFiles(const Digest& digest) const;
  Result<Version> put(const Write& write) const;
  Status remove(const Digest& digest, Version expected) const;
  Status removeFiles(const Digest& digest) const;
  void tidy(const Digest& digest) const;

  void watchFolder(Changes& changes);

  std::shared_ptr<FileFolder> folder_;
  const std::string& path_;
  WallClock now_;
  Fd inotify_;
  int watch_ = -1;
};

}  // namespace vatmesh::store
