// SPDX-License-Identifier: Apache-2.0
//
// Buffer is a counted chunk of memory that received messages point into, so that forwarding a
// payload never copies it. Counts are not atomic: a buffer belongs to one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace vatmesh::wire {

class BufferPool;

// One 8-aligned chunk. Only BufferPool makes it; only BufferRef holds it.
class Buffer {
 public:
  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t capacity() const { return capacity_; }  // bytes
  uint32_t refs() const { return refs_; }

 private:
  friend class BufferPool;
  friend class BufferRef;
  BufferPool* pool_ = nullptr;
  uint8_t* data_ = nullptr;
  size_t capacity_ = 0;
  uint32_t refs_ = 0;
};

// Holds one count on a Buffer; null when empty. The last one gives the chunk back to its pool.
class BufferRef {
 public:
  BufferRef() = default;
  explicit BufferRef(Buffer* buffer) : buffer_(buffer) {
    if (buffer_) ++buffer_->refs_;
  }
  BufferRef(const BufferRef& other) : BufferRef(other.buffer_) {}
  BufferRef(BufferRef&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  BufferRef& operator=(BufferRef other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~BufferRef() {
    if (buffer_ && --buffer_->refs_ == 0) giveBack(buffer_);
  }

  Buffer* get() const { return buffer_; }
  Buffer* operator->() const { return buffer_; }
  explicit operator bool() const { return buffer_ != nullptr; }

 private:
  static void giveBack(Buffer* buffer);

  Buffer* buffer_ = nullptr;
};

// Keeps returned chunks for reuse, by size: powers of two from 256 bytes to 2 MiB, up to
// kMaxIdleBytes of all sizes together. Larger chunks are allocated and freed directly. Must outlive
// every BufferRef that it handed out.
class BufferPool {
 public:
  static constexpr size_t kChunkBytes = 64 * 1024;  // what one read asks for
  static constexpr size_t kMaxIdleBytes = 4 * 1024 * 1024;
  static constexpr size_t kSmallestBytes = 256;
  static constexpr size_t kSizes = 14;  // 256 B, 512 B, .., 2 MiB

  BufferPool() = default;
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // A chunk of capacityFor(bytes), content undefined. Aborts the process when memory is out.
  BufferRef get(size_t bytes = kChunkBytes);

  // The capacity that get(bytes) gives: at least `bytes`, less than twice as much but for the
  // smallest size.
  static size_t capacityFor(size_t bytes);

  // Bytes in chunks now referenced from outside the pool.
  size_t bytesInUse() const { return bytes_in_use_; }
  // Bytes in chunks that wait for reuse.
  size_t idleBytes() const { return idle_bytes_; }

 private:
  friend class BufferRef;
  void release(Buffer* buffer);

  std::array<std::vector<Buffer*>, kSizes> idle_;
  size_t idle_bytes_ = 0;
  size_t bytes_in_use_ = 0;
};

}  // namespace vatmesh::wire
