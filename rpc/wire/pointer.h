// SPDX-License-Identifier: Apache-2.0
//
// Cap'n Proto pointer words, and the one place that follows them: bounds-checked, at most two far
// hops, reading nothing but words inside the segments. Internal to rpc/wire.
//
//   bits    0-1    2-31            32-47       48-63      (struct)  offset, data words, pointers
//           0      signed offset   data        pointers
//           1      signed offset   32-34 size, 35-63 count (list)
//           2      2 double, 3-31 pad offset   32-63 segment (far)
//           3      0               32-63 index (capability)
#pragma once

#include <cstddef>
#include <cstdint>

#include "rpc/wire/message.h"

namespace vatmesh::wire {

enum class PointerKind : uint8_t { kStruct = 0, kList = 1, kFar = 2, kOther = 3 };

constexpr PointerKind pointerKind(uint64_t word) {
  return static_cast<PointerKind>(word & 3);
}
constexpr int64_t nearOffset(uint64_t word) {
  return static_cast<int32_t>(static_cast<uint32_t>(word)) >> 2;
}
constexpr uint16_t structDataWords(uint64_t word) {
  return static_cast<uint16_t>(word >> 32);
}
constexpr uint16_t structPointers(uint64_t word) {
  return static_cast<uint16_t>(word >> 48);
}
constexpr uint32_t structWords(uint64_t word) {
  return uint32_t{structDataWords(word)} + structPointers(word);
}
constexpr bool isDoubleFar(uint64_t word) {
  return (word & 4) != 0;
}
constexpr uint32_t farOffset(uint64_t word) {
  return static_cast<uint32_t>(word) >> 3;
}
constexpr uint32_t highHalf(uint64_t word) {
  return static_cast<uint32_t>(word >> 32);
}
// A capability pointer without reserved bits; its index is highHalf().
constexpr bool isCapability(uint64_t word) {
  return static_cast<uint32_t>(word) == 3;
}

constexpr unsigned kByteList = 2;
constexpr unsigned kCompositeList = 7;
constexpr unsigned listSize(uint64_t word) {
  return static_cast<unsigned>(word >> 32) & 7;
}
// Elements, or words without the tag for a composite list.
constexpr uint32_t listCount(uint64_t word) {
  return static_cast<uint32_t>(word >> 35);
}
// All words of the list, with its tag.
constexpr uint64_t listWords(uint64_t word) {
  // Bits of an element by size code, a byte each; the composite one counts words already.
  constexpr uint64_t kBits = 0x4040402010080100;
  if (listSize(word) == kCompositeList) return uint64_t{listCount(word)} + 1;
  return (listCount(word) * (kBits >> listSize(word) * 8 & 0xff) + 63) / 64;
}

constexpr uint32_t kLargestFarOffset = (1u << 29) - 1;
constexpr uint64_t kEmptyStructWord = 0xfffffffc;  // zero-sized, at its own place

constexpr uint64_t withOffset(uint64_t word, int64_t offset) {
  return (word & ~uint64_t{0xfffffffc}) | (static_cast<uint32_t>(offset) << 2);
}
constexpr uint64_t structWord(int64_t offset, uint16_t data_words, uint16_t pointers) {
  return withOffset(uint64_t{data_words} << 32 | uint64_t{pointers} << 48, offset);
}
constexpr uint64_t listWord(int64_t offset, unsigned size, uint32_t count) {
  return withOffset(1 | uint64_t{size} << 32 | uint64_t{count} << 35, offset);
}
constexpr uint64_t farWord(WordAt pad) {
  return 2 | uint64_t{pad.offset} << 3 | uint64_t{pad.segment} << 32;
}
constexpr uint64_t capabilityWord(uint32_t index) {
  return 3 | uint64_t{index} << 32;
}

// What a pointer leads to.
struct Object {
  enum class Shape : uint8_t { kNull, kStruct, kList, kCapability, kMalformed };
  Shape shape = Shape::kMalformed;
  uint64_t tag = 0;  // the word that tells its size; the offset in it has no meaning
  WordAt at;         // its first word; all of its words lie inside the segment
  WordAt pad;        // the landing pad, if a far pointer led here
  uint32_t pad_words = 0;
};

// Reads the words of a message that was received.
class MessageWords {
 public:
  explicit MessageWords(const InMessage& message) : message_(message) {}
  uint32_t segments() const { return message_.segmentCount(); }
  uint64_t size(uint32_t segment) const { return message_.segment(segment).size(); }
  uint64_t word(WordAt at) const { return message_.segment(at.segment)[at.offset]; }

 private:
  const InMessage& message_;
};

// Follows the pointer `word` that stands at `at` (or is to be read as if it stood there). A
// zero-sized struct may have any offset. `Words` has segments(), size(segment) and word(at).
template <class Words>
Object resolve(const Words& words, uint64_t word, WordAt at);

}  // namespace vatmesh::wire

#include "rpc/wire/pointer_inl.h"
