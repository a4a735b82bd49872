// SPDX-License-Identifier: Apache-2.0
//
// The skeleton of a message reads like the message, and tells nothing of its content. Messages of
// any layout, made by the fuzzer's writer.
#include "rpc/wire/skeleton.h"

#include <cstring>

#include <gtest/gtest.h>

#include "rpc/wire/build.h"
#include "rpc/wire/image.h"
#include "rpc/wire/printer.h"
#include "tests/fuzz/content.h"

namespace vatmesh::wire {
namespace {

using fuzz::Random;

InMessage messageOf(std::span<const uint64_t> words, std::span<const uint32_t> sizes,
                    BufferPool& pool) {
  BufferRef buffer = pool.get(std::max<size_t>(words.size() * 8, 8));
  std::memcpy(buffer->data(), words.data(), words.size() * 8);
  std::span<uint64_t> in_buffer(reinterpret_cast<uint64_t*>(buffer->data()), words.size());
  return InMessage(std::move(buffer), in_buffer, sizes);
}

InMessage messageOf(const fuzz::Frame& frame, BufferPool& pool) {
  uint32_t header[513];
  std::memcpy(header, frame.data(), 4);
  uint32_t segments = header[0] + 1;
  std::memcpy(header, frame.data() + 4, segments * 4);
  size_t begin = frameHeaderWords(segments) * 8;
  std::vector<uint64_t> words((frame.size() - begin) / 8);
  std::memcpy(words.data(), frame.data() + begin, words.size() * 8);
  return messageOf(words, {header, segments}, pool);
}

InMessage skeleton(const InMessage& message, const Envelope& envelope, BufferPool& pool) {
  std::vector<uint32_t> sizes;
  for (uint32_t i = 0; i < message.segmentCount(); ++i) {
    sizes.push_back(static_cast<uint32_t>(message.segment(i).size()));
  }
  return messageOf(skeletonOf(message, envelope), sizes, pool);
}

fuzz::Frame randomCall(Random& random) {
  fuzz::CallContent content;
  content.call = random.below(1000);
  content.target = random.below(1000);
  fuzz::Descriptors table;
  OutCall call;
  call.question_id = random.below(100);
  call.interface_id = random.next();
  if (random.chance(50)) call.target = {Target::Kind::kPromisedAnswer, 7, fuzz::slotPath(3)};
  for (size_t i = 0; i < random.below(3); ++i) {
    content.arguments.push_back(5);
    content.indices[i] = static_cast<int64_t>(table.size());
    table.push_back(random.chance(50)
                        ? OutDescriptor{DescriptorKind::kSenderHosted, random.below(9), {}}
                        : OutDescriptor{DescriptorKind::kReceiverAnswer, 3, fuzz::slotPath(4)});
  }
  return fuzz::writeCall(random, call, content, table);
}

fuzz::Frame randomResults(Random& random) {
  fuzz::ResultContent content;
  content.call = random.below(1000);
  fuzz::Descriptors table;
  for (size_t slot = 0; slot < 5; ++slot) {
    if (random.chance(50)) continue;
    content.indices[slot] = static_cast<int64_t>(table.size());
    table.push_back({DescriptorKind::kSenderPromise, random.below(9), {}});
  }
  return fuzz::writeResults(random, {random.below(100), false}, random.chance(50), content, table);
}

TEST(Skeleton, ReadsLikeTheMessageInAnyLayout) {
  BufferPool pool;
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    Random random(seed);
    bool is_call = random.chance(50);
    InMessage message = messageOf(is_call ? randomCall(random) : randomResults(random), pool);
    Envelope envelope;
    ASSERT_TRUE(decode(message, {}, envelope).ok());
    InMessage bare = skeleton(message, envelope, pool);
    ASSERT_EQ(describe(bare), describe(message)) << "seed " << seed;
    Envelope bare_envelope;
    ASSERT_TRUE(decode(bare, {}, bare_envelope).ok());
    for (size_t slot = 0; slot < fuzz::kSlots; ++slot) {
      ASSERT_EQ(capabilityAt(bare, bare_envelope.payload, fuzz::slotPath(slot)),
                capabilityAt(message, envelope.payload, fuzz::slotPath(slot)))
          << "seed " << seed << " slot " << slot;
    }
  }
}

TEST(Skeleton, HasNothingOfTheContent) {
  BufferPool pool;
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    Random random(seed);
    bool is_call = random.chance(50);
    InMessage message = messageOf(is_call ? randomCall(random) : randomResults(random), pool);
    Envelope envelope;
    ASSERT_TRUE(decode(message, {}, envelope).ok());
    InMessage bare = skeleton(message, envelope, pool);
    Envelope bare_envelope;
    ASSERT_TRUE(decode(bare, {}, bare_envelope).ok());
    // Their magic numbers are gone.
    if (is_call) {
      ASSERT_TRUE(fuzz::readCall(message, envelope.payload));
      ASSERT_FALSE(fuzz::readCall(bare, bare_envelope.payload)) << "seed " << seed;
    } else {
      ASSERT_TRUE(fuzz::readResults(message, envelope.payload));
      ASSERT_FALSE(fuzz::readResults(bare, bare_envelope.payload)) << "seed " << seed;
    }
  }
}

TEST(Skeleton, ReadsLikeControlMessagesButForTheirTexts) {
  BufferPool pool;
  FramePool frames;
  const std::array<uint16_t, 2> path = {1, 2};
  OutDescriptor answer{DescriptorKind::kReceiverAnswer, 4, path};
  const FrameRef all[] = {
      buildFinish(frames, 1, true, false),
      buildRelease(frames, 2, 3),
      buildResolve(frames, 4, answer),
      buildResolve(frames, 4, {DescriptorKind::kSenderHosted, 5, {}}),
      buildDisembargo(frames, DisembargoKind::kSenderLoopback, 6,
                      {Target::Kind::kPromisedAnswer, 7, path}),
      buildReturnCanceled(frames, 8),
      buildReturnTakeFrom(frames, 9, 10),
      buildUnimplemented(frames, toMessage(*buildResolve(frames, 4, answer), pool)),
      buildBootstrap(frames, 11, "secret"),
  };
  for (const FrameRef& frame : all) {
    InMessage message = toMessage(*frame, pool);
    Envelope envelope;
    ASSERT_TRUE(decode(message, {}, envelope).ok());
    InMessage bare = skeleton(message, envelope, pool);
    EXPECT_EQ(describe(bare), describe(message));
    auto bytes = std::as_bytes(bare.words());
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    EXPECT_EQ(text.find("secret"), std::string_view::npos);
  }
}

TEST(Skeleton, KeepsTheTypeOfAnException) {
  BufferPool pool;
  FramePool frames;
  for (const FrameRef& frame : {buildReturnException(frames, 1, 2, "told to nobody"),
                                buildResolveException(frames, 1, 2, "told to nobody")}) {
    InMessage message = toMessage(*frame, pool);
    Envelope envelope;
    ASSERT_TRUE(decode(message, {}, envelope).ok());
    InMessage bare = skeleton(message, envelope, pool);
    ASSERT_TRUE(decode(bare, {}, envelope).ok());
    EXPECT_EQ(envelope.exception.type, 2);
    EXPECT_EQ(envelope.exception.reason, std::string(14, '?'));
  }
}

TEST(Skeleton, SurvivesMessagesWithAnyWords) {
  BufferPool pool;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    Random random(seed);
    InMessage message = messageOf(randomCall(random), pool);
    for (uint32_t i = random.below(8); i > 0; --i) {
      uint64_t& word = message.words()[random.below(message.sizeWords())];
      word = random.chance(50) ? word ^ uint64_t { 1 } << random.below(64) : random.next();
    }
    Envelope envelope;
    if (!decode(message, {}, envelope).ok()) continue;
    EXPECT_EQ(skeletonOf(message, envelope).size(), message.sizeWords());
  }
}

}  // namespace
}  // namespace vatmesh::wire
