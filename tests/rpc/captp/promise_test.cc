// SPDX-License-Identifier: Apache-2.0
//
// Promises of one peer, exported to others, and what their Resolves do (captp-engine 1.7, 0.1.1;
// scenarios 52 to 61). What is used and comes back to us: also embargo_test.cc.
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
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");  // both names lead to the object now
  app.callImport(0, 0, 5);                             // still on its way when the Resolve came
  app.callImport(1, 1, 6);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 43 0x1234/5");
  EXPECT_EQ(a.nextLine(), "Call q=1 -> import 43 0x1234/6");
  app.release(0, 1);
  EXPECT_TRUE(a.quiet());
  app.release(1, 1);
  EXPECT_EQ(a.rest(), "Release import=43 count=1\n");
}

TEST_F(Promise, ResolvesToAnObjectThatTheHolderKnows) {
  a.callImport(2, 0, 2, {senderHosted(43)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2 caps=[senderHosted 1]");
  a.resolve(42, senderHosted(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderHosted 1");
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");
  app.release(1, 1);
  EXPECT_TRUE(a.quiet());
  app.release(1, 1);
  app.callImport(0, 0, 5);  // what was the promise still leads there
  EXPECT_EQ(a.rest(), "Call q=0 -> import 43 0x1234/5\n");
  app.release(0, 1);
  EXPECT_EQ(a.rest(), "Release import=43 count=2\n");
}

TEST_F(Promise, ResolvesToAPromiseAndThatOneLater) {
  a.resolve(42, senderPromise(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderPromise 1");
  app.callImport(0, 0, 5);
  a.resolve(43, senderHosted(44));
  EXPECT_EQ(app.nextLine(), "Resolve promise=1 -> senderHosted 2");
  EXPECT_TRUE(app.quiet());
  for (uint32_t import : {0, 1, 2}) app.callImport(1 + import, import, 6);
  EXPECT_EQ(a.rest(),
            "Release import=42 count=1\nCall q=0 -> import 43 0x1234/5\n"
            "Call q=1 -> import 44 0x1234/6\nCall q=2 -> import 44 0x1234/6\n"
            "Call q=3 -> import 44 0x1234/6\n");
  app.release(0, 1);
  EXPECT_EQ(a.rest(), "Release import=43 count=1\n");
}

// c's promise 9 is export 1 at the application and export 1 at a.
TEST_F(Promise, ResolvesToWhatAnotherPromiseHasBecome) {
  Peer& c = h.peer();
  h.connect(c, app);
  c.callImport(1, 0, 1, {senderPromise(9)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/1 caps=[senderPromise 1]");
  app.returnCaps(0, {receiverHosted(1)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  c.resolve(9, senderHosted(10));
  EXPECT_EQ(app.nextLine(), "Resolve promise=1 -> senderHosted 2");
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> senderHosted 2");
  // a has not seen that. A descriptor never names an entry whose Resolve was sent (R-P2).
  a.resolve(42, receiverHosted(1));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderHosted 2");
}

// The Release of the first one crosses the message that names it again.
// A way that a peer makes long would be followed for each descriptor of each message.
TEST_F(Promise, ResolvedAgainAndAgainIsNotFollowedAllTheWayAgain) {
  static constexpr std::array<uint16_t, 1> kField = {0};
  app.returnCaps(0, {receiverHosted(0)});  // which we keep for paths: 42
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[receiverHosted 42]");
  app.release(0, 1);
  constexpr uint32_t kPromises = 64;
  for (uint32_t i = 42; i < 42 + kPromises; ++i) a.resolve(i, senderPromise(i + 1));
  EXPECT_EQ(h.vat().tableSizes().imports, 2 + kPromises);
  for (uint32_t i = 0; i < 7; ++i) a.callImport(10 + i, 0, 0, {receiverAnswer(1, kField)});
  EXPECT_LT(h.vat().tableSizes().imports, kPromises / 4);
  EXPECT_FALSE(a.closed());
}

TEST_F(Promise, GivenAgainAfterItsReleaseIsAPromiseAgain) {
  a.resolve(42, senderHosted(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderHosted 1");
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");
  a.callImport(2, 0, 2, {senderPromise(42)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2 caps=[senderPromise 2]");
  app.callImport(0, 2, 5);
  EXPECT_EQ(a.rest(), "Call q=0 -> import 42 0x1234/5\n");
  a.resolve(42, senderHosted(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=2 -> senderHosted 1");
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");
}

TEST_F(Promise, GivenAgainWhileItsOldWayIsInUseIsWhatItHasBecome) {
  app.callImport(0, 0, 5);
  a.resolve(42, receiverHosted(0));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> receiverHosted 0");
  EXPECT_EQ(a.rest(),
            "Call q=0 -> import 42 0x1234/5\nDisembargo senderLoopback e=0 -> import 42\n");
  a.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, 0,
                               importedCap(0)));
  a.callImport(2, 0, 2, {senderPromise(42)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2 caps=[receiverHosted 0]");
  app.release(0, 1);
  EXPECT_EQ(a.rest(), "Release import=42 count=2\n");
}

TEST_F(Promise, GivenAgainAsAnObjectStaysAPromise) {
  a.callImport(2, 0, 2, {senderHosted(42)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2 caps=[senderPromise 0]");
  a.resolve(42, senderHosted(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderHosted 1");
}

TEST_F(Promise, ThatWasUsedAndBecomesTheHoldersObjectStaysOnItsPath) {
  app.callImport(0, 0, 5);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/5");
  a.resolve(42, receiverHosted(0));  // the application's own bootstrap
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> receiverHosted 0");
  EXPECT_EQ(a.nextLine(), "Disembargo senderLoopback e=0 -> import 42");  // for new references
  app.callImport(1, 0, 6);
  app.disembargo(3, importedCap(0));
  app.callImport(2, 0, 7);
  EXPECT_EQ(a.nextLine(), "Call q=1 -> import 42 0x1234/6");
  EXPECT_EQ(a.nextLine(), "Disembargo senderLoopback e=1 -> import 42");
  EXPECT_EQ(a.nextLine(), "Call q=2 -> import 42 0x1234/7");
  EXPECT_TRUE(app.quiet());
}

TEST_F(Promise, ThatNobodyUsedAndBecomesTheHoldersObjectLeadsThere) {
  a.resolve(42, receiverHosted(0));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> receiverHosted 0");
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");
  app.callImport(2, 0, 7);
  app.disembargo(3, importedCap(0));
  EXPECT_EQ(app.rest(),
            "Call q=1 -> import 0 0x1234/7\nDisembargo receiverLoopback e=3 -> import 0\n");
  EXPECT_TRUE(a.quiet());
}

TEST_F(Promise, ThatResolvesToAFieldOfAnAnswerLeadsThere) {
  static constexpr std::array<uint16_t, 1> kField = {0};
  a.resolve(42, receiverAnswer(1, kField));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> receiverAnswer 0.0");
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");
  app.callImport(0, 0, 7);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0.0 0x1234/7");
  EXPECT_TRUE(a.quiet());
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
  a.callImport(2, 0, 2, {senderHosted(44)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2 caps=[senderHosted 1]");
  app.callImport(5, 0, 4);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/4");
  a.resolveException(42, "never");
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> exception failed \"never\"");
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");
  app.callImport(0, 0, 5);
  EXPECT_EQ(app.nextLine(), "Return a=0 exception failed \"never\"");
  // What it has become is given away as broken.
  app.callImport(1, 1, 6, {receiverHosted(0)});
  EXPECT_EQ(a.nextLine(), "Call q=1 -> import 44 0x1234/6 caps=[senderPromise 1]");
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

// 42 becomes c's promise 9, and that one 42.
TEST_F(Promise, ThatResolvesToItselfThroughAnotherIsBroken) {
  Peer& c = h.peer();
  h.connect(c, app);
  c.callImport(1, 0, 1, {senderPromise(9)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/1 caps=[senderPromise 1]");
  app.returnCaps(0, {receiverHosted(1)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  app.returnCaps(1, {receiverHosted(0)});
  EXPECT_EQ(c.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  a.resolve(42, receiverHosted(1));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderPromise 1");
  EXPECT_EQ(c.nextLine(), "Resolve promise=1 -> receiverHosted 9");
  c.resolve(9, receiverHosted(1));
  const std::string why = "exception failed \"the promise resolves to itself\"";
  EXPECT_EQ(app.nextLine(), "Resolve promise=1 -> " + why);
  EXPECT_EQ(a.rest(), "Resolve promise=1 -> " + why + "\n");
  EXPECT_TRUE(app.quiet());
  EXPECT_FALSE(a.closed() || c.closed());
}

// Whoever names what it has resolved, round and round, tells each step itself.
TEST_F(Promise, ThatResolvesToOneThatWasReleasedIsAPromiseAgain) {
  a.resolve(42, senderPromise(43));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> senderPromise 1");
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");
  a.resolve(43, senderPromise(42));
  EXPECT_EQ(app.nextLine(), "Resolve promise=1 -> senderPromise 2");
  EXPECT_TRUE(app.quiet());
  app.callImport(0, 0, 5);
  EXPECT_EQ(a.rest(), "Call q=0 -> import 42 0x1234/5\n");
}

TEST_F(Promise, ThatResolvesToItselfThroughAnAnswerIsBroken) {
  static constexpr std::array<uint16_t, 1> kField = {0};
  app.returnCaps(0, {receiverHosted(0)});
  a.resolve(42, receiverAnswer(1, kField));
  EXPECT_EQ(app.nextLine(),
            "Resolve promise=0 -> exception failed \"the promise resolves to itself\"");
}

TEST_F(Promise, ResolvedTwiceKeepsTheFirst) {
  app.callImport(0, 0, 5);
  a.resolve(42, receiverHosted(0));
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> receiverHosted 0");
  EXPECT_EQ(a.rest(),
            "Call q=0 -> import 42 0x1234/5\nDisembargo senderLoopback e=0 -> import 42\n");
  a.resolve(42, senderHosted(44));
  EXPECT_TRUE(app.quiet());
  EXPECT_EQ(a.rest(), "Release import=44 count=1\n");
  EXPECT_FALSE(a.closed());
  EXPECT_EQ(h.vat().counters().tolerated, 1u);
  app.disembargo(3, importedCap(0));  // it is still the application's own
  EXPECT_EQ(a.nextLine(), "Disembargo senderLoopback e=1 -> import 42");
}

TEST_F(Promise, ResolvedTwiceToTheSameKeepsCount) {
  a.resolve(42, senderHosted(43));
  app.nextLine();
  a.resolve(42, senderHosted(43));
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");
  app.release(1, 1);
  app.release(0, 1);
  EXPECT_EQ(a.rest(), "Release import=43 count=2\n");
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

TEST_F(Promise, InResultsTakesCallsOfThePathAlong) {
  app.returnCaps(0, {senderPromise(4)});
  app.resolve(4, receiverHosted(0));
  EXPECT_EQ(a.rest(),
            "Return a=1 results caps=[senderPromise 1]\nResolve promise=1 -> receiverHosted 42\n");
  a.callAnswer(2, 1, {0}, 2);
  a.callImport(3, 1, 3);
  EXPECT_EQ(a.rest(), "Call q=0 -> import 42 0x1234/2\nCall q=1 -> import 42 0x1234/3\n");
  EXPECT_TRUE(app.quiet());
  a.finish(1, true);
  EXPECT_EQ(app.sortedRest(), "Finish q=0\nRelease import=4 count=1\n");
}

TEST_F(Promise, InResultsThatWasUsedThroughThePathStaysOnItsWay) {
  app.returnCaps(0, {senderPromise(4)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  a.callAnswer(2, 1, {0}, 2);
  app.resolve(4, receiverHosted(0));
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> receiverHosted 42");
  a.callAnswer(3, 1, {0}, 3);
  a.callImport(4, 1, 4);
  a.disembargo(9, importedCap(1));
  EXPECT_EQ(app.rest(),
            "Call q=1 -> import 4 0x1234/2\nDisembargo senderLoopback e=0 -> import 4\n"
            "Call q=2 -> import 4 0x1234/3\nCall q=3 -> import 4 0x1234/4\n"
            "Disembargo senderLoopback e=1 -> import 4\n");
  EXPECT_TRUE(a.quiet());
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
