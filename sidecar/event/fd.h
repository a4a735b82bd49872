// SPDX-License-Identifier: Apache-2.0
//
// Fd owns one file descriptor and closes it.
#pragma once

#include <utility>

namespace vatmesh::event {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  explicit operator bool() const { return valid(); }
  // Gives the descriptor up without closing it.
  int release() { return std::exchange(fd_, -1); }
  // Closes it now; errors of close are of no use to anybody.
  void reset();

 private:
  int fd_ = -1;
};

}  // namespace vatmesh::event
