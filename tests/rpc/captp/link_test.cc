// SPDX-License-Identifier: Apache-2.0
//
// A link that is lost, in every state of what stands on it (captp-engine R-E5, R-E6; scenarios 11,
// 97, 102).
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

// a and c are connected to the application; a's question 1 is question 0 of the application.
class Loss : public testing::Test {
 protected:
  Loss() : a(h.peer()), c(h.peer()), app(h.app()) {
    h.connect(a, app);
    h.connect(c, app);
    a.callImport(1, 0, 1, {senderHosted(42)});
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/1 caps=[senderHosted 0]");
  }
  static constexpr std::array<uint16_t, 1> kField = {0};
  static constexpr const char* kCut = "exception disconnected \"cable cut\"";

  Harness h;
  Peer& a;
  Peer& c;
  Peer& app;
};

TEST_F(Loss, OfTheCalleeFailsCallsAndPipelinedCalls) {
  a.callAnswer(2, 1, {0}, 2);
  h.lose(app, "cable cut");
  EXPECT_EQ(a.sortedRest(), std::string("Release import=42 count=1\nReturn a=1 ") + kCut +
                                "\nReturn a=2 " + kCut + "\n");
  a.callAnswer(3, 1, {0}, 3);
  a.callImport(4, 0, 4);
  EXPECT_EQ(a.rest(), std::string("Return a=3 ") + kCut + "\nReturn a=4 " + kCut + "\n");
  EXPECT_FALSE(a.closed());
}

TEST_F(Loss, OfTheCalleeLeavesOthersAlone) {
  Peer& other = h.app();
  Peer& b = h.peer();
  h.connect(b, other);
  b.callImport(1, 0, 1);
  EXPECT_EQ(other.next().id, 0u);
  h.lose(app);
  EXPECT_TRUE(b.quiet());
  other.returnCaps(0, {senderHosted(4)});
  EXPECT_EQ(b.nextLine(), "Return a=1 results caps=[senderHosted 1]");
}

TEST_F(Loss, OfTheCalleeFailsLatePipelinedCallsOnResultsThatCame) {
  app.returnCaps(0, {senderHosted(4)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  h.lose(app, "cable cut");
  a.rest();
  a.callAnswer(2, 1, {0}, 2);
  a.callImport(3, 1, 3);
  EXPECT_EQ(a.rest(), std::string("Return a=2 ") + kCut + "\nReturn a=3 " + kCut + "\n");
  a.finish(1, true);
  a.finish(2);
  a.finish(3);
  a.release(0, 1);
  c.release(0, 1);
  EXPECT_TRUE(h.empty()) << h.vat().dump();
}

TEST_F(Loss, OfTheCalleeKeepsReflectedResultsOfOthers) {
  c.callImport(1, 0, 0, {senderHosted(9)});
  EXPECT_EQ(app.next().descriptors[0].id, 1u);
  app.returnCaps(0, {receiverHosted(1)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  h.lose(app, "cable cut");
  a.rest();
  c.rest();
  a.callAnswer(2, 1, {0}, 2);
  a.callImport(3, 1, 3);
  EXPECT_EQ(c.rest(), "Call q=0 -> import 9 0x1234/2\nCall q=1 -> import 9 0x1234/3\n");
}

TEST_F(Loss, OfTheCalleeBreaksAUsedPathForItsHolders) {
  c.callImport(1, 0, 0, {senderHosted(9)});
  app.next();
  a.callAnswer(2, 1, {0}, 2);
  app.returnCaps(0, {receiverHosted(1)});  // of c, which is still there
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  h.lose(app, "cable cut");
  EXPECT_EQ(a.sortedRest(), std::string("Release import=42 count=1\nResolve promise=1 -> ") + kCut +
                                "\nReturn a=2 " + kCut + "\n");
  a.callImport(3, 1, 3);
  a.callAnswer(4, 1, {0}, 4);
  EXPECT_EQ(a.rest(), std::string("Return a=3 ") + kCut + "\nReturn a=4 " + kCut + "\n");
  EXPECT_EQ(c.rest().find("Call"), std::string::npos);
}

TEST_F(Loss, OfTheCalleeBreaksAUsedPathOfTheCallersOwnObject) {
  a.callAnswer(2, 1, {0}, 2);
  app.returnCaps(0, {receiverHosted(0)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[receiverHosted 42]");
  h.lose(app, "cable cut");
  EXPECT_EQ(a.rest(), std::string("Return a=2 ") + kCut + "\n");
  a.callAnswer(3, 1, {0}, 3);  // a has not embargoed yet
  EXPECT_EQ(a.nextLine(), std::string("Return a=3 ") + kCut);
}

TEST_F(Loss, OfTheCallerCancelsWhatItAsked) {
  a.callAnswer(2, 1, {0}, 2);
  app.nextLine();
  h.lose(a);
  EXPECT_EQ(app.sortedRest(), "Finish q=0 releaseResultCaps\nFinish q=1 releaseResultCaps\n");
  app.returnCaps(0, {senderHosted(4)});
  app.callImport(0, 0, 5);
  EXPECT_EQ(app.next().exception.type, 2);
}

TEST_F(Loss, OfTheCallerFinishesWhatHasReturned) {
  app.returnCaps(0, {senderHosted(4)});
  h.lose(a);
  EXPECT_EQ(app.sortedRest(), "Finish q=0\nRelease import=4 count=1\n");
}

TEST_F(Loss, OfTheCallerAfterItsCancelSendsNothingTwice) {
  a.finish(1, true, false);
  app.rest();
  h.lose(a);
  EXPECT_TRUE(app.quiet());
  app.returnCaps(0, {});
  EXPECT_FALSE(app.closed());
}

TEST_F(Loss, OfTheCalleeWithACanceledQuestionIsSilent) {
  a.finish(1, true, false);
  a.rest();
  h.lose(app);
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");
}

TEST_F(Loss, OfAPromisesHostBreaksItOnEveryLink) {
  a.callImport(2, 0, 0, {senderPromise(43)});
  app.nextLine();
  c.callImport(1, 0);
  app.nextLine();
  app.returnCaps(2, {receiverHosted(1)});
  EXPECT_EQ(c.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  h.lose(a, "cable cut");
  EXPECT_EQ(c.nextLine(), std::string("Resolve promise=1 -> ") + kCut);
  EXPECT_NE(app.rest().find(std::string("Resolve promise=1 -> ") + kCut), std::string::npos);
}

TEST_F(Loss, OfAPromisesHolderTellsNobody) {
  a.callImport(2, 0, 0, {senderPromise(43)});
  h.lose(app);
  a.rest();
  a.resolve(43, senderHosted(44));
  EXPECT_EQ(a.rest(), "Release import=44 count=1\n");
  EXPECT_FALSE(a.closed());
}

TEST_F(Loss, OfAnAnswersHolderLeavesItToTheOthers) {
  c.callImport(1, 0, 0, {senderHosted(9)});
  app.nextLine();
  a.callImport(2, 0);
  app.returnCaps(2, {receiverHosted(1)});
  EXPECT_EQ(a.nextLine(), "Return a=2 results caps=[senderHosted 1]");
  a.callImport(3, 1, 0, {receiverAnswer(1, kField)});
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/0 caps=[senderPromise 1]");
  app.rest();
  h.lose(a);
  // c holds the promise: the question goes on.
  EXPECT_EQ(app.sortedRest(), "Finish q=2\n");
  app.returnCaps(0, {senderHosted(4)});
  EXPECT_NE(c.rest().find("Resolve promise=1 -> senderHosted 2"), std::string::npos);
}

TEST_F(Loss, WithDisembargoesWaitingForgetsThem) {
  a.callImport(2, 0, 0, {senderPromise(43)});
  app.nextLine();
  app.disembargo(1, importedCap(1));
  h.lose(app);
  a.resolve(43, senderHosted(44));
  EXPECT_FALSE(a.closed());
}

TEST_F(Loss, OfARedirectedCallsMakerCancelsIt) {
  app.tailCall(5, importedCap(0), 7);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/7");
  h.lose(app, "cable cut");
  EXPECT_EQ(a.sortedRest(), std::string("Finish q=0 releaseResultCaps\nRelease import=42 count=1\n"
                                        "Return a=1 ") +
                                kCut + "\n");
}

TEST_F(Loss, OfOneselfWithCallsOnOneself) {
  app.callImport(1, 0, 5);  // to a
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/5");
  app.returnCaps(0, {receiverHosted(0)});
  a.rest();
  a.callAnswer(2, 1, {0}, 6);  // straight back to a
  EXPECT_EQ(a.nextLine(), "Call q=1 -> import 42 0x1234/6");
  h.lose(a, "cable cut");
  EXPECT_NE(app.rest().find(std::string("Return a=1 ") + kCut), std::string::npos);
}

TEST_F(Loss, MakesRoomForANewLinkThatHearsNothingOfTheOldOne) {
  LinkId old = app.id();
  h.lose(app);
  a.rest();
  Peer& again = h.app();
  EXPECT_FALSE(again.id() == old);
  // A late message of the old transport.
  h.turn([&](Effects& out) {
    h.vat().onMessage(old, wire::toMessage(*wire::buildReturnCanceled(h.frames(), 0), h.buffers()),
                      out);
  });
  EXPECT_TRUE(again.quiet());
  EXPECT_FALSE(again.closed());
  h.turn([&](Effects& out) { h.vat().onFlushed(old, 100, out); });
  h.turn([&](Effects& out) { h.vat().closeLink(old, Status(Code::kFailed, "x"), out); });
  EXPECT_FALSE(h.vat().has(old));
  EXPECT_TRUE(h.vat().has(again.id()));
  EXPECT_TRUE(again.quiet());
  // A fresh reference comes with a fresh bootstrap.
  a.bootstrap(5);
  h.complete(again);
  EXPECT_EQ(again.nextLine(), "Bootstrap q=0");
}

TEST_F(Loss, TwiceIsOnce) {
  h.lose(app);
  a.rest();
  h.lose(app);
  EXPECT_TRUE(a.quiet());
}

}  // namespace
}  // namespace vatmesh::captp
