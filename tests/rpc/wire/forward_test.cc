// SPDX-License-Identifier: Apache-2.0
//
// Each row of the content table, the sizes, and what the scrub leaves.
#include "rpc/wire/forward.h"

#include <string>

#include <gtest/gtest.h>

#include "rpc/wire/content.h"
#include "tests/rpc/wire/messages.h"

namespace vatmesh::wire {
namespace {

using test::makeMessage;
using test::Segments;
using test::segmentsOf;
using Words = std::vector<uint64_t>;

// Segment 0 of a Return whose content pointer is `content`, with `more` behind it. The Payload
// stands at words 6 and 7.
constexpr uint32_t kContentAt = 6;
Words returnWith(uint64_t content, const Words& more = {}) {
  Words words{structWord(0, 1, 1),
              3,
              structWord(0, 2, 1),
              uint64_t{1} << 32,
              0,
              structWord(0, 0, 2),
              content,
              0};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// Words of the tail that a Return without capabilities gets, and where its content pointer is.
constexpr uint32_t kTailWords = 7;
constexpr uint32_t kTailContent = 5;

struct Outcome {
  Status status;
  uint64_t content = 0;  // the new content pointer
  uint32_t at = 0;       // where it stands in segment 0
  Segments image;
};

Outcome forwarded(const Segments& segments) {
  BufferPool buffers;
  FramePool frames;
  InMessage message = makeMessage(buffers, segments);
  const Envelope envelope = test::decoded(message);
  Outcome outcome;
  outcome.status = checkContent(message, envelope.payload);
  if (!outcome.status.ok()) return outcome;
  scrub(message, envelope);
  const FrameRef frame = forwardReturn(frames, std::move(message), envelope.payload, {}, {});
  outcome.image = segmentsOf(*frame);
  outcome.at = static_cast<uint32_t>(segments[0].size()) + kTailContent;
  EXPECT_EQ(outcome.image[0].size(), segments[0].size() + kTailWords);
  outcome.content = outcome.image[0][outcome.at];
  return outcome;
}

int64_t targetOf(const Outcome& outcome) {
  return int64_t{outcome.at} + 1 + nearOffset(outcome.content);
}

TEST(ForwardContent, CopiesNullCapabilityAndFar) {
  EXPECT_EQ(forwarded({returnWith(0)}).content, 0u);
  EXPECT_EQ(forwarded({returnWith(capabilityWord(5))}).content, capabilityWord(5));
  const uint64_t far = farWord({1, 0});
  EXPECT_EQ(forwarded({returnWith(far), {structWord(0, 1, 0), 9}}).content, far);
  const uint64_t double_far = far | 4;
  EXPECT_EQ(
      forwarded({returnWith(double_far), {farWord({2, 0}), structWord(0, 1, 0)}, {9}}).content,
      double_far);
}

TEST(ForwardContent, RecomputesTheOffsetOfANearPointer) {
  const Outcome ahead = forwarded({returnWith(structWord(3, 1, 1), {7, 7, 42, 0})});
  EXPECT_EQ(targetOf(ahead), 10);
  EXPECT_EQ(ahead.image[0][10], 42u);
  EXPECT_EQ(ahead.content, structWord(nearOffset(ahead.content), 1, 1));
  const Outcome list = forwarded({returnWith(listWord(1, 3, 6), {1, 2})});
  EXPECT_EQ(targetOf(list), 8);
  EXPECT_EQ(list.content, listWord(nearOffset(list.content), 3, 6));
  // Behind its own pointer, over words of the old envelope: odd, but inside.
  EXPECT_EQ(targetOf(forwarded({returnWith(structWord(-3, 1, 1))})), 4);
}

TEST(ForwardContent, GivesEveryEmptyStructTheSameWord) {
  for (const int64_t offset : {-1, 0, 1, 500, -500}) {
    if (offset == 0) continue;  // is a null pointer
    EXPECT_EQ(forwarded({returnWith(structWord(offset, 0, 0))}).content, kEmptyStructWord);
  }
}

TEST(ForwardContent, LetsAListWithoutWordsStandAtTheOldEnd) {
  const Outcome at_end = forwarded({returnWith(listWord(1, 0, 7))});
  ASSERT_TRUE(at_end.status.ok());
  EXPECT_EQ(targetOf(at_end), 8);
  EXPECT_EQ(forwarded({returnWith(listWord(2, 0, 7))}).status.code(), Code::kFailed);
}

TEST(ForwardContent, RefusesARootOutsideTheOriginalBounds) {
  // Inside the final image, outside of what was received.
  for (const uint64_t word :
       {structWord(1, 1, 0), structWord(4, 0, 1), listWord(1, 2, 8), listWord(1, 7, 0),
        structWord(-8, 1, 0), structWord((1 << 29) - 1, 1, 0), listWord(-(1 << 29), 2, 1)}) {
    EXPECT_EQ(forwarded({returnWith(word)}).status.code(), Code::kFailed) << word;
  }
  EXPECT_EQ(forwarded({returnWith(farWord({0, 8}))}).status.code(), Code::kFailed);
  EXPECT_EQ(forwarded({returnWith(farWord({1, 0}))}).status.code(), Code::kFailed);
  EXPECT_EQ(forwarded({returnWith(farWord({1, 0})), {structWord(0, 1, 0)}}).status.code(),
            Code::kFailed);
  EXPECT_EQ(forwarded({returnWith(farWord({1, 0}) | 4), {farWord({0, 8}), structWord(0, 1, 0)}})
                .status.code(),
            Code::kFailed);
}

TEST(ForwardContent, RefusesAPadAtTheRoot) {
  EXPECT_EQ(forwarded({returnWith(farWord({0, 0}))}).status.code(), Code::kFailed);
  EXPECT_EQ(forwarded({returnWith(farWord({0, 0}) | 4)}).status.code(), Code::kFailed);
}

TEST(ForwardContent, TurnsReservedPointersToNull) {
  EXPECT_EQ(forwarded({returnWith(capabilityWord(1) | 4)}).content, 0u);
  EXPECT_EQ(forwarded({returnWith(~uint64_t{0})}).content, 0u);
}

TEST(ForwardContent, UsesAnOldPointerInAnotherSegmentAsItsPad) {
  // The Return's pointer to its Payload is far; the Payload stands in segment 1.
  const Words first{structWord(0, 1, 1), 3, structWord(0, 2, 1), 0, 0, farWord({1, 0})};
  const uint64_t content = structWord(1, 1, 0);
  const Outcome outcome = forwarded({first, {structWord(0, 0, 2), content, 0, 77}});
  EXPECT_EQ(outcome.content, farWord({1, 1}));
  EXPECT_EQ(outcome.image[1], (Words{0, content, 0, 77})) << "the pad stays, the rest is scrubbed";
  EXPECT_EQ(forwarded({first, {structWord(0, 0, 2), structWord(2, 1, 0), 0, 77}}).status.code(),
            Code::kFailed);
}

TEST(ForwardContent, GivesAPayloadWhereThereWasNone) {
  const Words words{structWord(0, 1, 1), 3, structWord(0, 2, 1), 0, 0, 0};
  const Outcome none = forwarded({words});
  EXPECT_EQ(none.content, 0u);
  EXPECT_EQ(none.image[0][none.at - 1], structWord(0, 0, 2)) << "a Payload struct";
  EXPECT_EQ(forwarded({{structWord(0, 1, 1), 3, structWord(0, 2, 1), 0, 0, structWord(-1, 0, 0)}})
                .content,
            0u);
}

TEST(Scrub, ZeroesTheOldEnvelopeButTheRoot) {
  BufferPool pool;
  InMessage message = makeMessage(pool, {returnWith(structWord(1, 2, 0), {42, 43})});
  const Envelope envelope = test::decoded(message);
  scrub(message, envelope);
  EXPECT_EQ(segmentsOf(message)[0], (Words{structWord(0, 1, 1), 0, 0, 0, 0, 0, 0, 0, 42, 43}));
}

TEST(Scrub, KeepsPadsThatServeEvenWhenTheEnvelopeOverlapsThem) {
  // The content is far, and its pad is the first descriptor of the capability table.
  Words words = returnWith(farWord({0, 9}), {structWord(1, 1, 1), structWord(2, 1, 0), 5, 0, 42});
  words[7] = listWord(0, 7, 2);
  BufferPool pool;
  InMessage message = makeMessage(pool, {words});
  const Envelope envelope = test::decoded(message);
  ASSERT_EQ(envelope.descriptors.size(), 1u);
  EXPECT_EQ(keptWords(message, envelope.payload).at, (WordAt{0, 9}));
  scrub(message, envelope);
  EXPECT_EQ(segmentsOf(message)[0][9], structWord(2, 1, 0));
  EXPECT_EQ(segmentsOf(message)[0][10], 0u);
  EXPECT_TRUE(checkContent(message, envelope.payload).ok());
}

TEST(Scrub, KeepsTheRootWhenTheEnvelopeOverlapsIt) {
  // The Message struct lies over the root: its tag is the root's low half, a Return.
  BufferPool pool;
  const uint64_t root = structWord(-1, 1, 1);
  InMessage message = makeMessage(pool, {{root, 0}});
  Envelope envelope;
  ASSERT_TRUE(decode(message, {}, envelope).ok());
  scrub(message, envelope);
  EXPECT_EQ(segmentsOf(message)[0][0], root);
}

TEST(CheckSize, NamesTheLimitThatIsExceeded) {
  BufferPool pool;
  const InMessage message = makeMessage(pool, {Words(100), {1}, {2}});
  EXPECT_TRUE(checkSize(message, 1024, 10, 100, {}).ok());
  EXPECT_EQ(checkSize(message, 0, 0, 4097, {}).code(), Code::kFailed);
  EXPECT_EQ(checkSize(message, 5000, 0, 0, {}).code(), Code::kFailed);
  EXPECT_EQ(checkSize(message, ~uint32_t{0}, 0, 0, {}).code(), Code::kFailed);
  EXPECT_EQ(checkSize(message, 0, 4000, 0, {}).code(), Code::kFailed);
  EXPECT_TRUE(checkSize(message, 0, 0, 0, {.max_segments = 3}).ok());
  EXPECT_EQ(checkSize(message, 0, 0, 0, {.max_segments = 2}).code(), Code::kFailed);
  const Status large = checkSize(message, 0, 0, 0, {.max_words = 110});
  EXPECT_NE(large.message().find("110"), std::string::npos);
}

TEST(Forward, LeavesPayloadBytesWhereTheyWereReceived) {
  BufferPool buffers;
  FramePool frames;
  InMessage message =
      makeMessage(buffers, {returnWith(structWord(1, 2, 0), {42, 43}), {44, 45}, {46}});
  const auto* body = reinterpret_cast<const uint8_t*>(message.words().data());
  const Envelope envelope = test::decoded(message);
  const FrameRef frame = forwardReturn(frames, std::move(message), envelope.payload, {}, {});
  ASSERT_EQ(frame->pieces().size(), 4u);
  EXPECT_EQ(frame->pieces()[1].data(), body + 8);
  EXPECT_EQ(frame->pieces()[1].size(), 9 * 8u);
  EXPECT_EQ(frame->pieces()[3].data(), body + 10 * 8);
  EXPECT_EQ(frame->pieces()[3].size(), 3 * 8u);
  EXPECT_EQ(test::bytesOf(*frame), test::frameBytes(segmentsOf(*frame)));
}

}  // namespace
}  // namespace vatmesh::wire
