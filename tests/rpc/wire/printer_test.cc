// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/printer.h"

#include <gtest/gtest.h>

#include "rpc/wire/build.h"
#include "tests/rpc/wire/messages.h"

namespace vatmesh::wire {
namespace {

TEST(Describe, ShowsEachKindInOneLine) {
  FramePool frames;
  const uint16_t path[] = {0, 7};
  const OutDescriptor table[] = {
      {DescriptorKind::kSenderHosted, 4, {}}, {}, {DescriptorKind::kReceiverAnswer, 5, path}};
  EXPECT_EQ(describe(*buildCall(frames,
                                {.question_id = 3,
                                 .target = {},
                                 .interface_id = 0x9f,
                                 .method_id = 2,
                                 .send_results_to = SendResultsTo::kYourself},
                                table)),
            "Call q=3 -> import 0 0x9f/2 results to yourself "
            "caps=[senderHosted 4, none, receiverAnswer 5.0.7]");
  EXPECT_EQ(describe(*buildReturnResults(frames, {6, true}, {})),
            "Return a=6 results noFinishNeeded");
  EXPECT_EQ(describe(*buildReturnException(frames, 6, 0, "no\nway", "trace")),
            "Return a=6 exception failed \"no?way\" with trace");
  EXPECT_EQ(describe(*buildReturnTakeFrom(frames, 6, 2)), "Return a=6 takeFromOtherQuestion 2");
  EXPECT_EQ(describe(*buildFinish(frames, 1, true, false)), "Finish q=1 releaseResultCaps");
  EXPECT_EQ(describe(*buildRelease(frames, 1, 2)), "Release import=1 count=2");
  EXPECT_EQ(describe(*buildBootstrap(frames, 0, "secret")), "Bootstrap q=0 with id");
  EXPECT_EQ(describe(*buildBootstrap(frames, 0, "")), "Bootstrap q=0");
  EXPECT_EQ(describe(*buildResolve(frames, 3, table[0])), "Resolve promise=3 -> senderHosted 4");
  EXPECT_EQ(describe(*buildResolveException(frames, 3, 2, "gone")),
            "Resolve promise=3 -> exception disconnected \"gone\"");
  EXPECT_EQ(describe(*buildDisembargo(frames, DisembargoKind::kSenderLoopback, 9,
                                      {Target::Kind::kPromisedAnswer, 5, path})),
            "Disembargo senderLoopback e=9 -> answer 5.0.7");
  EXPECT_EQ(describe(*buildAbort(frames, 3, "bye")), "Abort unimplemented \"bye\"");
}

TEST(Describe, SaysWhyAMessageIsUnreadable) {
  BufferPool pool;
  EXPECT_EQ(describe(test::makeMessage(pool, {{0}})), "unreadable: message without a root");
  EXPECT_EQ(describe(test::makeMessage(pool, {{structWord(0, 1, 1), 99, 0}})),
            "unknown message, tag 99");
  FramePool frames;
  EXPECT_EQ(describe(*buildUnimplemented(frames,
                                         test::makeMessage(pool, {{structWord(0, 1, 1), 99, 0}}))),
            "Unimplemented: unreadable, tag 99");
}

TEST(ToMessage, GivesTheWordsOfTheFrame) {
  FramePool frames;
  BufferPool pool;
  const FrameRef frame = buildUnimplemented(
      frames, test::makeMessage(pool, {{structWord(0, 1, 1), 99, 0}, {1, 2}, {3}}));
  EXPECT_EQ(test::segmentsOf(toMessage(*frame, pool)), test::segmentsOf(*frame));
}

}  // namespace
}  // namespace vatmesh::wire
