// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/frame.h"

#include <vector>

#include <gtest/gtest.h>

#include "rpc/wire/build.h"
#include "rpc/wire/forward.h"
#include "tests/rpc/wire/messages.h"

namespace vatmesh::wire {
namespace {

using test::makeMessage;
using test::Segments;
using test::segmentsOf;

// An Unimplemented around a message of `segments`: any frame with a source.
FrameRef frameAround(FramePool& pool, InMessage&& message) {
  return buildUnimplemented(pool, std::move(message));
}

TEST(Frame, HasTheHeaderOfItsSegmentsForAnyNumberOfThem) {
  BufferPool buffers;
  FramePool frames;
  for (size_t count = 1; count < 12; ++count) {
    Segments segments{{structWord(0, 1, 1), 4, 0}};
    for (size_t i = 1; i < count; ++i) segments.emplace_back(i % 4, i);
    const FrameRef frame = frameAround(frames, makeMessage(buffers, segments));
    EXPECT_EQ(frame->segmentCount(), count);
    EXPECT_EQ(test::bytesOf(*frame), test::frameBytes(segmentsOf(*frame))) << count;
    EXPECT_EQ(frame->sizeBytes(), test::bytesOf(*frame).size());
    EXPECT_EQ(segmentsOf(*frame).back(), count == 1 ? segmentsOf(*frame)[0] : segments.back());
  }
}

TEST(Frame, IsOnePieceWhenWeBuiltIt) {
  FramePool frames;
  const FrameRef frame = buildRelease(frames, 3, 4);
  EXPECT_EQ(frame->pieces().size(), 1u);
  EXPECT_EQ(test::bytesOf(*frame), test::frameBytes(segmentsOf(*frame)));
}

TEST(Frame, LeavesOutEmptyPieces) {
  BufferPool buffers;
  FramePool frames;
  const FrameRef frame = frameAround(frames, makeMessage(buffers, {{structWord(-1, 0, 0)}}));
  EXPECT_EQ(frame->pieces().size(), 2u);
  for (const auto piece : frame->pieces()) EXPECT_FALSE(piece.empty());
  EXPECT_EQ(test::bytesOf(*frame), test::frameBytes(segmentsOf(*frame)));
}

TEST(Frame, SaysTheSameAfterItLeftALargeBuffer) {
  BufferPool buffers;
  FramePool frames;
  BufferRef chunk = buffers.get();
  auto* words = reinterpret_cast<uint64_t*>(chunk->data());
  const uint64_t body[] = {structWord(0, 1, 1), 4, 0, 5, 6};
  std::copy(std::begin(body), std::end(body), words);
  const uint32_t sizes[] = {3, 2};
  const FrameRef frame = frameAround(frames, InMessage(chunk, {words, 5}, sizes));
  const auto before = test::bytesOf(*frame);
  EXPECT_GE(frame->pinnedBytes(), BufferPool::kChunkBytes);
  frame->compact(buffers);
  EXPECT_EQ(chunk->refs(), 1u);
  EXPECT_LT(frame->pinnedBytes(), 4096u);
  std::fill_n(words, 5, 0);
  EXPECT_EQ(test::bytesOf(*frame), before);
}

TEST(FramePool, GivesTheSourceBackAndTheFrameAgain) {
  BufferPool buffers;
  FramePool frames;
  FrameRef frame = frameAround(frames, makeMessage(buffers, {{structWord(0, 1, 1), 4, 0}}));
  const Frame* address = frame.get();
  FrameRef other = frame;
  frame = FrameRef();
  EXPECT_GT(buffers.bytesInUse(), 0u);
  other = FrameRef();
  EXPECT_EQ(buffers.bytesInUse(), 0u);
  const FrameRef again = buildReturnCanceled(frames, 1);
  EXPECT_EQ(again.get(), address);
  EXPECT_EQ(test::bytesOf(*again), test::frameBytes(segmentsOf(*again)));
}

TEST(FramePool, TakesNoLargeMemoryBackWithAFrame) {
  FramePool frames;
  const std::vector<uint16_t> path(64, 1);
  std::vector<OutDescriptor> table(100, {DescriptorKind::kReceiverAnswer, 1, path});
  buildCall(frames, {}, table);
  EXPECT_LE(buildReturnCanceled(frames, 1)->pinnedBytes(), FramePool::kMaxIdleWords * 8);
}

}  // namespace
}  // namespace vatmesh::wire
