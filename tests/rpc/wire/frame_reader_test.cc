// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/frame_reader.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/rpc/wire/messages.h"

namespace vatmesh::wire {
namespace {

using test::frameBytes;
using test::Segments;
using test::segmentsOf;

using Bytes = std::vector<uint8_t>;

Segments randomSegments(std::mt19937& random, size_t max_segments, size_t max_words) {
  Segments segments(1 + random() % max_segments);
  for (auto& segment : segments) {
    segment.resize(random() % (max_words + 1));
    for (auto& word : segment) word = random();
  }
  return segments;
}

// Puts `bytes` in, at most `step` at a time, and collects the messages.
Status feed(FrameReader& reader, const Bytes& bytes, size_t step, std::vector<Segments>& out,
            std::vector<InMessage>* keep = nullptr) {
  size_t at = 0;
  while (at < bytes.size()) {
    const auto room = reader.prepare();
    EXPECT_FALSE(room.empty());
    const size_t count = std::min({step, room.size(), bytes.size() - at});
    std::memcpy(room.data(), bytes.data() + at, count);
    at += count;
    reader.commit(count);
    for (;;) {
      auto next = reader.next();
      if (!next.ok()) return next.status();
      if (!*next) break;
      out.push_back(segmentsOf(**next));
      for (uint32_t i = 0; i < (*next)->segmentCount(); ++i) {
        EXPECT_EQ(reinterpret_cast<uintptr_t>((*next)->segment(i).data()) % 8, 0u);
      }
      if (keep) keep->push_back(std::move(**next));
    }
  }
  return Status();
}

TEST(FrameReader, GivesTheSameMessagesForAnySplitOfTheStream) {
  std::mt19937 random(1);
  Bytes stream;
  std::vector<Segments> sent;
  for (int i = 0; i < 60; ++i) {
    sent.push_back(randomSegments(random, 6, 40));
    const Bytes frame = frameBytes(sent.back());
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  for (size_t step : {1u, 2u, 3u, 7u, 8u, 9u, 64u, 1000u, 100000u}) {
    BufferPool pool;
    FrameReader reader(pool, {});
    std::vector<Segments> got;
    ASSERT_TRUE(feed(reader, stream, step, got).ok());
    EXPECT_EQ(got, sent) << "split by " << step;
    EXPECT_EQ(reader.pendingBytes(), 0u);
  }
}

TEST(FrameReader, LeavesRetainedMessagesUnchangedWhenItReadsOn) {
  std::mt19937 random(2);
  BufferPool pool;
  FrameReader reader(pool, {});
  std::vector<InMessage> kept;
  std::vector<Segments> got;
  std::vector<Segments> sent;
  for (int i = 0; i < 400; ++i) {
    sent.push_back(randomSegments(random, 4, 200));
    ASSERT_TRUE(feed(reader, frameBytes(sent.back()), 1 + random() % 3000, got, &kept).ok());
    if (random() % 8 == 0) {  // some go early
      const size_t index = random() % kept.size();
      kept[index] = InMessage();
    }
  }
  ASSERT_EQ(kept.size(), sent.size());
  for (size_t i = 0; i < kept.size(); ++i) {
    if (kept[i].empty()) continue;
    EXPECT_EQ(segmentsOf(kept[i]), sent[i]);
  }
}

TEST(FrameReader, UsesTheSameChunkAgainWhenNoMessageIsLeft) {
  BufferPool pool;
  FrameReader reader(pool, {});
  const Bytes frame = frameBytes({{1, 2, 3}});
  const uint8_t* first = reader.prepare().data();
  for (int i = 0; i < 5000; ++i) {
    std::vector<Segments> got;
    ASSERT_TRUE(feed(reader, frame, 1000, got).ok());
    ASSERT_EQ(got.size(), 1u);
  }
  EXPECT_EQ(reader.prepare().data(), first);
  EXPECT_EQ(pool.bytesInUse(), BufferPool::kChunkBytes);
}

TEST(FrameReader, HoldsNoMemoryAfterTrimUnlessAPartIsPending) {
  BufferPool pool;
  FrameReader reader(pool, {});
  std::vector<Segments> got;
  const Bytes frame = frameBytes({{1, 2, 3}});
  ASSERT_TRUE(feed(reader, frame, 1000, got).ok());
  reader.trim();
  EXPECT_EQ(pool.bytesInUse(), 0u);
  ASSERT_TRUE(feed(reader, Bytes(frame.begin(), frame.begin() + 11), 1000, got).ok());
  reader.trim();
  EXPECT_EQ(reader.pendingBytes(), 11u);
  ASSERT_TRUE(feed(reader, Bytes(frame.begin() + 11, frame.end()), 1000, got).ok());
  EXPECT_EQ(got.size(), 2u);
}

TEST(FrameReader, GrowsWithTheBytesThatCameAndNotWithTheAnnouncedSize) {
  BufferPool pool;
  FrameReader reader(pool, {});
  const uint32_t words = (63u << 20) / 8;
  Bytes bytes(8);
  std::memcpy(bytes.data() + 4, &words, 4);
  std::vector<Segments> got;
  ASSERT_TRUE(feed(reader, bytes, 8, got).ok());
  EXPECT_LE(pool.bytesInUse(), BufferPool::kChunkBytes);
  size_t sent = bytes.size();
  const Bytes more(50000);
  while (sent < (4u << 20)) {
    ASSERT_TRUE(feed(reader, more, 50000, got).ok());
    sent += more.size();
    reader.prepare();
    EXPECT_LE(pool.bytesInUse(), std::max(8 * sent, BufferPool::kChunkBytes));
  }
  EXPECT_EQ(reader.pendingBytes(), sent);
}

TEST(FrameReader, ReadsALargeFrameAmongSmallOnes) {
  std::mt19937 random(3);
  std::vector<Segments> sent{{{1}}, {std::vector<uint64_t>(300000, 5), {6, 7}}, {{8}}, {{9, 9}}};
  Bytes stream;
  for (const auto& segments : sent) {
    const Bytes frame = frameBytes(segments);
    stream.insert(stream.end(), frame.begin(), frame.end());
  }
  for (size_t step : {4096u, 65536u, 1000000u, 10000000u}) {
    BufferPool pool;
    FrameReader reader(pool, {});
    std::vector<Segments> got;
    ASSERT_TRUE(feed(reader, stream, step, got).ok());
    EXPECT_EQ(got, sent);
    reader.prepare();
    EXPECT_EQ(pool.bytesInUse(), BufferPool::kChunkBytes) << "the large buffer has gone back";
  }
}

Status feedHeader(std::vector<uint32_t> header, FrameLimits limits) {
  BufferPool pool;
  FrameReader reader(pool, limits);
  Bytes bytes(header.size() * 4);
  std::memcpy(bytes.data(), header.data(), bytes.size());
  std::vector<Segments> got;
  return feed(reader, bytes, 1, got);
}

TEST(FrameReader, RefusesMoreSegmentsThanAllowedFromTheCountAlone) {
  EXPECT_EQ(feedHeader({512}, {}).code(), Code::kProtocol);
  EXPECT_EQ(feedHeader({0xffffffff}, {}).code(), Code::kProtocol);
  EXPECT_EQ(feedHeader({0xfffffffe}, {}).code(), Code::kProtocol);
  EXPECT_TRUE(feedHeader({511}, {}).ok());
  EXPECT_EQ(feedHeader({3}, {.max_segments = 3}).code(), Code::kProtocol);
}

TEST(FrameReader, KnowsThePeerThatSpeaksTls) {
  for (const uint32_t record : {0x00010315u, 0x02010316u}) {  // an alert, a handshake
    const Status status = feedHeader({record}, {.max_segments = 512});
    EXPECT_EQ(status.code(), Code::kProtocol);
    EXPECT_TRUE(status.message().starts_with("peer sent TLS where none is expected"));
  }
}

TEST(FrameReader, RefusesALargerFrameThanAllowedFromTheHeaderAlone) {
  EXPECT_TRUE(feedHeader({0, 15}, {.max_bytes = 128}).ok());
  EXPECT_EQ(feedHeader({0, 16}, {.max_bytes = 128}).code(), Code::kProtocol);
  EXPECT_EQ(feedHeader({0, 0xffffffff}, {}).code(), Code::kProtocol);
  EXPECT_EQ(feedHeader({2, 0xffffffff, 0xffffffff, 0xffffffff}, {.max_bytes = ~0ull}).code(),
            Code::kProtocol);
}

TEST(FrameReader, KeepsSayingThatTheStreamIsBroken) {
  BufferPool pool;
  FrameReader reader(pool, {});
  std::vector<Segments> got;
  EXPECT_FALSE(feed(reader, Bytes(8, 0xff), 8, got).ok());
  EXPECT_FALSE(reader.next().ok());
}

}  // namespace
}  // namespace vatmesh::wire
