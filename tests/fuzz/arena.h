// SPDX-License-Identifier: Apache-2.0
//
// Arena builds a message with random segmentation; Walk reads one, bounds-checked. Both know
// nothing of rpc/wire's own writers and walkers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "rpc/wire/message.h"
#include "tests/fuzz/random.h"

namespace vatmesh::fuzz {

class Arena {
 public:
  struct At {
    uint32_t segment = 0;
    uint32_t offset = 0;
    At plus(uint32_t words) const { return {segment, offset + words}; }
  };
  struct Struct {
    At data;
    At pointers;
    uint16_t data_words = 0;
  };

  // Some messages have one segment, some many.
  explicit Arena(Random& random);

  At root() const { return {}; }
  Struct addStruct(At pointer, uint16_t data_words, uint16_t pointers);
  // A composite list; returns its first element.
  At addList(At pointer, uint32_t count, uint16_t data_words, uint16_t pointers);
  // Valid until the next add.
  uint64_t& word(At at) { return segments_[at.segment][at.offset]; }
  // The framed message.
  std::vector<uint8_t> finish() const;

 private:
  At allocate(uint32_t segment, uint32_t words);
  // Room for `words` and the pointer at `pointer` set to it; `word` lacks its offset.
  At place(At pointer, uint64_t word, uint32_t words);

  Random& random_;
  uint32_t spread_;  // percent of objects that go to another segment
  std::vector<std::vector<uint64_t>> segments_;
};

class Walk {
 public:
  explicit Walk(const wire::InMessage& message) : message_(message) {}

  class View {
   public:
    uint64_t data(uint32_t index) const { return index < data_words ? walk->word(at, index) : 0; }
    uint64_t pointer(uint32_t index) const {
      return index < pointers ? walk->word(at, data_words + index) : 0;
    }
    wire::WordAt pointerAt(uint32_t index) const {
      return {at.segment, at.offset + data_words + index};
    }

    const Walk* walk = nullptr;
    wire::WordAt at;
    uint32_t data_words = 0;
    uint32_t pointers = 0;
  };

  // What the pointer `word`, standing at `at`, leads to, when that is a struct.
  std::optional<View> structAt(wire::WordAt at, uint64_t word) const;
  // The index in a capability pointer; -1 for anything else.
  int64_t capability(uint64_t word) const {
    return static_cast<uint32_t>(word) == 3 ? static_cast<int64_t>(word >> 32) : -1;
  }

 private:
  uint64_t word(wire::WordAt at, uint32_t index) const {
    return message_.segment(at.segment)[at.offset + index];
  }
  bool inside(wire::WordAt at, uint64_t words) const {
    return at.segment < message_.segmentCount() &&
           at.offset + words <= message_.segment(at.segment).size();
  }
  std::optional<View> view(wire::WordAt at, uint64_t tag) const;

  const wire::InMessage& message_;
};

}  // namespace vatmesh::fuzz
