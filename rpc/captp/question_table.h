// SPDX-License-Identifier: Apache-2.0
//
// QuestionTable holds what we ask of one peer. It gives out the lowest free id, and remembers the
// ids of forgotten questions: those that were canceled and whose Return may still come. Some peers
// never send it (Rust's), so a canceled question must cost nothing but its id (captp-engine 0.1.9).
// Ids are taken from below, so the forgotten ones soon are a few runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "rpc/captp/ids.h"
#include "rpc/captp/interval_set.h"
#include "rpc/captp/question.h"
#include "rpc/captp/table.h"

namespace vatmesh::captp {

// Pointers to entries stay valid until the entry is erased or forgotten.
class QuestionTable {
 public:
  // Larger ids are of other classes (R-ID1).
  static constexpr uint32_t kIds = 1u << 30;
  // A peer that returns every other forgotten question late makes runs; above this many, an id that
  // it returns late stays forgotten, and is not used again.
  static constexpr size_t kMaxRuns = 1024;

  explicit QuestionTable(uint32_t ids = kIds) : ids_(ids) {}

  // True when no id is left, which takes a peer that left a billion cancels without a Return.
  bool full() const { return free_.empty() && next_ == ids_; }

  // The lowest free id with an empty entry. Precondition: !full().
  std::pair<QuestionId, Question&> allocate() {
    uint32_t id = next_;
    if (free_.empty()) {
      ++next_;
    } else {
      id = free_.top();
      free_.pop();
    }
    return {QuestionId{id}, entries_.add(QuestionId{id})};
  }

  Question* find(QuestionId id) { return entries_.find(id); }

  // Precondition of both: find(id).
  void erase(QuestionId id) {
    entries_.erase(id);
    free_.push(id.value);
  }
  void forget(QuestionId id) {
    entries_.erase(id);
    forgotten_.add(id.value);
  }

  // True when `id` was forgotten; its Return has come now.
  bool recall(QuestionId id) {
    if (!forgotten_.contains(id.value)) return false;
    if (forgotten_.runs() < kMaxRuns) {
      forgotten_.remove(id.value);
      free_.push(id.value);
    }
    return true;
  }

  uint64_t forgotten() const { return forgotten_.size(); }
  size_t forgottenRuns() const { return forgotten_.runs(); }
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

  // Calls f(id, entry) for each; `f` may erase the entry that it is given, but none other.
  template <typename F>
  void forEach(F f) {
    entries_.forEach(f);
  }

  // See PeerTable. The ids are not used again.
  template <typename F>
  size_t drain(size_t most, F f) {
    return entries_.drain(most, f);
  }

 private:
  PeerTable<QuestionId, Question> entries_;
  std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> free_;
  uint32_t ids_;
  uint32_t next_ = 0;
  IntervalSet forgotten_;
};

}  // namespace vatmesh::captp
