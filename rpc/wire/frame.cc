// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/frame.h"

#include <utility>

#include "rpc/base/check.h"
#include "rpc/wire/frame_builder.h"
#include "rpc/wire/pointer.h"

namespace vatmesh::wire {

// Frame

uint32_t Frame::segmentWords(uint32_t index) const {
  VATMESH_DCHECK(index < segment_count_);
  if (index != 0) return static_cast<uint32_t>(source_.segment(index).size());
  return static_cast<uint32_t>(own_.size() - header_words_ + sourceWords());
}

uint64_t Frame::word(uint32_t segment, uint32_t offset) const {
  VATMESH_DCHECK(segment < segment_count_ && offset < segmentWords(segment));
  if (segment != 0) return source_.segment(segment)[offset];
  if (offset == 0) return own_[header_words_];
  const size_t from_source = sourceWords();
  if (offset <= from_source) return source_.segment(0)[offset];
  return own_[header_words_ + offset - from_source];
}

void Frame::compact(BufferPool& pool) {
  if (source_.empty()) return;
  source_.compact(pool);
  layPieces();
}

void Frame::addPiece(std::span<const uint64_t> words) {
  if (words.empty()) return;
  pieces_[piece_count_++] = {reinterpret_cast<const uint8_t*>(words.data()), words.size_bytes()};
  size_bytes_ += words.size_bytes();
}

void Frame::layPieces() {
  piece_count_ = 0;
  size_bytes_ = 0;
  const std::span<const uint64_t> own(own_);
  if (source_.empty()) {
    addPiece(own);
    return;
  }
  const std::span<const uint64_t> words = source_.words();
  const size_t first = 1 + sourceWords();
  addPiece(own.first(header_words_ + 1));
  addPiece(words.subspan(1, first - 1));
  addPiece(own.subspan(header_words_ + 1));
  addPiece(words.subspan(first));
}

// FrameBuilder

FrameBuilder::FrameBuilder(FramePool& pool, size_t tail_words) : frame_(pool.get()) {
  frame_->segment_count_ = 1;
  writeHeader(tail_words);
}

FrameBuilder::FrameBuilder(FramePool& pool, InMessage&& source, size_t tail_words)
    : frame_(pool.get()) {
  VATMESH_CHECK(!source.empty() && !source.segment(0).empty());
  tail_offset_ = static_cast<uint32_t>(source.segment(0).size());
  frame_->segment_count_ = source.segmentCount();
  frame_->source_ = std::move(source);
  writeHeader(tail_words);
}

void FrameBuilder::writeHeader(size_t tail_words) {
  Frame& frame = *frame_;
  frame.header_words_ = frameHeaderWords(frame.segment_count_);
  // All zero: the padding of the header, and what no field covers.
  frame.own_.assign(frame.header_words_ + 1 + tail_words, 0);
  root_ = frame.own_.data() + frame.header_words_;
  tail_words_ = tail_words;
  uint64_t* header = frame.own_.data();
  // 32-bit fields: the number of segments less one, then each size.
  const auto put = [header](uint32_t index, uint32_t value) {
    header[index / 2] |= uint64_t{value} << (index % 2 * 32);
  };
  put(0, frame.segment_count_ - 1);
  for (uint32_t i = 0; i < frame.segment_count_; ++i) put(i + 1, frame.segmentWords(i));
}

FrameRef FrameBuilder::finish() {
  *root_ = structWord(int64_t{tail_offset_} - 1, 1, 1);
  frame_->layPieces();
  return std::move(frame_);
}

// FrameRef, FramePool

void FrameRef::giveBack(Frame* frame) {
  frame->pool_->release(frame);
}

FramePool::~FramePool() {
  VATMESH_CHECK(in_use_ == 0);
  for (Frame* frame : idle_) delete frame;
}

FrameRef FramePool::get() {
  ++in_use_;
  if (idle_.empty()) {
    auto* frame = new Frame;
    frame->pool_ = this;
    return FrameRef(frame);
  }
  Frame* frame = idle_.back();
  idle_.pop_back();
  return FrameRef(frame);
}

void FramePool::release(Frame* frame) {
  --in_use_;
  frame->source_ = InMessage();
  if (idle_.size() >= kMaxIdle) {
    delete frame;
    return;
  }
  if (frame->own_.capacity() > kMaxIdleWords) {
    std::vector<uint64_t>().swap(frame->own_);
  } else {
    frame->own_.clear();
  }
  frame->piece_count_ = 0;
  frame->size_bytes_ = 0;
  frame->segment_count_ = 0;
  idle_.push_back(frame);
}

}  // namespace vatmesh::wire
