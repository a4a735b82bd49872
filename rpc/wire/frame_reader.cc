// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/frame_reader.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace vatmesh::wire {

namespace {

constexpr uint64_t kLargestFrame = 1ull << 30;
// With less room than this a new chunk costs less than the extra reads.
constexpr size_t kMinRoom = 8 * 1024;
// A partial frame may make us hold this many times the bytes that really came.
constexpr size_t kGrowth = 4;

uint32_t loadU32(const uint8_t* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

// A TLS record of a handshake or an alert, as from a peer that expects TLS.
bool looksLikeTls(const uint8_t* begin) {
  return (begin[0] == 0x15 || begin[0] == 0x16) && begin[1] == 3;
}

Status tooManySegments(const uint8_t* header, uint64_t segments, uint32_t limit) {
  if (looksLikeTls(header)) {
    return {Code::kProtocol,
            "peer sent TLS where none is expected: does its URI say insecure, or our listener "
            "tls: off, by mistake?"};
  }
  return Status(Code::kProtocol, "frame of " + std::to_string(segments) + " segments, limit is " +
                                     std::to_string(limit));
}

Status tooLarge(uint64_t bytes, uint64_t limit) {
  return Status(Code::kProtocol,
                "frame of " + std::to_string(bytes) + " bytes, limit is " + std::to_string(limit));
}

}  // namespace

FrameReader::FrameReader(BufferPool& pool, FrameLimits limits) : pool_(pool), limits_(limits) {
  limits_.max_bytes = std::min(limits_.max_bytes, kLargestFrame);
}

std::span<uint8_t> FrameReader::prepare() {
  if (pendingBytes() == 0) {
    prepareFresh();
  } else {
    preparePartial();
  }
  return {buffer_->data() + end_, buffer_->capacity() - end_};
}

void FrameReader::prepareFresh() {
  const bool usual = buffer_ && buffer_->capacity() == BufferPool::kChunkBytes;
  if (usual && buffer_->refs() == 1) {
    begin_ = end_ = 0;
  } else if (!usual || buffer_->capacity() - end_ < kMinRoom) {
    moveTo(pool_.get());
  }
}

void FrameReader::preparePartial() {
  const bool fits = wanted_ != 0 && wanted_ <= buffer_->capacity() - begin_;
  if (fits || buffer_->capacity() - end_ >= kMinRoom) return;
  size_t useful = pendingBytes() * kGrowth;
  if (wanted_ != 0) useful = std::min(useful, wanted_);
  moveTo(pool_.get(std::max(useful, BufferPool::kChunkBytes)));
}

void FrameReader::moveTo(BufferRef buffer) {
  const size_t pending = pendingBytes();
  if (pending != 0) std::memcpy(buffer->data(), buffer_->data() + begin_, pending);
  buffer_ = std::move(buffer);
  begin_ = 0;
  end_ = pending;
}

void FrameReader::commit(size_t bytes) {
  VATMESH_CHECK(buffer_ && bytes <= buffer_->capacity() - end_);
  end_ += bytes;
}

Status FrameReader::readHeader() {
  const size_t pending = pendingBytes();
  if (pending < sizeof(uint32_t)) return Status();
  const uint8_t* header = buffer_->data() + begin_;
  const uint64_t segments = uint64_t{loadU32(header)} + 1;
  if (segments > limits_.max_segments)
    return tooManySegments(header, segments, limits_.max_segments);
  const size_t header_bytes = frameHeaderWords(static_cast<uint32_t>(segments)) * 8;
  if (pending < header_bytes) return Status();
  uint64_t bytes = header_bytes;
  for (size_t i = 1; i <= segments; ++i) bytes += uint64_t{loadU32(header + i * 4)} * 8;
  if (bytes > limits_.max_bytes) return tooLarge(bytes, limits_.max_bytes);
  wanted_ = static_cast<size_t>(bytes);
  return Status();
}

Result<std::optional<InMessage>> FrameReader::next() {
  if (wanted_ == 0) {
    if (Status status = readHeader(); !status.ok()) return status;
  }
  if (wanted_ == 0 || pendingBytes() < wanted_) return std::optional<InMessage>();
  uint8_t* frame = buffer_->data() + begin_;
  const uint32_t segments = loadU32(frame) + 1;
  const size_t header_bytes = frameHeaderWords(segments) * 8;
  std::span<uint64_t> words(reinterpret_cast<uint64_t*>(frame + header_bytes),
                            (wanted_ - header_bytes) / 8);
  std::span<const uint32_t> sizes(reinterpret_cast<const uint32_t*>(frame) + 1, segments);
  begin_ += wanted_;
  wanted_ = 0;
  return std::optional<InMessage>(std::in_place, buffer_, words, sizes);
}

void FrameReader::trim() {
  if (pendingBytes() != 0) return;
  buffer_ = BufferRef();
  begin_ = end_ = 0;
}

}  // namespace vatmesh::wire
