// SPDX-License-Identifier: Apache-2.0
//
// Disembargoes of peers: echoed behind the calls that they flush, or held, or the end of a link
// that forges one (captp-engine 1.8; scenarios 65, 66, 76, 80). Echo after a Resolve: also
// receiver_answer_test.cc. Those that follow the calls further, and our own: embargo_test.cc.
#include <algorithm>

#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

// a's question 1 is question 0 of the application and handed a's object 42 over, as export 0.
class Disembargo : public testing::Test {
 protected:
  Disembargo() : a(h.peer()), app(h.app()) {
    h.connect(a, app);
    a.callImport(1, 0, 1, {senderHosted(42)});
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/1 caps=[senderHosted 0]");
  }
  static constexpr std::array<uint16_t, 1> kField = {0};

  void expectAbort(Peer& peer, const std::string& why) {
    EXPECT_NE(peer.rest().find("Abort failed \"" + why + "\""), std::string::npos);
    EXPECT_TRUE(peer.closed());
  }

  Harness h;
  Peer& a;
  Peer& app;
};

TEST_F(Disembargo, OnAnAnswerIsEchoedBehindTheCallsOnIt) {
  app.returnCaps(0, {receiverHosted(0)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[receiverHosted 42]");
  a.callAnswer(2, 1, {0}, 2);
  a.disembargo(7, promisedAnswer(1, kField));
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/2");
  EXPECT_EQ(a.nextLine(), "Disembargo receiverLoopback e=7 -> import 42");
  EXPECT_TRUE(app.quiet());
}

TEST_F(Disembargo, OnAnAnswerNeverUsedIsEchoed) {
  app.returnCaps(0, {receiverHosted(0)});
  a.nextLine();
  a.disembargo(0, promisedAnswer(1, kField));
  EXPECT_EQ(a.nextLine(), "Disembargo receiverLoopback e=0 -> import 42");
  EXPECT_EQ(h.vat().counters().tolerated, 0u);
}

TEST_F(Disembargo, OnAFieldThatIsSomebodyElsesIsEchoedAndCounted) {
  app.returnCaps(0, {senderHosted(4)});
  a.nextLine();
  a.callAnswer(2, 1, {0}, 2);
  app.nextLine();
  a.disembargo(0, promisedAnswer(1, kField));
  EXPECT_EQ(a.next().kind, wire::MessageKind::kDisembargo);
  EXPECT_FALSE(a.closed());
  EXPECT_TRUE(app.quiet());  // it never reaches another peer
  EXPECT_EQ(h.vat().counters().tolerated, 1u);
}

TEST_F(Disembargo, OnAnUnresolvedPromiseWaitsForItsResolution) {
  Peer& c = h.peer();
  h.connect(c, app);
  c.callImport(1, 0, 0, {senderHosted(9)});
  EXPECT_EQ(app.next().descriptors[0].id, 1u);
  a.callImport(2, 0);
  app.nextLine();
  app.returnCaps(2, {receiverHosted(1)});
  EXPECT_EQ(a.nextLine(), "Return a=2 results caps=[senderHosted 1]");
  a.callImport(3, 1, 3, {receiverAnswer(1, kField)});
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/3 caps=[senderPromise 1]");
  c.disembargo(5, importedCap(1));
  c.disembargo(6, importedCap(1));
  EXPECT_TRUE(c.quiet());
  app.returnCaps(0, {receiverHosted(1)});
  EXPECT_EQ(c.nextLine(), "Resolve promise=1 -> receiverHosted 9");
  EXPECT_EQ(c.nextLine(), "Disembargo receiverLoopback e=5 -> import 9");
  EXPECT_EQ(c.nextLine(), "Disembargo receiverLoopback e=6 -> import 9");
}

TEST_F(Disembargo, OnAPromiseThatResolvesElsewhereEndsTheLink) {
  a.callImport(2, 0, 2, {senderPromise(43)});
  app.nextLine();
  app.disembargo(5, importedCap(1));
  EXPECT_TRUE(app.quiet());
  a.resolve(43, senderHosted(44));
  expectAbort(app, "a Disembargo for something that is not the peer's own");
  EXPECT_FALSE(a.closed());
}

TEST_F(Disembargo, OnAPromiseThatBecameAnotherWaitsForThatOne) {
  a.callImport(2, 0, 2, {senderPromise(43)});
  app.nextLine();
  app.disembargo(5, importedCap(1));
  a.resolve(43, senderPromise(44));
  EXPECT_EQ(app.nextLine(), "Resolve promise=1 -> senderPromise 2");
  app.disembargo(6, importedCap(1));  // 1 leads to 2 from now on
  app.disembargo(7, importedCap(2));
  EXPECT_TRUE(app.quiet());
  a.resolve(44, receiverHosted(0));
  EXPECT_EQ(app.nextLine(), "Resolve promise=2 -> receiverHosted 0");
  EXPECT_EQ(app.nextLine(), "Disembargo receiverLoopback e=5 -> import 0");
  EXPECT_EQ(app.nextLine(), "Disembargo receiverLoopback e=6 -> import 0");
  EXPECT_EQ(app.nextLine(), "Disembargo receiverLoopback e=7 -> import 0");
  EXPECT_FALSE(app.closed());
}

TEST_F(Disembargo, OnAReleasedPromiseIsForgotten) {
  a.callImport(2, 0, 2, {senderPromise(43)});
  app.nextLine();
  app.disembargo(5, importedCap(1));
  app.release(1, 1);
  a.resolve(43, senderHosted(44));
  EXPECT_TRUE(app.quiet());
  EXPECT_FALSE(app.closed());
}

TEST_F(Disembargo, TooManyThatWaitEndTheLink) {
  a.callImport(2, 0, 2, {senderPromise(43), senderPromise(44)});
  app.nextLine();
  for (uint32_t i = 0; i < Limits().embargoes; ++i) app.disembargo(i, importedCap(1 + i % 2));
  EXPECT_FALSE(app.closed());
  app.disembargo(9999, importedCap(1));
  expectAbort(app, "too many Disembargoes under way");
}

TEST_F(Disembargo, ThatWaitsNoLongerMakesRoom) {
  for (uint32_t round = 0; round < 3; ++round) {
    const uint32_t told = 43 + 2 * round;
    a.callImport(2 + round, 0, 2, {senderPromise(told), senderPromise(told + 1)});
    const wire::Envelope call = app.next();
    for (uint32_t i = 0; i < Limits().embargoes; ++i) {
      app.disembargo(i, importedCap(call.descriptors.at(i % 2).id));
    }
    // One is released, the other one is told; half of the echoes come.
    app.release(call.descriptors.at(0).id, 1);
    a.resolve(told + 1, receiverHosted(0));
    const std::string lines = app.rest();
    EXPECT_EQ(std::ranges::count(lines, '\n'), 1 + Limits().embargoes / 2) << lines;
  }
  EXPECT_FALSE(app.closed());
}

TEST_F(Disembargo, OnAnObjectThatNeverMovedEndsTheLink) {
  a.disembargo(0, importedCap(0));
  expectAbort(a, "a Disembargo for something that is not the peer's own");
  EXPECT_EQ(app.sortedRest(), "Finish q=0 releaseResultCaps\nRelease import=0 count=1\n");
}

TEST_F(Disembargo, OnAPromiseThatMovedElsewhereEndsTheLink) {
  a.callImport(2, 0, 2, {senderPromise(43)});
  a.resolve(43, senderHosted(44));
  app.disembargo(0, importedCap(1));
  expectAbort(app, "a Disembargo for something that is not the peer's own");
}

TEST_F(Disembargo, OnAnUnknownExportEndsTheLink) {
  a.disembargo(0, importedCap(99));
  expectAbort(a, "a Disembargo for an export that does not exist");
}

TEST_F(Disembargo, OnAnUnknownAnswerEndsTheLink) {
  a.disembargo(0, promisedAnswer(99, kField));
  expectAbort(a, "a Disembargo for an answer that has not returned");
}

TEST_F(Disembargo, OnARunningAnswerEndsTheLink) {
  a.disembargo(0, promisedAnswer(1, kField));
  expectAbort(a, "a Disembargo for an answer that has not returned");
}

TEST_F(Disembargo, AlongAPathThatCantBeFollowedEndsTheLink) {
  app.returnCaps(0, {senderHosted(4)});
  std::vector<uint16_t> path(wire::kMaxPathSteps + 1);
  a.disembargo(0, promisedAnswer(1, path));
  expectAbort(a, "a Disembargo along a path that can't be followed");
}

TEST_F(Disembargo, ThatComesBackUnaskedEndsTheLink) {
  a.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, 0,
                               importedCap(0)));
  expectAbort(a, "a Disembargo that we did not ask for");
}

TEST_F(Disembargo, OfAnotherContextIsUnimplemented) {
  for (uint64_t context : {2, 3, 9}) {
    Draft draft(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kSenderLoopback, 4,
                                      importedCap(0)));
    draft.body(0) |= context << 32;
    a.send(draft.take());
    wire::Envelope reply = a.next();
    EXPECT_EQ(reply.kind, wire::MessageKind::kUnimplemented);
    EXPECT_EQ(reply.inner_raw_kind, static_cast<uint16_t>(wire::MessageKind::kDisembargo));
  }
  EXPECT_FALSE(a.closed());
}

}  // namespace
}  // namespace vatmesh::captp
