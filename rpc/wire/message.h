// SPDX-License-Identifier: Apache-2.0
//
// InMessage is one received frame: its segments, as they lie in the read buffer, and a count on
// that buffer. Nothing in it has been validated but the frame header.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "rpc/base/check.h"
#include "rpc/wire/buffer.h"

namespace vatmesh::wire {

// Words are read as they lie in memory.
static_assert(std::endian::native == std::endian::little);

// A place in a message. Word `offset` of segment `segment`.
struct WordAt {
  uint32_t segment = 0;
  uint32_t offset = 0;
  bool operator==(const WordAt&) const = default;
};

// Size of a frame header in words: the segment count, a size for each, padding.
constexpr size_t frameHeaderWords(uint32_t segments) {
  return segments / 2 + size_t{1};
}

// A value that moves; two of them never share a buffer range.
class InMessage {
 public:
  static constexpr uint32_t kInlineSegments = 8;

  InMessage() = default;
  // Takes `words` (8-aligned, within `buffer`) as a frame body of `sizes.size()` segments that lie
  // one behind the other; the sizes are in words and add up to words.size().
  InMessage(BufferRef buffer, std::span<uint64_t> words, std::span<const uint32_t> sizes);
  InMessage(InMessage&& other) noexcept { *this = std::move(other); }
  InMessage& operator=(InMessage&& other) noexcept {
    buffer_ = std::move(other.buffer_);
    words_ = std::exchange(other.words_, {});
    segment_count_ = std::exchange(other.segment_count_, 0);
    ends_ = other.ends_;
    more_ends_ = std::move(other.more_ends_);
    return *this;
  }

  bool empty() const { return segment_count_ == 0; }
  uint32_t segmentCount() const { return segment_count_; }
  // Precondition: index < segmentCount().
  std::span<uint64_t> segment(uint32_t index) const {
    VATMESH_DCHECK(index < segment_count_);
    const uint32_t* ends = more_ends_ ? more_ends_.get() : ends_.data();
    const uint32_t begin = index == 0 ? 0 : ends[index - 1];
    return {words_.data() + begin, ends[index] - begin};
  }
  // All segments, one behind the other.
  std::span<uint64_t> words() const { return words_; }
  size_t sizeWords() const { return words_.size(); }
  // Size on the wire, header included.
  size_t frameBytes() const { return (frameHeaderWords(segment_count_) + words_.size()) * 8; }
  const BufferRef& buffer() const { return buffer_; }

  // Bytes of memory that this message keeps alive if it is retained.
  size_t pinnedBytes() const { return buffer_ ? buffer_->capacity() : 0; }
  // The same once it is compacted.
  size_t compactedBytes() const;
  // Moves the content to a chunk of its own size when it uses less than a quarter of its buffer, so
  // that a retained small message doesn't pin a large read buffer. Call it before retaining; spans
  // of this message become invalid, places (WordAt) stay.
  void compact(BufferPool& pool);

 private:
  BufferRef buffer_;
  std::span<uint64_t> words_;
  uint32_t segment_count_ = 0;
  // End offsets in words of each segment; in `more_ends_` when there are more than fit inline.
  std::array<uint32_t, kInlineSegments> ends_{};
  std::unique_ptr<uint32_t[]> more_ends_;
};

}  // namespace vatmesh::wire
