// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/message.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace vatmesh::wire {

InMessage::InMessage(BufferRef buffer, std::span<uint64_t> words, std::span<const uint32_t> sizes)
    : buffer_(std::move(buffer)),
      words_(words),
      segment_count_(static_cast<uint32_t>(sizes.size())) {
  VATMESH_DCHECK(reinterpret_cast<uintptr_t>(words.data()) % sizeof(uint64_t) == 0);
  VATMESH_CHECK(words.size() <= std::numeric_limits<uint32_t>::max());
  uint32_t* ends = ends_.data();
  if (segment_count_ > kInlineSegments) {
    more_ends_ = std::make_unique_for_overwrite<uint32_t[]>(segment_count_);
    ends = more_ends_.get();
  }
  uint64_t end = 0;
  for (uint32_t i = 0; i < segment_count_; ++i) {
    end += sizes[i];
    ends[i] = static_cast<uint32_t>(end);
  }
  VATMESH_CHECK(end == words.size());
}

size_t InMessage::compactedBytes() const {
  const size_t bytes = words_.size_bytes();
  const size_t pinned = pinnedBytes();
  return bytes < pinned / 4 ? std::min(pinned, BufferPool::capacityFor(bytes)) : pinned;
}

void InMessage::compact(BufferPool& pool) {
  if (compactedBytes() == pinnedBytes()) return;
  const size_t bytes = words_.size_bytes();
  BufferRef small = pool.get(bytes);
  auto* words = reinterpret_cast<uint64_t*>(small->data());
  if (bytes != 0) std::memcpy(words, words_.data(), bytes);
  words_ = {words, words_.size()};
  buffer_ = std::move(small);
}

}  // namespace vatmesh::wire
