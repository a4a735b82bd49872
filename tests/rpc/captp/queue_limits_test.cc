// SPDX-License-Identifier: Apache-2.0
//
// What happens above each bound of what waits: behind a promise, and towards a link (captp-engine
// 5.2, 5.4; design 4.8; scenario 106).
#include "tests/rpc/captp/limits_fixture.h"

namespace vatmesh::captp {
namespace {

TEST_F(LimitsOf, QueuedMessagesRefusesTheCallAboveAlone) {
  Limits limits;
  limits.queued_messages = 3;
  connect(limits);
  a->bootstrap(1);
  for (uint16_t i = 0; i < 4; ++i) a->callAnswer(10 + i, 1, {}, i);
  EXPECT_EQ(a->nextLine(),
            "Return a=13 exception overloaded \"too many calls wait for this promise to resolve\"");
  h.complete(*app);
  EXPECT_EQ(app->rest(),
            "Bootstrap q=0\nCall q=1 -> answer 0 0x1234/0\nCall q=2 -> answer 0 0x1234/1\n"
            "Call q=3 -> answer 0 0x1234/2\n");
}

TEST_F(LimitsOf, QueuedBytesRefusesTheCallAboveAlone) {
  Limits limits;
  limits.queued_bytes = 6000;
  connect(limits);
  a->bootstrap(1);
  auto call = [&](uint32_t question, size_t words) {
    wire::OutCall out;
    out.question_id = question;
    out.target = promisedAnswer(1, {});
    a->send(Draft(wire::buildCall(h.frames(), out, {})).content(words).take());
  };
  call(10, 400);
  uint64_t charged = h.vat().tableSizes().charged_bytes;
  EXPECT_GE(charged, 3200u);
  call(11, 400);
  EXPECT_EQ(a->next().exception.type, 1);
  EXPECT_EQ(h.vat().tableSizes().charged_bytes, charged);
  call(12, 4);
  EXPECT_TRUE(a->quiet());
  h.complete(*app);
  EXPECT_EQ(h.vat().tableSizes().charged_bytes, 0u);
  EXPECT_EQ(app->nextLine(), "Bootstrap q=0");
  EXPECT_EQ(app->next().kind, wire::MessageKind::kCall);
  EXPECT_EQ(app->next().kind, wire::MessageKind::kCall);
  EXPECT_TRUE(app->quiet());
}

TEST_F(LimitsOf, QueueHardRefusesCallsToALinkThatDoesNotRead) {
  Limits limits;
  limits.queue_hard = 2000;
  connect({}, limits);
  h.flush(*app);
  for (uint32_t question = 1; question <= 100; ++question) a->callImport(question, 0);
  EXPECT_FALSE(app->closed());
  EXPECT_LE(h.vat().queuedBytes(app->id()), limits.queue_hard);
  EXPECT_GE(h.vat().queuedBytes(app->id()), limits.queue_hard / 2);
  EXPECT_EQ(a->next().exception.type, 1);
  a->rest();
  // As soon as it reads there is room again.
  h.flush(*app);
  a->callImport(101, 0);
  EXPECT_TRUE(a->quiet());
}

TEST_F(LimitsOf, QueueHardEndsTheLinkThatDoesNotReadItsReturns) {
  Limits limits;
  limits.queue_hard = 2000;
  connect(limits);
  h.flush(*a);
  for (uint32_t question = 1; question <= 100; ++question) {
    a->callImport(question, 0);
    h.flush(*app);
  }
  app->rest();
  for (uint32_t answer = 0; answer < 100 && !a->closed(); ++answer) app->returnCaps(answer, {});
  ASSERT_TRUE(a->closed());
  EXPECT_EQ(a->closed()->code(), Code::kOverloaded);
  EXPECT_NE(a->rest().find("Abort overloaded"), std::string::npos);
  EXPECT_FALSE(app->closed());
  EXPECT_NE(app->rest().find("Finish q=99 releaseResultCaps"), std::string::npos);
}

TEST_F(LimitsOf, QueueHardIsNeverReachedByOneThatReads) {
  Limits limits;
  limits.queue_hard = 1000;
  connect({}, limits);
  for (uint32_t question = 1; question < 200; ++question) {
    h.flush(*app);
    a->callImport(question, 0);
  }
  EXPECT_FALSE(app->closed());
}

TEST_F(LimitsOf, StallEndsTheLinkThatStoppedReading) {
  Limits limits;
  limits.stall = std::chrono::seconds(30);
  connect({}, limits);
  h.flush(*app);
  h.flush(*a);
  Instant start = Instant() + std::chrono::hours(1);
  h.tick(start);
  a->callImport(1, 0);
  EXPECT_EQ(h.vat().nextDeadline(), start + limits.stall);
  h.tick(start + std::chrono::seconds(29));
  EXPECT_FALSE(app->closed());
  h.tick(start + std::chrono::seconds(30));
  ASSERT_TRUE(app->closed());
  EXPECT_EQ(app->closed()->code(), Code::kTimeout);
  EXPECT_EQ(a->next().exception.type, 2);
}

TEST_F(LimitsOf, StallIsCountedFromTheLastProgress) {
  Limits limits;
  limits.stall = std::chrono::seconds(30);
  connect({}, limits);
  h.flush(*app);
  h.flush(*a);
  Instant start = Instant() + std::chrono::hours(1);
  h.tick(start);
  a->callImport(1, 0);
  h.tick(start + std::chrono::seconds(20));
  h.turn([&](Effects& out) { h.vat().onFlushed(app->id(), 8, out); });
  h.tick(start + std::chrono::seconds(45));
  EXPECT_FALSE(app->closed());
  h.tick(start + std::chrono::seconds(50));
  EXPECT_TRUE(app->closed());
}

TEST_F(LimitsOf, StallNeverEndsALinkWithNothingToRead) {
  connect({});
  h.flush(*app);
  h.flush(*a);
  h.tick(Instant() + std::chrono::hours(1000));
  EXPECT_FALSE(app->closed());
  EXPECT_FALSE(a->closed());
}

}  // namespace
}  // namespace vatmesh::captp
