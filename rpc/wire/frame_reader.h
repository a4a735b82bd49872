// SPDX-License-Identifier: Apache-2.0
//
// FrameReader cuts a byte stream into Cap'n Proto frames (unpacked stream framing). It allocates
// as bytes arrive, never by the size that a header announces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "rpc/base/status.h"
#include "rpc/wire/buffer.h"
#include "rpc/wire/message.h"

namespace vatmesh::wire {

struct FrameLimits {
  uint64_t max_bytes = 64ull << 20;  // of one frame, header included; 1 GiB at most
  uint32_t max_segments = 512;
};

// Use: read into prepare(), commit() what came, call next() until it gives nothing.
class FrameReader {
 public:
  FrameReader(BufferPool& pool, FrameLimits limits);

  // Space to read into, never empty; valid until the next call of any method. 64 KiB where there is
  // room, less behind a partial frame or behind messages that are still in use.
  std::span<uint8_t> prepare();
  // Tells that the first `bytes` of prepare() are filled.
  void commit(size_t bytes);
  // The next whole frame, nothing when more bytes are needed, or kProtocol, after which the stream
  // is unusable. Every segment of a message is 8-aligned.
  Result<std::optional<InMessage>> next();

  // Bytes of an incomplete frame that are waiting for the rest: not 0 at end of stream means that
  // the peer was cut off.
  size_t pendingBytes() const { return end_ - begin_; }

  // Bytes of memory that an incomplete frame keeps.
  size_t heldBytes() const { return pendingBytes() == 0 ? 0 : buffer_->capacity(); }

  // Gives the read buffer back when nothing waits in it, so that an idle link holds no memory. Any
  // time but between prepare() and commit().
  void trim();

 private:
  // Sets wanted_ when the whole header is there.
  Status readHeader();
  // Make room to read into, when nothing or a part of a frame is pending.
  void prepareFresh();
  void preparePartial();
  // Goes on in `buffer` with the pending bytes at its begin.
  void moveTo(BufferRef buffer);

  BufferPool& pool_;
  FrameLimits limits_;
  BufferRef buffer_;
  size_t begin_ = 0;  // of the bytes not yet handed out; a multiple of 8
  size_t end_ = 0;
  size_t wanted_ = 0;  // size of the frame that begins at begin_, when its header is whole
};

}  // namespace vatmesh::wire
