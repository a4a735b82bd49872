// SPDX-License-Identifier: Apache-2.0
//
// Finish, cancel, and the lives of ids (captp-engine 6.4, scenarios 36 to 45).
#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

// a's question 1 is question 0 of the application, not yet returned.
class Finish : public testing::Test {
 protected:
  Finish() : a(h.peer()), app(h.app()) {
    h.connect(a, app);
    a.callImport(1, 0, 1, {senderHosted(42)});
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/1 caps=[senderHosted 0]");
  }

  Harness h;
  Peer& a;
  Peer& app;
};

TEST_F(Finish, DuringTheCallCancelsItOnce) {
  a.finish(1, true, false);
  EXPECT_EQ(a.rest(), "Return a=1 canceled\n");
  EXPECT_EQ(app.rest(), "Finish q=0 releaseResultCaps\n");
  app.send(wire::buildReturnCanceled(h.frames(), 0));
  EXPECT_TRUE(a.quiet());
  EXPECT_TRUE(app.quiet());
  // Both ids are free again.
  a.callImport(1, 0, 2);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/2");
}

TEST_F(Finish, AfterTheReturnGoesOnBelow) {
  app.returnCaps(0, {senderHosted(4)});
  EXPECT_TRUE(app.quiet());
  a.finish(1);
  EXPECT_EQ(app.rest(), "Finish q=0\n");
  a.callImport(1, 0, 2);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/2");
}

TEST_F(Finish, OfACallThatCameBackAsAnExceptionIsSilent) {
  app.returnException(0, "thrown");
  EXPECT_EQ(a.rest(), "Return a=1 exception failed \"thrown\"\n");
  EXPECT_EQ(app.rest(), "Finish q=0\n");
  a.finish(1, true);
  EXPECT_TRUE(a.quiet());
  EXPECT_TRUE(app.quiet());
}

TEST_F(Finish, HandsTheWorkaroundFlagOn) {
  a.finish(1, true, true);
  EXPECT_EQ(app.rest(), "Finish q=0 releaseResultCaps earlyCancellationWorkaround\n");
}

TEST_F(Finish, WithPipelinedCallsUnderWayCancelsOnlyTheFirst) {
  a.callAnswer(2, 1, {0}, 2);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0.0 0x1234/2");
  a.finish(1, true, false);
  EXPECT_EQ(app.rest(), "Finish q=0 releaseResultCaps\n");  // behind the call that needs it
  app.returnCaps(1, {});
  EXPECT_EQ(a.rest(), "Return a=1 canceled\nReturn a=2 results noFinishNeeded\n");
}

TEST_F(Finish, OfAnUnknownQuestionIsIgnored) {
  a.finish(99);
  EXPECT_FALSE(a.closed());
  app.returnCaps(0, {senderHosted(4)});
  a.finish(1);
  a.finish(1);
  EXPECT_FALSE(a.closed());
  EXPECT_EQ(app.rest(), "Finish q=0\n");
  a.callImport(1, 0, 2);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/2");
}

TEST_F(Finish, BehindAReturnThatNeededNoneIsIgnored) {
  app.returnCaps(0, {});
  a.finish(1);
  EXPECT_EQ(a.rest(), "Return a=1 results noFinishNeeded\n");
  EXPECT_EQ(app.rest(), "Finish q=0\n");
}

TEST_F(Finish, CrossingTheReturnIgnoresTheLateResults) {
  a.finish(1, true, false);
  EXPECT_EQ(app.nextLine(), "Finish q=0 releaseResultCaps");
  a.callImport(1, 0, 2);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2");  // 0 still waits for its Return
  app.returnCaps(0, {senderHosted(4)});
  app.returnCaps(1, {});
  EXPECT_EQ(a.rest(), "Return a=1 canceled\nReturn a=1 results noFinishNeeded\n");
  EXPECT_EQ(app.rest(), "Finish q=1\n");
  a.callImport(2, 0, 3);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/3");
}

TEST_F(Finish, CrossingAnExceptionIgnoresIt) {
  a.finish(1, true, false);
  app.nextLine();
  app.returnException(0, "canceled by context");
  EXPECT_EQ(a.rest(), "Return a=1 canceled\n");
  EXPECT_TRUE(app.quiet());
}

TEST_F(Finish, LeavesAQueuedCallUndelivered) {
  a.bootstrap(2);
  a.callAnswer(3, 2, {}, 3);
  a.callAnswer(4, 2, {}, 4);
  a.finish(3, true, false);
  h.complete(app);
  EXPECT_EQ(app.rest(), "Bootstrap q=1\nCall q=2 -> answer 1 0x1234/4\n");
}

TEST_F(Finish, WithTheWorkaroundStillDeliversAQueuedCall) {
  a.bootstrap(2);
  a.callAnswer(3, 2, {}, 3, {senderHosted(43)});
  a.finish(3, true, true);
  EXPECT_EQ(a.rest(), "Return a=3 canceled\n");
  h.complete(app);
  EXPECT_EQ(app.nextLine(), "Bootstrap q=1");
  EXPECT_EQ(app.nextLine(), "Call q=2 -> answer 1 0x1234/3 caps=[senderHosted 1]");
  EXPECT_EQ(app.nextLine(), "Finish q=2 releaseResultCaps earlyCancellationWorkaround");
}

TEST_F(Finish, OfTheRestoreWaitsForCallsBehindIt) {
  a.bootstrap(2);
  a.callAnswer(3, 2, {}, 3);
  a.finish(2, true, false);
  h.complete(app);
  EXPECT_EQ(app.rest(),
            "Bootstrap q=1\nCall q=2 -> answer 1 0x1234/3\nFinish q=1 releaseResultCaps\n");
  app.returnCaps(2, {});
  EXPECT_EQ(a.rest(), "Return a=2 canceled\nReturn a=3 results noFinishNeeded\n");
}

TEST_F(Finish, IsNotSentWhenTheReturnNeedsNone) {
  app.send(wire::buildReturnResults(h.frames(), {0, true}, {}));
  EXPECT_TRUE(app.quiet());
  a.callImport(2, 0, 2);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/2");
}

TEST_F(Finish, IsSentWhenAReturnWithCapabilitiesClaimsToNeedNone) {
  app.send(wire::buildReturnResults(h.frames(), {0, true}, std::vector{senderHosted(4)}));
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  a.callAnswer(2, 1, {0}, 2);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0.0 0x1234/2");
  a.finish(1);
  EXPECT_EQ(app.rest(), "Finish q=0\n");
}

TEST_F(Finish, IsNotSentWhenAnExceptionNeedsNone) {
  app.send(Draft(wire::buildReturnException(h.frames(), 0, 0, "no")).noFinishNeeded().take());
  EXPECT_EQ(a.nextLine(), "Return a=1 exception failed \"no\"");
  EXPECT_TRUE(app.quiet());
}

TEST_F(Finish, IsNotSentWhenAReturnThatNeedsNoneIsRefused) {
  app.send(Draft(wire::buildReturnResults(h.frames(), {0, true}, {})).badContent().take());
  EXPECT_EQ(a.next().return_kind, wire::ReturnKind::kException);
  EXPECT_TRUE(app.quiet());
}

TEST_F(Finish, IsSentWhenAReturnIsRefused) {
  app.send(Draft(wire::buildReturnResults(h.frames(), {0, false}, std::vector{senderHosted(4)}))
               .badContent()
               .take());
  EXPECT_EQ(a.next().return_kind, wire::ReturnKind::kException);
  EXPECT_EQ(app.sortedRest(), "Finish q=0\nRelease import=4 count=1\n");
}

TEST_F(Finish, FreesTheIdForABootstrap) {
  app.returnCaps(0, {senderHosted(4)});
  a.rest();
  a.finish(1);
  a.bootstrap(1);
  EXPECT_EQ(h.restores(), 1u);
  h.completeWith(Status(Code::kFailed, "no"));
}

TEST_F(Finish, MissingMakesASecondCallWithTheIdEndTheLink) {
  a.callImport(1, 0, 2);
  EXPECT_EQ(a.nextLine(), "Abort failed \"a question id that is still in use\"");
  EXPECT_TRUE(a.closed());
  EXPECT_EQ(app.sortedRest(), "Finish q=0 releaseResultCaps\nRelease import=0 count=1\n");
}

TEST_F(Finish, MissingMakesABootstrapWithTheIdEndTheLink) {
  a.bootstrap(1);
  EXPECT_EQ(a.nextLine(), "Abort failed \"a question id that is still in use\"");
  EXPECT_EQ(h.restores(), 0u);
}

TEST_F(Finish, MissingAfterAnExceptionKeepsTheIdInUse) {
  app.returnException(0, "no");
  a.nextLine();
  a.callImport(1, 0, 2);
  EXPECT_EQ(a.nextLine(), "Abort failed \"a question id that is still in use\"");
}

TEST_F(Finish, OfACallDoesNotEndItsTargetEarly) {
  a.release(0, 1);
  EXPECT_EQ(app.rest(), "Release import=0 count=1\n");
  app.returnCaps(0, {});
  EXPECT_EQ(a.nextLine(), "Return a=1 results noFinishNeeded");
}

TEST(Question, ReturnedTwiceEndsTheLink) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  h.connect(a, app);
  a.callImport(1, 0);
  app.nextLine();
  app.returnCaps(0, {senderHosted(4)});
  app.returnCaps(0, {senderHosted(4)});
  EXPECT_EQ(app.nextLine(), "Abort failed \"a second Return for one question\"");
  EXPECT_FALSE(a.closed());
}

TEST(Question, ReturnedButNeverAskedEndsTheLink) {
  Harness h;
  Peer& app = h.app();
  app.returnCaps(0, {});
  EXPECT_EQ(app.nextLine(), "Abort failed \"a Return for no question of ours\"");
}

TEST(Question, ReturnedAfterItsFinishedReturnEndsTheLink) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  h.connect(a, app);
  a.callImport(1, 0);
  a.finish(1, true, false);
  app.rest();
  app.returnCaps(0, {});
  EXPECT_FALSE(app.closed());
  app.returnCaps(0, {});
  EXPECT_TRUE(app.closed());
}

TEST(Question, OfTheClassWithoutReturnsToleratesOne) {
  Harness h;
  Peer& app = h.app();
  app.returnCaps(1u << 31, {senderHosted(4)});
  EXPECT_FALSE(app.closed());
  EXPECT_EQ(h.vat().counters().tolerated, 1u);
  EXPECT_TRUE(h.empty());
}

// Rust's peers never return what was canceled (0.1.9).
class NeverReturned : public testing::Test {
 protected:
  NeverReturned() : a(h.peer()), app(h.app()) { h.connect(a, app); }
  void callAndCancel(const std::vector<wire::OutDescriptor>& capabilities) {
    a.callImport(1, 0, 0, capabilities);
    last_asked = app.next().id;
    a.finish(1, true, false);
    a.rest();
    app.rest();
    h.flush(a);
    h.flush(app);
  }

  Harness h;
  Peer& a;
  Peer& app;
  uint32_t last_asked = 0;
};

TEST_F(NeverReturned, CostsNothingButTheId) {
  callAndCancel({});
  const uint64_t held = h.vat().tableSizes().held_bytes;
  for (int i = 0; i < 3000; ++i) callAndCancel({});
  EXPECT_EQ(h.vat().tableSizes().questions, 0u);
  EXPECT_EQ(h.vat().tableSizes().held_bytes, held);
  EXPECT_EQ(last_asked, 3000u);
  // Those that are returned all the same, with capabilities that our Finish released.
  app.returnCaps(2000, {senderHosted(4)});
  app.returnException(17, "late");
  EXPECT_TRUE(a.quiet() && app.quiet());
  EXPECT_EQ(h.vat().tableSizes().imports, 1u);
  callAndCancel({});
  EXPECT_EQ(last_asked, 17u);
  app.returnCaps(2000, {});
  EXPECT_EQ(app.nextLine(), "Abort failed \"a Return for no question of ours\"");
}

TEST_F(NeverReturned, IsBoundedWithCapabilitiesToo) {
  for (int i = 0; i < 3000; ++i) callAndCancel({senderHosted(42)});
  EXPECT_EQ(h.vat().tableSizes().questions, 1024u);
  EXPECT_EQ(h.vat().tableSizes().exports, 2u);
  for (uint32_t question = 0; question < 3000; ++question) app.returnCaps(question, {});
  EXPECT_EQ(h.vat().tableSizes().questions, 0u);
  EXPECT_FALSE(app.closed());
  app.release(0, 3000);
  EXPECT_EQ(h.vat().tableSizes().exports, 1u);
}

TEST_F(NeverReturned, AnswersTheTailCallOfACanceledOne) {
  a.callImport(1, 0, 0);
  a.callImport(2, 0, 0, {senderHosted(42)});
  app.next();
  app.next();
  app.tailCall(7, importedCap(0), 9);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/9");
  a.finish(1, true, false);
  app.rest();
  app.takeFrom(0, 7);
  EXPECT_EQ(app.nextLine(), "Return a=7 resultsSentElsewhere");
  EXPECT_FALSE(app.closed());
}

}  // namespace
}  // namespace vatmesh::captp
