// SPDX-License-Identifier: Apache-2.0
//
// IntervalSet is a set of numbers that mostly come in runs; it costs as much as it has runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>

namespace vatmesh::captp {

class IntervalSet {
 public:
  bool contains(uint32_t value) const {
    auto after = runs_.upper_bound(value);
    return after != runs_.begin() && value < std::prev(after)->second;
  }

  // Precondition: !contains(value), value < UINT32_MAX.
  void add(uint32_t value) {
    uint32_t begin = value;
    uint32_t end = value + 1;
    auto after = runs_.upper_bound(value);
    if (after != runs_.begin()) {
      auto before = std::prev(after);
      if (before->second == value) {
        begin = before->first;
        runs_.erase(before);
      }
    }
    if (after != runs_.end() && after->first == end) {
      end = after->second;
      runs_.erase(after);
    }
    runs_.emplace(begin, end);
    ++size_;
  }

  // Precondition: contains(value).
  void remove(uint32_t value) {
    auto run = std::prev(runs_.upper_bound(value));
    const uint32_t begin = run->first;
    const uint32_t end = run->second;
    runs_.erase(run);
    if (begin < value) runs_.emplace(begin, value);
    if (value + 1 < end) runs_.emplace(value + 1, end);
    --size_;
  }

  uint64_t size() const { return size_; }
  size_t runs() const { return runs_.size(); }

 private:
  std::map<uint32_t, uint32_t> runs_;  // begin to end, with a gap between any two
  uint64_t size_ = 0;
};

}  // namespace vatmesh::captp
