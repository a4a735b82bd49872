// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/outbox.h"

#include <algorithm>

namespace vatmesh::captp {

void Outbox::push(LinkId asker, uint64_t wire_bytes, uint64_t held_bytes) {
  if (count_ == ring_.size()) grow();
  ring_[(first_ + count_) & (ring_.size() - 1)] = {asker, wire_bytes, held_bytes};
  ++count_;
  bytes_ += wire_bytes;
  budget_.add(asker, Load::kSent, held_bytes);
}

void Outbox::written(uint64_t wire_bytes) {
  VATMESH_DCHECK(wire_bytes <= bytes_);
  bytes_ -= wire_bytes;
  written_ += wire_bytes;
  while (count_ > 0 && written_ >= at(0).wire_bytes) {
    written_ -= at(0).wire_bytes;
    pop();
  }
  if (count_ == 0 && ring_.size() > kMaxIdle) ring_ = {};
}

void Outbox::clear() {
  while (count_ > 0) pop();
  bytes_ = written_ = 0;
}

void Outbox::pop() {
  budget_.remove(at(0).asker, Load::kSent, at(0).held_bytes);
  first_ = (first_ + 1) & (ring_.size() - 1);
  --count_;
}

void Outbox::grow() {
  std::vector<Sent> larger(std::max<size_t>(16, ring_.size() * 2));
  for (size_t i = 0; i < count_; ++i) larger[i] = at(i);
  ring_ = std::move(larger);
  first_ = 0;
}

}  // namespace vatmesh::captp
