// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/arena.h"

#include <cstring>

namespace vatmesh::fuzz {
namespace {

constexpr size_t kMaxSegments = 12;

uint64_t withOffset(uint64_t word, int64_t offset) {
  return word | static_cast<uint64_t>(static_cast<uint32_t>(offset * 4));
}

uint64_t farTo(Arena::At at, bool is_double) {
  return 2 | uint64_t{is_double} << 2 | uint64_t{at.offset} << 3 | uint64_t{at.segment} << 32;
}

}  // namespace

Arena::Arena(Random& random)
    : random_(random), spread_(random.chance(60) ? 0 : 20 + random.below(80)), segments_(1) {
  segments_[0].push_back(0);
}

Arena::At Arena::allocate(uint32_t segment, uint32_t words) {
  auto& there = segments_[segment];
  At at{segment, static_cast<uint32_t>(there.size())};
  there.resize(there.size() + words);
  return at;
}

Arena::At Arena::place(At pointer, uint64_t tag, uint32_t words) {
  uint32_t segment = pointer.segment;
  if (random_.chance(spread_)) {
    segment = random_.below(segments_.size() + 1);
    if (segment == segments_.size()) {
      if (segments_.size() < kMaxSegments) {
        segments_.emplace_back();
      } else {
        segment = 0;
      }
    }
  }
  if (segment == pointer.segment) {
    At at = allocate(segment, words);
    int64_t offset = words == 0 ? -1 : int64_t{at.offset} - pointer.offset - 1;
    word(pointer) = withOffset(tag, offset);
    return at;
  }
  if (random_.chance(70)) {  // a landing pad in front of it
    At pad = allocate(segment, words + 1);
    word(pad) = withOffset(tag, words == 0 ? -1 : 0);
    word(pointer) = farTo(pad, false);
    return pad.plus(1);
  }
  At at = allocate(segment, words);
  At pad = allocate(random_.below(segments_.size()), 2);
  word(pad) = farTo(at, false);
  word(pad.plus(1)) = tag;
  word(pointer) = farTo(pad, true);
  return at;
}

Arena::Struct Arena::addStruct(At pointer, uint16_t data_words, uint16_t pointers) {
  uint64_t tag = uint64_t{data_words} << 32 | uint64_t{pointers} << 48;
  At at = place(pointer, tag, uint32_t{data_words} + pointers);
  return {at, at.plus(data_words), data_words};
}

Arena::At Arena::addList(At pointer, uint32_t count, uint16_t data_words, uint16_t pointers) {
  uint32_t words = count * (uint32_t{data_words} + pointers);
  At at = place(pointer, 1 | uint64_t{7} << 32 | uint64_t{words} << 35, words + 1);
  word(at) = uint64_t{count} << 2 | uint64_t{data_words} << 32 | uint64_t{pointers} << 48;
  return at.plus(1);
}

std::vector<uint8_t> Arena::finish() const {
  std::vector<uint32_t> header{static_cast<uint32_t>(segments_.size() - 1)};
  for (const auto& segment : segments_) header.push_back(static_cast<uint32_t>(segment.size()));
  if (header.size() % 2 != 0) header.push_back(0);
  std::vector<uint8_t> frame(header.size() * 4);
  std::memcpy(frame.data(), header.data(), frame.size());
  for (const auto& segment : segments_) {
    auto bytes = reinterpret_cast<const uint8_t*>(segment.data());
    frame.insert(frame.end(), bytes, bytes + segment.size() * 8);
  }
  return frame;
}

std::optional<Walk::View> Walk::view(wire::WordAt at, uint64_t tag) const {
  View view{};
  view.walk = this;
  view.at = at;
  view.data_words = static_cast<uint16_t>(tag >> 32);
  view.pointers = static_cast<uint16_t>(tag >> 48);
  if ((tag & 3) != 0 || !inside(at, uint64_t{view.data_words} + view.pointers)) return std::nullopt;
  return view;
}

std::optional<Walk::View> Walk::structAt(wire::WordAt at, uint64_t tag) const {
  if (tag == 0) return std::nullopt;
  if ((tag & 3) == 2) {
    wire::WordAt pad{static_cast<uint32_t>(tag >> 32),
                     static_cast<uint32_t>(tag & 0xffffffff) >> 3};
    bool is_double = (tag & 4) != 0;
    if (!inside(pad, is_double ? 2 : 1)) return std::nullopt;
    uint64_t first = word(pad, 0);
    if (is_double) {
      wire::WordAt there{static_cast<uint32_t>(first >> 32),
                         static_cast<uint32_t>(first & 0xffffffff) >> 3};
      return view(there, word(pad, 1));
    }
    at = pad;
    tag = first;
  }
  if (uint32_t{static_cast<uint16_t>(tag >> 32)} + static_cast<uint16_t>(tag >> 48) == 0) {
    return view(at, tag);
  }
  int64_t offset = static_cast<int32_t>(static_cast<uint32_t>(tag)) >> 2;
  int64_t there = int64_t{at.offset} + 1 + offset;
  if (there < 0) return std::nullopt;
  return view({at.segment, static_cast<uint32_t>(there)}, tag);
}

}  // namespace vatmesh::fuzz
