// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/message.h"

#include <gtest/gtest.h>

#include "tests/rpc/wire/messages.h"

namespace vatmesh::wire {
namespace {

using test::makeMessage;
using test::Segments;
using test::segmentsOf;

TEST(InMessage, GivesEachSegmentWhenThereAreFewOrMany) {
  BufferPool pool;
  for (size_t count : {1u, 2u, 4u, 8u, 9u, 40u}) {
    Segments segments;
    for (size_t i = 0; i < count; ++i) segments.emplace_back(i % 3, 100 + i);
    const InMessage message = makeMessage(pool, segments);
    EXPECT_EQ(segmentsOf(message), segments);
    EXPECT_EQ(message.frameBytes(), test::frameBytes(segments).size());
  }
}

TEST(InMessage, IsEmptyAfterItMovedAway) {
  BufferPool pool;
  const Segments segments(12, {7});
  InMessage message = makeMessage(pool, segments);
  InMessage other = std::move(message);
  EXPECT_TRUE(message.empty());  // NOLINT(bugprone-use-after-move): that is the promise
  EXPECT_EQ(message.sizeWords(), 0u);
  EXPECT_EQ(segmentsOf(other), segments);
  message = std::move(other);
  EXPECT_EQ(segmentsOf(message), segments);
}

TEST(InMessage, LeavesALargeBufferWhenItUsesLessThanAQuarter) {
  BufferPool pool;
  BufferRef buffer = pool.get();
  auto* words = reinterpret_cast<uint64_t*>(buffer->data());
  for (uint64_t i = 0; i < 100; ++i) words[i] = i;
  const uint32_t sizes[] = {60, 40};
  InMessage message(buffer, {words, 100}, sizes);
  const Segments before = segmentsOf(message);
  EXPECT_EQ(message.pinnedBytes(), BufferPool::kChunkBytes);
  message.compact(pool);
  EXPECT_EQ(buffer->refs(), 1u);
  EXPECT_EQ(message.pinnedBytes(), 1024u);
  words[0] = 99;
  EXPECT_EQ(segmentsOf(message), before);
  const Buffer* own = message.buffer().get();
  message.compact(pool);
  EXPECT_EQ(message.buffer().get(), own) << "a second time there is nothing to gain";
}

TEST(InMessage, StaysWhereItIsWhenItUsesAQuarter) {
  BufferPool pool;
  BufferRef buffer = pool.get();
  auto* words = reinterpret_cast<uint64_t*>(buffer->data());
  const uint32_t sizes[] = {BufferPool::kChunkBytes / 32};
  InMessage message(buffer, {words, sizes[0]}, sizes);
  message.compact(pool);
  EXPECT_EQ(message.buffer().get(), buffer.get());
}

}  // namespace
}  // namespace vatmesh::wire
