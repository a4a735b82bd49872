// SPDX-License-Identifier: Apache-2.0
//
// Frame is one outgoing message in its final form: at most four pieces of memory, partly its own
// words, partly the read buffer of the message that is forwarded. Once made it never changes, so
// it can be written, walked (image.h) and retained at the same time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "rpc/wire/message.h"

namespace vatmesh::wire {

class FramePool;

class Frame {
 public:
  static constexpr size_t kMaxPieces = 4;

  // The bytes to write, in order; empty pieces are left out. Valid while the frame lives and isn't
  // compacted.
  std::span<const std::span<const uint8_t>> pieces() const {
    return {pieces_.data(), piece_count_};
  }
  size_t sizeBytes() const { return size_bytes_; }
  // Bytes of memory that the frame keeps alive.
  size_t pinnedBytes() const { return own_.capacity() * 8 + source_.pinnedBytes(); }
  // The same once it is compacted, and the frame itself.
  size_t heldBytes() const {
    return sizeof(Frame) + own_.capacity() * 8 + source_.compactedBytes();
  }
  // See InMessage::compact. Only before any piece has been handed to a writer.
  void compact(BufferPool& pool);

  // For image.h. Segment 0 lies in up to three runs: the root, the source's, the envelope.
  uint32_t segmentCount() const { return segment_count_; }
  uint32_t segmentWords(uint32_t index) const;
  // Precondition: segment < segmentCount(), offset < segmentWords(segment).
  uint64_t word(uint32_t segment, uint32_t offset) const;

 private:
  friend class FramePool;
  friend class FrameRef;
  friend class FrameBuilder;  // frame_builder.h: the only one that fills a frame

  // Words of segment 0 that come from `source_`, word 0 not counted.
  size_t sourceWords() const { return source_.empty() ? 0 : source_.segment(0).size() - 1; }
  void layPieces();
  void addPiece(std::span<const uint64_t> words);

  FramePool* pool_ = nullptr;
  uint32_t refs_ = 0;
  InMessage source_;  // empty for a message that we built
  // The frame header, word 0, and the tail of segment 0: all of a message that we built, the
  // envelope of one that is forwarded.
  std::vector<uint64_t> own_;
  size_t header_words_ = 0;
  uint32_t segment_count_ = 0;
  std::array<std::span<const uint8_t>, kMaxPieces> pieces_;
  size_t piece_count_ = 0;
  size_t size_bytes_ = 0;
};

// Counts a Frame; not atomic.
class FrameRef {
 public:
  FrameRef() = default;
  explicit FrameRef(Frame* frame) : frame_(frame) {
    if (frame_) ++frame_->refs_;
  }
  FrameRef(const FrameRef& other) : FrameRef(other.frame_) {}
  FrameRef(FrameRef&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  FrameRef& operator=(FrameRef other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~FrameRef() {
    if (frame_ && --frame_->refs_ == 0) giveBack(frame_);
  }

  Frame* get() const { return frame_; }
  Frame* operator->() const { return frame_; }
  Frame& operator*() const { return *frame_; }
  explicit operator bool() const { return frame_ != nullptr; }

 private:
  static void giveBack(Frame* frame);

  Frame* frame_ = nullptr;
};

// Recycles frames with their memory. Must outlive every FrameRef.
class FramePool {
 public:
  static constexpr size_t kMaxIdle = 1024;
  static constexpr size_t kMaxIdleWords = 512;  // a frame that grew larger gives its memory back

  FramePool() = default;
  ~FramePool();
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  // An empty frame for a builder.
  FrameRef get();

 private:
  friend class FrameRef;
  void release(Frame* frame);

  std::vector<Frame*> idle_;
  size_t in_use_ = 0;
};

}  // namespace vatmesh::wire
