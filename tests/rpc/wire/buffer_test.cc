// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/buffer.h"

#include <vector>

#include <gtest/gtest.h>

namespace vatmesh::wire {
namespace {

TEST(BufferPool, GivesTheSameChunkAgainWhenItsLastCountIsGone) {
  BufferPool pool;
  BufferRef first = pool.get();
  BufferRef second = first;
  const Buffer* chunk = first.get();
  first = BufferRef();
  EXPECT_EQ(second->refs(), 1u);
  EXPECT_EQ(pool.bytesInUse(), BufferPool::kChunkBytes);
  second = BufferRef();
  EXPECT_EQ(pool.bytesInUse(), 0u);
  EXPECT_EQ(pool.idleBytes(), BufferPool::kChunkBytes);
  EXPECT_EQ(pool.get().get(), chunk);
}

TEST(BufferPool, GivesCapacitiesThatFitAndAreAligned) {
  BufferPool pool;
  for (size_t bytes : {0u, 1u, 256u, 257u, 4096u, 65536u, 65537u, 2u << 20, (2u << 20) + 1}) {
    BufferRef chunk = pool.get(bytes);
    EXPECT_GE(chunk->capacity(), bytes);
    EXPECT_EQ(chunk->capacity(), BufferPool::capacityFor(bytes));
    EXPECT_LE(chunk->capacity(), std::max(2 * bytes, BufferPool::kSmallestBytes));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(chunk->data()) % 8, 0u);
  }
}

TEST(BufferPool, KeepsNoMoreIdleBytesThanItsBound) {
  BufferPool pool;
  std::vector<BufferRef> chunks;
  for (int i = 0; i < 100; ++i) chunks.push_back(pool.get());
  chunks.push_back(pool.get(3u << 20));
  chunks.clear();
  EXPECT_EQ(pool.idleBytes(), BufferPool::kMaxIdleBytes);
  EXPECT_EQ(pool.bytesInUse(), 0u);
}

TEST(BufferRef, KeepsTheChunkOverSelfAssignmentAndMove) {
  BufferPool pool;
  BufferRef ref = pool.get();
  const Buffer* chunk = ref.get();
  ref = *&ref;
  EXPECT_EQ(ref.get(), chunk);
  BufferRef moved = std::move(ref);
  EXPECT_EQ(moved.get(), chunk);
  EXPECT_EQ(chunk->refs(), 1u);
}

}  // namespace
}  // namespace vatmesh::wire
