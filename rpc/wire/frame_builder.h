// SPDX-License-Identifier: Apache-2.0
//
// FrameBuilder gives a frame its memory and its header; the caller writes the words of the
// envelope. Internal to rpc/wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rpc/wire/frame.h"
#include "rpc/wire/message.h"

namespace vatmesh::wire {

class FrameBuilder {
 public:
  // A frame of one segment: the root and `tail_words` words behind it.
  FrameBuilder(FramePool& pool, size_t tail_words);
  // A frame of `source`'s segments with `tail_words` words added to the end of segment 0. The root
  // of `source`, word 0 of its segment 0, is replaced. Precondition: it has one.
  FrameBuilder(FramePool& pool, InMessage&& source, size_t tail_words);

  // The zeroed words to fill in.
  std::span<uint64_t> tail() { return {root_ + 1, tail_words_}; }
  // Where tail()[0] stands in segment 0.
  uint32_t tailOffset() const { return tail_offset_; }
  const InMessage& source() const { return frame_->source_; }

  // The finished frame, whose root points to the first word of the tail as a Message.
  FrameRef finish();

 private:
  void writeHeader(size_t tail_words);

  FrameRef frame_;
  uint64_t* root_ = nullptr;
  size_t tail_words_ = 0;
  uint32_t tail_offset_ = 1;
};

}  // namespace vatmesh::wire
