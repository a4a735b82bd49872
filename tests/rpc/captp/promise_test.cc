// SPDX-License-Identifier: Apache-2.0
//
// Promises of one peer, exported to others, and what their Resolves do (captp-engine 1.7; scenarios
// 52 to 61 as far as they go without embargoes of our own).
#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

// a has given its promise 42 to the application, as export 0 there.
class Promise : public testing::Test {
 protected:
  Promise() : a(h.peer()), app(h.app()) {
    h.connect(a, app);
    a.callImport(1, 0, 1, {senderPromise(42)});
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/1 caps=[senderPromise 0]");
  }

  Harness h;
  Peer& a;
  Peer& app;
};

TEST_F(Promise, TakesCallsBeforeItIsResolved) {
  app.callImport(0, 0, 5);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/5");
}

TEST_F(Promise, ResolvesToAnObjectOfItsHost) {
  a.resolve(42, senderHosted(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderHosted 1");
  app.callImport(0, 0, 5);  // still on its way when the Resolve came
  app.callImport(1, 1, 6);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/5");
  EXPECT_EQ(a.nextLine(), "Call q=1 -> import 43 0x1234/6");
  app.release(0, 1);
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");
  app.release(1, 1);
  EXPECT_EQ(a.rest(), "Release import=43 count=1\n");
}

TEST_F(Promise, ResolvesToAnObjectThatTheHolderKnows) {
  a.callImport(2, 0, 2, {senderHosted(43)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2 caps=[senderHosted 1]");
  a.resolve(42, senderHosted(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderHosted 1");
  app.release(1, 1);
  EXPECT_TRUE(a.quiet());
  app.release(1, 1);
  app.release(0, 1);
  EXPECT_EQ(a.sortedRest(), "Release import=42 count=1\nRelease import=43 count=2\n");
}

TEST_F(Promise, ResolvesToAPromiseAndThatOneLater) {
  a.resolve(42, senderPromise(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderPromise 1");
  a.resolve(43, senderHosted(44));
  EXPECT_EQ(app.nextLine(), "Resolve promise=1 -> senderHosted 2");
  EXPECT_TRUE(app.quiet());
}

TEST_F(Promise, ResolvesToWhatAnotherPromiseHasBecome) {
  a.callImport(2, 0, 2, {senderPromise(43)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2 caps=[senderPromise 1]");
  a.resolve(43, senderHosted(44));
  EXPECT_EQ(app.nextLine(), "Resolve promise=1 -> senderHosted 2");
  // A descriptor never names an entry whose Resolve was sent (R-P2).
  a.resolve(42, senderPromise(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderHosted 2");
}

TEST_F(Promise, GivenAgainAfterItsResolveIsWhatItHasBecome) {
  a.resolve(42, senderHosted(43));
  app.nextLine();
  a.callImport(2, 0, 2, {senderPromise(42)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2 caps=[senderHosted 1]");
}

TEST_F(Promise, GivenAgainAsAnObjectStaysAPromise) {
  a.callImport(2, 0, 2, {senderHosted(42)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2 caps=[senderPromise 0]");
  a.resolve(42, senderHosted(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderHosted 1");
}

TEST_F(Promise, ThatWasUsedAndResolvesToTheHoldersObjectStaysOnItsPath) {
  app.callImport(0, 0, 5);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/5");
  a.resolve(42, receiverHosted(0));  // the application's own bootstrap
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderHosted 1");
  app.callImport(1, 0, 6);
  app.callImport(2, 1, 7);
  EXPECT_EQ(a.nextLine(), "Call q=1 -> import 42 0x1234/6");
  EXPECT_EQ(a.nextLine(), "Call q=2 -> import 42 0x1234/7");
}

TEST_F(Promise, ThatNobodyUsedAndResolvesToTheHoldersObjectStaysOnItsPath) {
  a.resolve(42, receiverHosted(0));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderHosted 1");
  app.callImport(2, 1, 7);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/7");
}

TEST_F(Promise, ThatResolvesToAFieldOfAnAnswerStaysOnItsPath) {
  static constexpr std::array<uint16_t, 1> kField = {0};
  a.resolve(42, receiverAnswer(1, kField));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderHosted 1");
  app.callImport(0, 1, 7);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/7");
}

TEST_F(Promise, HeldByTwoLinksResolvesOnBoth) {
  Peer& c = h.peer();
  h.connect(c, app);
  c.callImport(1, 0, 0);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/0");
  app.returnCaps(1, {receiverHosted(0)});
  EXPECT_EQ(c.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  a.resolve(42, senderHosted(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderHosted 1");
  EXPECT_EQ(c.nextLine(), "Resolve promise=1 -> senderHosted 2");
}

TEST_F(Promise, GivenBackToItsHostIsItsOwn) {
  app.returnCaps(0, {receiverHosted(0)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[receiverHosted 42]");
  a.resolve(42, senderHosted(43));
  EXPECT_TRUE(a.quiet());
}

TEST_F(Promise, ResolvesToAnException) {
  a.resolveException(42, "never");
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> exception failed \"never\"");
  app.callImport(0, 0, 5);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/5");  // its host answers for it
  // What it has become is given away as broken.
  app.callImport(1, 0, 6, {receiverHosted(0)});
  EXPECT_EQ(a.nextLine(), "Call q=1 -> import 42 0x1234/6 caps=[senderPromise 1]");
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> exception failed \"never\"");
}

TEST_F(Promise, ResolvesToNullAsAnException) {
  a.resolve(42, {});
  EXPECT_EQ(app.nextLine(),
            "Resolve promise=0 -> exception failed \"the promise resolved to null\"");
  EXPECT_FALSE(a.closed());
}

TEST_F(Promise, ThatResolvesToItselfIsBroken) {
  a.resolve(42, senderPromise(42));
  EXPECT_EQ(app.nextLine(),
            "Resolve promise=0 -> exception failed \"the promise resolves to itself\"");
  app.release(0, 1);
  EXPECT_EQ(a.rest(), "Release import=42 count=2\n");
  EXPECT_FALSE(a.closed());
}

TEST_F(Promise, ThatResolvesToItselfThroughAnotherIsBroken) {
  a.callImport(2, 0, 2, {senderPromise(43)});
  app.nextLine();
  a.resolve(42, senderPromise(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderPromise 1");
  a.resolve(43, senderPromise(42));
  EXPECT_EQ(app.nextLine(),
            "Resolve promise=1 -> exception failed \"the promise resolves to itself\"");
  EXPECT_TRUE(app.quiet());
}

TEST_F(Promise, ThatResolvesToItselfThroughAnAnswerIsBroken) {
  static constexpr std::array<uint16_t, 1> kField = {0};
  app.returnCaps(0, {receiverHosted(0)});
  a.resolve(42, receiverAnswer(1, kField));
  EXPECT_EQ(app.nextLine(),
            "Resolve promise=0 -> exception failed \"the promise resolves to itself\"");
}

TEST_F(Promise, ResolvedTwiceKeepsTheFirst) {
  a.resolve(42, senderHosted(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderHosted 1");
  a.resolve(42, senderHosted(44));
  EXPECT_TRUE(app.quiet());
  EXPECT_EQ(a.rest(), "Release import=44 count=1\n");
  EXPECT_FALSE(a.closed());
  EXPECT_EQ(h.vat().counters().tolerated, 1u);
  app.callImport(0, 1, 5);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 43 0x1234/5");
}

TEST_F(Promise, ResolvedTwiceToTheSameKeepsCount) {
  a.resolve(42, senderHosted(43));
  app.nextLine();
  a.resolve(42, senderHosted(43));
  app.release(1, 1);
  app.release(0, 1);
  EXPECT_EQ(a.sortedRest(), "Release import=42 count=1\nRelease import=43 count=2\n");
}

TEST_F(Promise, ResolvedAfterItsReleaseReleasesTheReplacement) {
  app.release(0, 1);
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");
  a.resolve(42, senderHosted(43));
  EXPECT_EQ(a.rest(), "Release import=43 count=1\n");
  EXPECT_TRUE(app.quiet());
}

TEST_F(Promise, NeverHeardOfMayBeResolved) {
  a.resolve(77, senderHosted(43));
  EXPECT_EQ(a.rest(), "Release import=43 count=1\n");
  a.resolve(78, receiverHosted(0));
  a.resolveException(79, "x");
  EXPECT_FALSE(a.closed());
}

TEST_F(Promise, ReleasedByOneHolderGetsNoResolveThere) {
  Peer& c = h.peer();
  h.connect(c, app);
  c.callImport(1, 0, 0);
  app.nextLine();
  app.returnCaps(1, {receiverHosted(0)});
  c.finish(1, true);
  c.rest();
  app.rest();
  a.resolve(42, senderHosted(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderHosted 1");
  EXPECT_TRUE(c.quiet());
}

TEST_F(Promise, ThatIsAnObjectStaysOneWhenItIsResolved) {
  a.callImport(2, 0, 2, {senderHosted(43)});
  app.nextLine();
  a.resolve(43, senderHosted(44));
  EXPECT_EQ(a.rest(), "Release import=44 count=1\n");
  app.callImport(5, 1, 3);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 43 0x1234/3");
}

TEST_F(Promise, ResolvedToAnUnknownExportIsBroken) {
  a.resolve(42, receiverHosted(99));
  EXPECT_EQ(app.nextLine(),
            "Resolve promise=0 -> exception failed \"receiverHosted names an export that does not "
            "exist\"");
  EXPECT_FALSE(a.closed());
}

TEST_F(Promise, ResolvedInAnUnknownWayIsBroken) {
  Draft draft(wire::buildResolve(h.frames(), 42, senderHosted(43)));
  draft.body(0) |= uint64_t{7} << 32;
  a.send(draft.take());
  EXPECT_EQ(app.nextLine(),
            "Resolve promise=0 -> exception failed \"a promise was resolved in a way that we don't "
            "know\"");
  EXPECT_FALSE(a.closed());
}

TEST_F(Promise, InResultsIsFollowedByItsResolve) {
  app.returnCaps(0, {senderPromise(4)});
  app.resolve(4, senderHosted(5));
  EXPECT_EQ(a.rest(),
            "Return a=1 results caps=[senderPromise 1]\nResolve promise=1 -> senderHosted 2\n");
}

TEST_F(Promise, InResultsLeavesCallsOfThePathToTheQuestion) {
  app.returnCaps(0, {senderPromise(4)});
  app.resolve(4, receiverHosted(0));
  EXPECT_EQ(a.rest(),
            "Return a=1 results caps=[senderPromise 1]\nResolve promise=1 -> senderHosted 2\n");
  a.callAnswer(2, 1, {0}, 2);
  a.callImport(3, 1, 3);
  a.callImport(4, 2, 4);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0.0 0x1234/2");
  EXPECT_EQ(app.nextLine(), "Call q=2 -> import 4 0x1234/3");
  EXPECT_EQ(app.nextLine(), "Call q=3 -> import 4 0x1234/4");
}

TEST_F(Promise, OfALostLinkIsBrokenForItsHolders) {
  h.lose(a, "cable cut");
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> exception disconnected \"cable cut\"");
  app.callImport(0, 0, 5);
  EXPECT_EQ(app.sortedRest(),
            "Finish q=0 releaseResultCaps\nRelease import=0 count=1\n"
            "Return a=0 exception disconnected \"cable cut\"\n");
}

}  // namespace
}  // namespace vatmesh::captp
