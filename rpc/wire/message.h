// SPDX-License-Identifier: Apache-2.0
//
// InMessage is one received frame: its segments, as they lie in the read buffer, and a count on
// that buffer. Nothing in it has been validated but the frame header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "rpc/wire/buffer.h"

namespace vatmesh::wire {

// A value that moves; two of them never share a buffer range.
class InMessage {
 public:
  static constexpr uint32_t kInlineSegments = 4;

  InMessage() = default;
  // Takes `words` (8-aligned, within `buffer`) as a frame body of `sizes.size()` segments that lie
  // one behind the other; the sizes are in words and add up to words.size().
  InMessage(BufferRef buffer, std::span<uint64_t> words, std::span<const uint32_t> sizes);
  InMessage(InMessage&&) noexcept = default;
  InMessage& operator=(InMessage&&) noexcept = default;

  bool empty() const { return segment_count_ == 0; }
  uint32_t segmentCount() const { return segment_count_; }
  // Precondition: index < segmentCount().
  std::span<uint64_t> segment(uint32_t index) const;
  // All segments, one behind the other.
  std::span<uint64_t> words() const { return words_; }
  size_t sizeWords() const { return words_.size(); }
  // Size on the wire, header included.
  size_t frameBytes() const;
  const BufferRef& buffer() const { return buffer_; }

  // Bytes of memory that this message keeps alive if it is retained.
  size_t pinnedBytes() const { return buffer_ ? buffer_->capacity() : 0; }
  // Moves the content to a chunk of its own size when it uses less than a quarter of its buffer, so
  // that a retained small message doesn't pin a large read buffer. Call it before retaining.
  void compact(BufferPool& pool);

 private:
  BufferRef buffer_;
  std::span<uint64_t> words_;
  uint32_t segment_count_ = 0;
  // End offsets in words of each segment; in `more_ends_` when there are more than fit inline.
  uint32_t ends_[kInlineSegments] = {};
  std::unique_ptr<uint32_t[]> more_ends_;
};

}  // namespace vatmesh::wire
