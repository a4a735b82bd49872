// SPDX-License-Identifier: Apache-2.0
//
// The few things that a store asks of files, each as one call that says what went wrong. What root
// makes belongs to the owner of the folder.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "rpc/base/status.h"

namespace vatmesh::store {

// Fd owns one file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// The error of a store for `error_number`, met while `doing` ("DIR/x: write"): kFull, kRefused,
// kNotFound, else kUnavailable.
Status fileError(std::string_view doing, int error_number);

// The folder in which `path` lies.
std::string folderOf(const std::string& path);

// Makes the folder `path`, for us alone, and its missing parents, for others to pass through.
Status makeFolder(const std::string& path);

// Makes an empty file `path` for us alone. One that is there is not even opened.
Status makeFile(const std::string& path);

// The whole file `path`. kNotFound, kCorrupt when it is no regular file or larger than `limit`.
Result<std::string> readFile(const std::string& path, size_t limit);

// Puts a file with `content` in the place of `path` by way of `path` + `suffix`: another process
// sees the old one or the new one, whole. What is written lasts when `syncFolder` was called after.
Status replaceFile(const std::string& path, std::string_view suffix, std::string_view content);

// Makes what happened to the names in folder `path` last.
Status syncFolder(const std::string& path);

enum class LockMode { kShared, kExclusive };

// Asks the disk by making, filling and removing a small file in folder `path`: why a write failed
// that does not say so itself. Ok when this one works.
Status probeFolder(const std::string& path);

// FolderLock holds the lock of a store's folder, file `.lock` in it, against other sessions and
// processes, until it is destroyed. Without the right to make that file, nobody can write in the
// folder by us either, so readers go on without a lock.
class FolderLock {
 public:
  // kUnavailable when another holds it for too long.
  static Result<FolderLock> take(const std::string& folder, LockMode mode);

 private:
  explicit FolderLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;  // closing it lets go
};

}  // namespace vatmesh::store
