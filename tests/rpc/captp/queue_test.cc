// SPDX-License-Identifier: Apache-2.0
//
// Calls that wait for a restore: order, failure, cancel, loss (captp-engine 2.5, 2.9; scenarios 4,
// 23, 37, 42, 77).
#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

// a's bootstrap, question 0, is being restored.
class Queue : public testing::Test {
 protected:
  Queue() : a(h.peer()), app(h.app()) { a.bootstrap(0); }
  uint64_t charged() { return h.vat().tableSizes().charged_bytes; }

  Harness h;
  Peer& a;
  Peer& app;
};

TEST_F(Queue, GoesOutInOrderBehindTheBootstrap) {
  a.callAnswer(1, 0, {}, 1);
  a.callAnswer(2, 0, {3}, 2);
  a.callAnswer(3, 0, {}, 3);
  h.complete(app);
  a.callAnswer(4, 0, {}, 4);
  EXPECT_EQ(app.rest(),
            "Bootstrap q=0\nCall q=1 -> answer 0 0x1234/1\nCall q=2 -> answer 0.3 0x1234/2\n"
            "Call q=3 -> answer 0 0x1234/3\nCall q=4 -> answer 0 0x1234/4\n");
}

TEST_F(Queue, HoldsCallsOnAnswersOfWaitingCalls) {
  a.callAnswer(1, 0, {}, 1);
  a.callAnswer(2, 1, {0}, 2);
  a.callAnswer(3, 2, {1}, 3);
  a.callAnswer(4, 1, {0}, 4);
  h.complete(app);
  std::string lines = app.rest();
  size_t first = lines.find("Call q=1 -> answer 0 0x1234/1\n");
  size_t second = lines.find("-> answer 1.0 0x1234/2\n");
  size_t fourth = lines.find("-> answer 1.0 0x1234/4\n");
  EXPECT_NE(first, std::string::npos);
  EXPECT_LT(first, second);
  EXPECT_LT(second, fourth);  // through one reference
  EXPECT_NE(fourth, std::string::npos);
  EXPECT_NE(lines.find(".1 0x1234/3\n"), std::string::npos);
  EXPECT_EQ(charged(), 0u);
}

TEST_F(Queue, FailsAsAWholeWithTheRestore) {
  a.callAnswer(1, 0, {}, 1, {senderHosted(42)});
  a.callAnswer(2, 1, {0}, 2);
  EXPECT_GT(charged(), 0u);
  h.completeWith(Status(Code::kOverloaded, "busy"));
  for (uint32_t answer : {0, 1, 2}) {
    wire::Envelope returned = a.next();
    if (returned.kind == wire::MessageKind::kRelease) returned = a.next();
    EXPECT_EQ(returned.id, answer);
    EXPECT_EQ(returned.exception.reason, "busy");
    EXPECT_EQ(returned.exception.type, 1);
  }
  EXPECT_EQ(charged(), 0u);
}

TEST_F(Queue, KeepsCapabilitiesOfItsCallsAlive) {
  a.callAnswer(1, 0, {}, 1, {senderHosted(42), receiverAnswer(0, {})});
  EXPECT_TRUE(a.quiet());
  h.complete(app);
  EXPECT_EQ(
      app.rest(),
      "Bootstrap q=0\nCall q=1 -> answer 0 0x1234/1 caps=[senderHosted 0, receiverAnswer 0]\n");
}

TEST_F(Queue, OfCanceledCallsIsNotDelivered) {
  a.callAnswer(1, 0, {}, 1, {senderHosted(42)});
  a.callAnswer(2, 1, {0}, 2);
  a.callAnswer(3, 0, {}, 3);
  a.finish(2, true, false);
  a.finish(1, true, false);
  h.complete(app);
  EXPECT_EQ(app.rest(), "Bootstrap q=0\nCall q=1 -> answer 0 0x1234/3\n");
  EXPECT_EQ(charged(), 0u);
}

TEST_F(Queue, OfCanceledCallsIsDroppedAtOnceAndTheRestoreWithIt) {
  a.callAnswer(1, 0, {}, 1, {senderHosted(42)});
  a.callAnswer(2, 1, {0}, 2);
  a.finish(1, true, false);
  a.finish(0, true, false);
  EXPECT_EQ(h.restores(), 1u);
  a.finish(2, true, false);
  EXPECT_EQ(h.restores(), 0u);
  EXPECT_EQ(a.rest(),
            "Return a=1 canceled\nReturn a=0 canceled\nReturn a=2 canceled\n"
            "Release import=42 count=1\n");
  EXPECT_TRUE(h.empty());
}

TEST_F(Queue, OfACanceledCallStaysForTheCallsOnIt) {
  a.callAnswer(1, 0, {}, 1);
  a.callAnswer(2, 1, {0}, 2);
  a.finish(1, true, false);
  h.complete(app);
  EXPECT_EQ(app.rest(),
            "Bootstrap q=0\nCall q=1 -> answer 0 0x1234/1\nCall q=2 -> answer 1.0 0x1234/2\n"
            "Finish q=1 releaseResultCaps\n");
}

TEST_F(Queue, IsDroppedWithItsLink) {
  a.callAnswer(1, 0, {}, 1, {senderHosted(42)});
  a.callAnswer(2, 1, {0}, 2);
  a.callAnswer(3, 2, {0}, 3);
  h.lose(a);
  EXPECT_EQ(h.restores(), 0u);
  EXPECT_TRUE(h.empty());
}

TEST_F(Queue, IsDroppedWithItsLinkEvenIfFinishedWithTheWorkaround) {
  a.callAnswer(1, 0, {}, 1);
  a.finish(1, true, true);
  h.lose(a);
  EXPECT_EQ(h.restores(), 0u);
  EXPECT_TRUE(h.empty());
}

TEST_F(Queue, OnAnotherLinkFailsWhenTheWaitingAnswersLinkIsLost) {
  Peer& c = h.peer();
  a.bootstrap(7);
  c.bootstrap(0);
  h.completeWith(Status(Code::kFailed, "not this one"));
  a.rest();
  h.complete(c);  // a's question 7 is an object of c
  EXPECT_EQ(c.nextLine(), "Bootstrap q=0");
  c.send(wire::buildReturnCapability(h.frames(), 0, senderHosted(9)));
  EXPECT_EQ(a.nextLine(), "Return a=7 results caps=[senderHosted 0]");
  a.bootstrap(8);
  a.callImport(9, 0, 0, {receiverAnswer(8, {})});
  EXPECT_EQ(c.nextLine(), "Call q=1 -> import 9 0x1234/0 caps=[senderPromise 0]");
  c.callImport(3, 0, 3);
  EXPECT_TRUE(c.quiet());
  h.lose(a, "cable cut");
  std::string lines = c.rest();
  EXPECT_NE(lines.find("Resolve promise=0 -> exception disconnected \"cable cut\""),
            std::string::npos);
  EXPECT_NE(lines.find("Return a=3 exception disconnected \"cable cut\""), std::string::npos);
  h.completeWith(Status(Code::kFailed, "x"));  // c's own
}

TEST_F(Queue, OnAnotherLinkIsDroppedWithThatLink) {
  Peer& c = h.peer();
  h.completeWith(Status(Code::kFailed, "x"));
  a.bootstrap(7);
  h.complete(c);
  c.send(wire::buildReturnCapability(h.frames(), 0, senderHosted(9)));
  a.bootstrap(8);
  a.callImport(9, 0, 0, {receiverAnswer(8, {})});
  c.callImport(3, 0, 3, {senderHosted(10)});
  EXPECT_GT(charged(), 0u);
  h.lose(c, "cable cut");
  EXPECT_EQ(charged(), 0u);
  h.complete(app);
  EXPECT_EQ(app.rest(), "Bootstrap q=0\n");
}

TEST_F(Queue, IsAnsweredWhenTheApplicationIsGone) {
  a.callAnswer(1, 0, {}, 1);
  h.complete(app);
  app.rest();
  h.lose(app, "exit 1");
  EXPECT_EQ(a.rest(),
            "Return a=0 exception disconnected \"exit 1\"\n"
            "Return a=1 exception disconnected \"exit 1\"\n");
}

}  // namespace
}  // namespace vatmesh::captp
