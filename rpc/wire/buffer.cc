// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/buffer.h"

#include <bit>
#include <new>

#include "rpc/base/check.h"

// Idle chunks are poisoned under the address sanitizer, so that a view which outlives its count is
// found although the memory is never freed.
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(begin, size) ((void)(begin), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(begin, size) ((void)(begin), (void)(size))
#endif

namespace vatmesh::wire {

namespace {

// The chunk's bytes lie behind its Buffer, in one allocation.
constexpr size_t kPrefixBytes = 64;
static_assert(sizeof(Buffer) <= kPrefixBytes);

// Index of the pooled size that holds `bytes`; kSizes and more: not pooled.
size_t sizeIndex(size_t bytes) {
  if (bytes <= BufferPool::kSmallestBytes) return 0;
  return static_cast<size_t>(std::bit_width(bytes - 1) -
                             std::bit_width(BufferPool::kSmallestBytes - 1));
}

Buffer* fromMemory(void* memory) {
  return new (memory) Buffer;
}

void destroy(Buffer* buffer) {
  buffer->~Buffer();
  ::operator delete(static_cast<void*>(buffer));
}

}  // namespace

void BufferRef::giveBack(Buffer* buffer) {
  buffer->pool_->release(buffer);
}

size_t BufferPool::capacityFor(size_t bytes) {
  const size_t index = sizeIndex(bytes);
  return index < kSizes ? kSmallestBytes << index : (bytes + 63) / 64 * 64;
}

BufferPool::~BufferPool() {
  VATMESH_CHECK(bytes_in_use_ == 0);
  for (std::vector<Buffer*>& list : idle_) {
    for (Buffer* buffer : list) {
      ASAN_UNPOISON_MEMORY_REGION(buffer->data_, buffer->capacity_);
      destroy(buffer);
    }
  }
}

BufferRef BufferPool::get(size_t bytes) {
  const size_t index = sizeIndex(bytes);
  Buffer* buffer = nullptr;
  if (index < kSizes && !idle_[index].empty()) {
    buffer = idle_[index].back();
    idle_[index].pop_back();
    idle_bytes_ -= buffer->capacity_;
    ASAN_UNPOISON_MEMORY_REGION(buffer->data_, buffer->capacity_);
  } else {
    const size_t capacity = capacityFor(bytes);
    void* memory = ::operator new(kPrefixBytes + capacity, std::nothrow);
    VATMESH_CHECK(memory != nullptr);
    buffer = fromMemory(memory);
    buffer->pool_ = this;
    buffer->data_ = static_cast<uint8_t*>(memory) + kPrefixBytes;
    buffer->capacity_ = capacity;
  }
  bytes_in_use_ += buffer->capacity_;
  return BufferRef(buffer);
}

void BufferPool::release(Buffer* buffer) {
  bytes_in_use_ -= buffer->capacity_;
  const size_t index = sizeIndex(buffer->capacity_);
  if (index >= kSizes || idle_bytes_ + buffer->capacity_ > kMaxIdleBytes) {
    destroy(buffer);
    return;
  }
  idle_bytes_ += buffer->capacity_;
  ASAN_POISON_MEMORY_REGION(buffer->data_, buffer->capacity_);
  idle_[index].push_back(buffer);
}

}  // namespace vatmesh::wire
