// SPDX-License-Identifier: Apache-2.0
//
// Outbox remembers what was sent on one link and has not left its queue, oldest first: how many
// bytes on the wire, and what is charged to whom for it. A frame stays charged until its last byte
// is written, since it keeps all of its memory until then. Allocates nothing once warm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rpc/base/check.h"
#include "rpc/captp/budget.h"

namespace vatmesh::captp {

class Outbox {
 public:
  explicit Outbox(Budget& budget) : budget_(budget) {}
  ~Outbox() { clear(); }
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // A frame of `wire_bytes` was sent that makes us hold `held_bytes` because of `asker`.
  void push(LinkId asker, uint64_t wire_bytes, uint64_t held_bytes);
  // The next `wire_bytes` were written. Precondition: no more than bytes().
  void written(uint64_t wire_bytes);
  // Nothing of it will be written any more.
  void clear();

  // On the wire, not yet written.
  uint64_t bytes() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }

  // Calls f(asker, held_bytes) for each frame.
  template <typename F>
  void forEach(F f) const {
    for (size_t i = 0; i < count_; ++i) f(at(i).asker, at(i).held_bytes);
  }

 private:
  struct Sent {
    LinkId asker;
    uint64_t wire_bytes = 0;
    uint64_t held_bytes = 0;
  };

  static constexpr size_t kMaxIdle = 4096;  // places that an empty outbox keeps

  const Sent& at(size_t index) const { return ring_[(first_ + index) & (ring_.size() - 1)]; }
  void pop();
  void grow();

  Budget& budget_;
  std::vector<Sent> ring_;  // its size is a power of two, or 0
  size_t first_ = 0;
  size_t count_ = 0;
  uint64_t bytes_ = 0;
  uint64_t written_ = 0;  // of the first one
};

}  // namespace vatmesh::captp
