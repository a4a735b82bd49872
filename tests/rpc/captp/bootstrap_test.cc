// SPDX-License-Identifier: Apache-2.0
//
// Bootstrap and restore (captp-engine 6.1, scenarios 1 to 4, 9 to 11, 35).
#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

TEST(Bootstrap, TwiceGivesTwoIndependentReferences) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  a.bootstrap(0);
  a.bootstrap(1);
  h.complete(app);
  h.complete(app);
  EXPECT_EQ(app.rest(), "Bootstrap q=0\nBootstrap q=1\n");
  app.send(wire::buildReturnCapability(h.frames(), 0, senderHosted(3)));
  app.send(wire::buildReturnCapability(h.frames(), 1, senderHosted(3)));
  EXPECT_EQ(a.nextLine(), "Return a=0 results caps=[senderHosted 0]");
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 0]");
  a.finish(0);
  a.release(0, 1);
  EXPECT_EQ(app.rest(), "Finish q=0\n");
  a.callImport(2, 0);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 3 0x1234/0");
  app.returnCaps(0, {});
  a.finish(1);
  a.release(0, 1);
  EXPECT_EQ(app.sortedRest(), "Finish q=0\nFinish q=1\nRelease import=3 count=2\n");
  EXPECT_TRUE(h.empty());
}

TEST(Bootstrap, FailsWithAnExceptionAndTheLinkGoesOn) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  a.bootstrap(0);
  h.completeWith(Status(Code::kUnavailable, "the application is not there"));
  EXPECT_EQ(a.nextLine(), "Return a=0 exception disconnected \"the application is not there\"");
  a.finish(0);
  h.connect(a, app);
}

TEST(Bootstrap, TellsTheRestorerWhoAsks) {
  Harness h;
  Peer& a = h.peer();
  Peer& b = h.peer();
  a.bootstrap(0);
  EXPECT_EQ(h.restore().from, a.id());
  h.completeWith(Status(Code::kRefused, "not for you"));
  b.bootstrap(0);
  EXPECT_EQ(h.restore().from, b.id());
  h.completeWith(Status(Code::kRefused, "not for you"));
}

TEST(Bootstrap, OfOneselfIsToldAsOnesOwnObject) {
  Harness h;
  Peer& a = h.peer();
  a.bootstrap(0);
  h.complete(a);
  EXPECT_EQ(a.nextLine(), "Bootstrap q=0");
  a.send(wire::buildReturnCapability(h.frames(), 0, senderHosted(7)));
  EXPECT_EQ(a.nextLine(), "Return a=0 results caps=[receiverHosted 7]");
  a.finish(0);
  EXPECT_EQ(a.sortedRest(), "Finish q=0\nRelease import=7 count=1\n");
  EXPECT_TRUE(h.empty());
}

TEST(Bootstrap, HandsTheObjectIdOnWhenTheRestoreAsksForIt) {
  Harness h;
  Peer& a = h.peer();
  Peer& far = h.peer();
  a.bootstrap(0);
  h.complete(far, "secret");
  wire::Envelope asked = far.next();
  EXPECT_EQ(asked.kind, wire::MessageKind::kBootstrap);
  EXPECT_EQ(asked.object_id, "secret");
}

TEST(Bootstrap, WithAnObjectIdThatIsNoBytesFailsAlone) {
  Harness h;
  Peer& a = h.peer();
  Draft draft(wire::buildBootstrap(h.frames(), 0, "id"));
  draft.body(1) = 3;  // a capability instead of a list of bytes
  a.send(draft.take());
  EXPECT_EQ(h.restores(), 0u);
  EXPECT_EQ(a.nextLine(), "Return a=0 exception failed \"the object id is neither Text nor Data\"");
  EXPECT_FALSE(a.closed());
}

TEST(Bootstrap, PathIsForwardedForTheApplicationToJudge) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  a.bootstrap(0);
  a.callAnswer(1, 0, {2});
  h.complete(app);
  EXPECT_EQ(app.rest(), "Bootstrap q=0\nCall q=1 -> answer 0.2 0x1234/0\n");
}

TEST(Restore, IsCanceledWhenTheCallerFinishes) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  a.bootstrap(0);
  OpId op = h.restoreOp();
  a.finish(0);
  EXPECT_EQ(a.nextLine(), "Return a=0 canceled");
  EXPECT_EQ(h.restores(), 0u);
  // It completes all the same: nobody is asked.
  h.turn([&](Effects& out) { h.vat().complete(op, vat::BootstrapOf{app.id(), ""}, out); });
  EXPECT_TRUE(app.quiet());
  EXPECT_TRUE(a.quiet());
}

TEST(Restore, IsCanceledWhenTheCallerIsLost) {
  Harness h;
  Peer& a = h.peer();
  a.bootstrap(0);
  a.callAnswer(1, 0, {});
  h.lose(a);
  EXPECT_EQ(h.restores(), 0u);
  EXPECT_TRUE(h.empty());
}

TEST(Restore, WithOnlyFinishedCallsBehindItIsStillDelivered) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  a.bootstrap(0);
  a.callAnswer(1, 0, {}, 5);
  a.finish(1, true, true);
  a.finish(0, true, true);
  EXPECT_EQ(a.rest(), "Return a=1 canceled\nReturn a=0 canceled\n");
  h.complete(app);
  // Peers from before 1.0 finish calls early that are meant to be done (R-A6).
  EXPECT_EQ(app.nextLine(), "Bootstrap q=0");
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0 0x1234/5");
  EXPECT_EQ(app.sortedRest(),
            "Finish q=0 releaseResultCaps earlyCancellationWorkaround\n"
            "Finish q=1 releaseResultCaps earlyCancellationWorkaround\n");
}

TEST(Restore, FoundALinkThatIsGone) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  a.bootstrap(0);
  a.callAnswer(1, 0, {});
  h.lose(app);
  h.complete(app);
  EXPECT_EQ(a.nextLine(), "Return a=0 exception disconnected \"the link was lost\"");
  EXPECT_EQ(a.nextLine(), "Return a=1 exception disconnected \"the link was lost\"");
}

TEST(Restore, ApplicationRefusesItsBootstrap) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  a.bootstrap(0);
  a.callAnswer(1, 0, {});
  h.complete(app);
  EXPECT_EQ(app.rest(), "Bootstrap q=0\nCall q=1 -> answer 0 0x1234/0\n");
  app.returnException(0, "no bootstrap here");
  app.returnException(1, "nor there");
  EXPECT_EQ(a.nextLine(), "Return a=0 exception failed \"no bootstrap here\"");
  EXPECT_EQ(a.nextLine(), "Return a=1 exception failed \"nor there\"");
}

TEST(Link, NeverUsedSendsNothingAndIsIdle) {
  Harness h;
  Peer& a = h.peer();
  EXPECT_TRUE(a.quiet());
  EXPECT_TRUE(h.idle(a));
  h.lose(a);
  EXPECT_TRUE(a.quiet());
  EXPECT_FALSE(a.closed());  // the transport ended by itself: there is nothing to close
}

TEST(Link, TellsWhenItsTablesBecomeEmptyAndNoLongerAre) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  EXPECT_TRUE(a.toldIdle());
  h.connect(a, app);
  EXPECT_FALSE(a.toldIdle());
  EXPECT_FALSE(app.toldIdle());
  a.release(0, 1);
  EXPECT_TRUE(a.toldIdle());
  EXPECT_TRUE(app.toldIdle());
}

}  // namespace
}  // namespace vatmesh::captp
