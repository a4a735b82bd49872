// SPDX-License-Identifier: Apache-2.0
//
// Embargoes of our own, and Disembargoes of peers that follow their calls (captp-engine 1.8, 2.6,
// 0.1.1; scenarios 58, 65 to 70, 72 to 75, 79, 80).
#include "tests/rpc/captp/embargo_fixture.h"

namespace vatmesh::captp {
namespace {

// === Ours

TEST_F(Embargo, OfAUsedFieldHoldsBackWhatFollows) {
  a.callAnswer(2, 1, {0}, 2);
  app.returnCaps(0, {receiverHosted(kOfC)});
  EXPECT_EQ(app.rest(),
            "Call q=1 -> answer 0.0 0x1234/2\nDisembargo senderLoopback e=0 -> answer 0.0\n");
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  a.callImport(3, 1, 3);
  a.callAnswer(4, 1, {0}, 4);
  a.callImport(5, 1, 5);
  EXPECT_TRUE(c.quiet());
  // The application sends the first one back before its echo.
  app.callImport(7, kOfC, 2);
  echo(app, 0);
  EXPECT_EQ(c.rest(),
            "Call q=0 -> import 9 0x1234/2\nCall q=1 -> import 9 0x1234/3\n"
            "Call q=2 -> import 9 0x1234/4\nCall q=3 -> import 9 0x1234/5\n");
  EXPECT_EQ(a.rest(), "Resolve promise=1 -> senderHosted 2\n");
  EXPECT_TRUE(app.quiet());
  a.finish(1);
  EXPECT_EQ(app.rest(), "Finish q=0\n");
  EXPECT_EQ(h.vat().tableSizes().charged_bytes, 0u);
}

TEST_F(Embargo, OfAnUnusedFieldIsNone) {
  app.returnCaps(0, {receiverHosted(kOfC)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  EXPECT_TRUE(app.quiet());
  a.callImport(3, 1, 3);
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/3");
}

TEST_F(Embargo, OfTheUsedFieldLeavesTheOtherAlone) {
  a.callAnswer(2, 1, {1}, 2);
  app.nextLine();
  app.returnCaps(0, {receiverHosted(kOfC), receiverHosted(kOfC), senderHosted(5)});
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> answer 0.1");
  EXPECT_EQ(a.nextLine(),
            "Return a=1 results caps=[senderHosted 1, senderPromise 2, senderHosted 3]");
}

TEST_F(Embargo, OfAUsedPromiseHoldsBackWhatFollows) {
  embargoed();
  a.callImport(3, 1, 3);  // has not seen the Resolve yet
  a.callImport(4, 2, 4);
  EXPECT_TRUE(c.quiet());
  EXPECT_TRUE(app.quiet());
  app.callImport(7, kOfC, 2);
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/2");
  echo(app, 0);
  EXPECT_EQ(c.rest(), "Call q=1 -> import 9 0x1234/3\nCall q=2 -> import 9 0x1234/4\n");
  EXPECT_EQ(a.rest(), "Resolve promise=2 -> senderHosted 3\n");
  EXPECT_EQ(app.rest(), "Release import=4 count=1\n");  // nothing goes that way any more
  a.callImport(5, 1, 5);
  EXPECT_EQ(c.rest(), "Call q=3 -> import 9 0x1234/5\n");
}

TEST_F(Embargo, OfAnUnusedPromiseIsNone) {
  promise(false);
  app.resolve(4, receiverHosted(kOfC));
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> senderHosted 2");
  EXPECT_EQ(app.rest(), "Release import=4 count=1\n");
  a.callImport(3, 1, 3);
  a.callImport(4, 2, 4);
  EXPECT_EQ(c.rest(), "Call q=0 -> import 9 0x1234/3\nCall q=1 -> import 9 0x1234/4\n");
}

// Use is handed on along the promises of one host (scenario 68).
TEST_F(Embargo, OfAPromiseThatWasUsedUnderAnotherName) {
  promise(true);
  app.resolve(4, senderPromise(6));
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> senderPromise 2");
  EXPECT_EQ(app.rest(), "Release import=4 count=1\n");
  app.resolve(6, receiverHosted(kOfC));
  EXPECT_EQ(a.nextLine(), "Resolve promise=2 -> senderPromise 3");
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> import 6");
  a.callImport(3, 1, 3);
  EXPECT_TRUE(c.quiet());
  echo(app, 0);
  EXPECT_EQ(c.rest(), "Call q=0 -> import 9 0x1234/3\n");
}

// The application names what it has sent back to us already (0.1.1).
TEST_F(Embargo, OfAPromiseThatBecomesOneThatHasMovedOn) {
  promise(true);
  app.callImport(7, kOfA, 0, {senderPromise(6)});
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/0 caps=[senderPromise 2]");
  a.callImport(3, 2, 3);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 6 0x1234/3");
  app.resolve(6, receiverHosted(kOfA));
  EXPECT_EQ(a.nextLine(), "Resolve promise=2 -> receiverHosted 42");
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> import 6");
  app.resolve(4, senderPromise(6));
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> receiverHosted 42");
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=1 -> import 4");
  a.disembargo(8, importedCap(1));
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=2 -> import 4");
  EXPECT_TRUE(a.quiet());
}

TEST_F(Embargo, TellsAHolderBehindWhatItHeldBack) {
  embargoed();
  // c is given its own object, but has no promise of it that it could embargo itself.
  c.callImport(2, 0, 0, {senderHosted(10)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/0 caps=[senderHosted 2]");
  app.callImport(7, kOfA, 0, {receiverHosted(2)});
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/0 caps=[senderHosted 3]");
  a.callImport(3, 3, 1, {receiverHosted(2)});
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 10 0x1234/1 caps=[senderPromise 1]");
  a.callImport(4, 2, 4);
  c.callImport(5, 1, 5);
  EXPECT_TRUE(c.quiet());
  echo(app, 0);
  EXPECT_EQ(c.rest(),
            "Call q=1 -> import 9 0x1234/4\nCall q=2 -> import 9 0x1234/5\n"
            "Resolve promise=1 -> receiverHosted 9\n");
  c.callImport(6, 1, 6);
  c.disembargo(8, importedCap(1));
  EXPECT_EQ(c.rest(),
            "Call q=3 -> import 9 0x1234/6\nDisembargo receiverLoopback e=8 -> import 9\n");
}

TEST_F(Embargo, GivesAnArgumentAwayAsAPromise) {
  embargoed();
  a.callImport(3, 0, 1, {receiverHosted(2)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/1 caps=[senderPromise 2]");
  app.callImport(7, 2, 5);
  EXPECT_TRUE(c.quiet());
  echo(app, 0);
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/5");
  EXPECT_EQ(app.nextLine(), "Resolve promise=2 -> senderHosted 0");
}

TEST_F(Embargo, OfAFinishedCallIsDroppedFromTheQueue) {
  embargoed();
  for (uint32_t question : {3, 4, 5}) a.callImport(question, 2, static_cast<uint16_t>(question));
  a.finish(4, true, false);
  a.finish(5, true, true);  // an old peer: it is delivered all the same
  EXPECT_EQ(a.rest(), "Return a=4 canceled\nReturn a=5 canceled\n");
  echo(app, 0);
  EXPECT_EQ(c.rest(),
            "Call q=0 -> import 9 0x1234/3\nCall q=1 -> import 9 0x1234/5\n"
            "Finish q=1 releaseResultCaps earlyCancellationWorkaround\n");
  EXPECT_EQ(h.vat().tableSizes().charged_bytes, 0u);
}

TEST_F(Embargo, OfNothingButFinishedCallsIsNotDelivered) {
  embargoed();
  a.callImport(3, 2, 3);
  a.finish(3, true, false);
  EXPECT_EQ(h.vat().tableSizes().charged_bytes, 0u);
  echo(app, 0);
  EXPECT_TRUE(c.quiet());
}

TEST_F(Embargo, QueuesCallsOnWhatItHoldsBack) {
  embargoed();
  a.callImport(3, 2, 3);
  a.callAnswer(4, 3, {0}, 4);
  a.callAnswer(5, 4, {1}, 5);
  EXPECT_TRUE(c.quiet());
  echo(app, 0);
  EXPECT_EQ(c.rest(),
            "Call q=0 -> import 9 0x1234/3\nCall q=1 -> answer 0.0 0x1234/4\n"
            "Call q=2 -> answer 1.1 0x1234/5\n");
}

// === None for what is no object

TEST_F(Embargo, OfANullFieldIsNone) {
  a.callAnswer(2, 1, {0}, 2);
  app.nextLine();
  app.returnCaps(0, {{}});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[none] noFinishNeeded");
  EXPECT_EQ(app.rest(), "Finish q=0\n");
}

TEST_F(Embargo, OfABrokenCapabilityIsNone) {
  promise(true);
  a.callImport(3, 0, 0, {senderPromise(43)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/0 caps=[senderPromise 2]");
  a.resolveException(43, "never");
  EXPECT_EQ(app.nextLine(), "Resolve promise=2 -> exception failed \"never\"");
  a.rest();
  app.resolve(4, receiverHosted(2));
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> exception failed \"never\"");
  EXPECT_EQ(app.rest(), "Release import=4 count=1\n");
}

TEST_F(Embargo, OfAFieldThatIsMissingIsNone) {
  promise(true);
  app.callImport(7, kOfA, 7);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/7");
  a.returnCaps(0, {senderPromise(5)});
  EXPECT_EQ(app.nextLine(), "Return a=7 results caps=[senderPromise 2]");
  static constexpr std::array<uint16_t, 1> kOther = {1};
  app.resolve(4, receiverAnswer(7, kOther));
  EXPECT_EQ(a.rest(),
            "Resolve promise=1 -> exception failed \"the results hold no capability there\"\n");
  EXPECT_EQ(app.rest(), "Release import=4 count=1\n");
}

TEST_F(Embargo, WhoseTargetIsLostFailsWhatItHeldBack) {
  embargoed();
  a.callImport(3, 2, 3);
  h.lose(c, "cable cut");
  EXPECT_TRUE(a.quiet());
  echo(app, 0);
  EXPECT_EQ(a.sortedRest(),
            "Resolve promise=2 -> exception disconnected \"cable cut\"\n"
            "Return a=3 exception disconnected \"cable cut\"\n");
  EXPECT_FALSE(app.closed());
}

// What the application returns for its own question is that question's own promise.
TEST_F(Embargo, OfWhatResolvesToItselfIsBroken) {
  app.bootstrap(7);
  a.callAnswer(2, 1, {0}, 2);
  app.returnCaps(0, {receiverAnswer(7, kField)});
  EXPECT_EQ(app.rest(),
            "Call q=1 -> answer 0.0 0x1234/2\nDisembargo senderLoopback e=0 -> answer 0.0\n");
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  a.callImport(3, 1, 3);
  h.complete(a);
  EXPECT_EQ(a.nextLine(), "Bootstrap q=0");
  a.returnCaps(0, {receiverHosted(1)});
  EXPECT_EQ(app.nextLine(), "Return a=7 results caps=[senderPromise 2]");
  EXPECT_TRUE(a.quiet());
  echo(app, 0);
  const std::string why = "exception failed \"the promise resolves to itself\"";
  EXPECT_EQ(app.nextLine(), "Resolve promise=2 -> " + why);
  EXPECT_EQ(a.sortedRest(), "Resolve promise=1 -> " + why + "\nReturn a=3 " + why + "\n");
}

// === The peer's, whose own object it is

TEST_F(Embargo, OfThePeerIsRelayedAlongItsUsedPromise) {
  promise(true);
  app.resolve(4, receiverHosted(kOfA));
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> receiverHosted 42");
  a.callImport(3, 1, 3);
  a.disembargo(7, importedCap(1));
  EXPECT_EQ(app.rest(),
            "Disembargo senderLoopback e=0 -> import 4\nCall q=1 -> import 4 0x1234/3\n"
            "Disembargo senderLoopback e=1 -> import 4\n");
  app.callImport(7, kOfA, 2);
  echo(app, 0);
  app.callImport(8, kOfA, 3);
  EXPECT_EQ(a.rest(), "Call q=0 -> import 42 0x1234/2\nCall q=1 -> import 42 0x1234/3\n");
  echo(app, 1);
  EXPECT_EQ(a.rest(), "Disembargo receiverLoopback e=7 -> import 42\n");
  a.release(1, 1);
  EXPECT_EQ(app.rest(), "Release import=4 count=1\n");
}

TEST_F(Embargo, OfThePeerIsRelayedAlongItsUsedField) {
  a.callAnswer(2, 1, {0}, 2);
  app.returnCaps(0, {receiverHosted(kOfA)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[receiverHosted 42]");
  a.disembargo(7, promisedAnswer(1, kField));
  EXPECT_EQ(app.rest(),
            "Call q=1 -> answer 0.0 0x1234/2\nDisembargo senderLoopback e=0 -> answer 0.0\n"
            "Disembargo senderLoopback e=1 -> answer 0.0\n");
  a.finish(1);
  echo(app, 0);
  app.callImport(7, kOfA, 2);
  EXPECT_TRUE(app.quiet());  // the question stays open for the echo
  echo(app, 1);
  EXPECT_EQ(a.rest(),
            "Call q=0 -> import 42 0x1234/2\nDisembargo receiverLoopback e=7 -> import 42\n");
  EXPECT_EQ(app.rest(), "Finish q=0\n");
}

TEST_F(Embargo, OfThePeerIsEchoedAtOnceWhenNothingWentTheOldWay) {
  promise(false);
  app.resolve(4, receiverHosted(kOfA));
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> receiverHosted 42");
  a.callImport(3, 1, 3);
  a.disembargo(7, importedCap(1));
  EXPECT_EQ(a.rest(),
            "Call q=0 -> import 42 0x1234/3\nDisembargo receiverLoopback e=7 -> import 42\n");
  EXPECT_EQ(app.rest(), "Release import=4 count=1\n");
}

TEST_F(Embargo, OfThePeerLetsOthersWaitForOurs) {
  promise(true);
  app.callImport(7, kOfC, 0, {senderPromise(4)});
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/0 caps=[senderPromise 1]");
  app.resolve(4, receiverHosted(kOfA));
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> receiverHosted 42");
  EXPECT_EQ(c.nextLine(), "Resolve promise=1 -> senderPromise 2");
  c.callImport(3, 1, 3);
  c.callImport(4, 2, 4);
  EXPECT_TRUE(a.quiet());
  EXPECT_EQ(app.rest(), "Disembargo senderLoopback e=0 -> import 4\n");
  echo(app, 0);
  EXPECT_EQ(a.rest(), "Call q=0 -> import 42 0x1234/3\nCall q=1 -> import 42 0x1234/4\n");
  EXPECT_EQ(c.rest(), "Resolve promise=2 -> senderHosted 3\n");
}

TEST_F(Embargo, OfThePeerForAFieldThatIsSomebodyElsesIsEchoed) {
  a.callAnswer(2, 1, {0}, 2);
  app.returnCaps(0, {senderHosted(5)});
  a.disembargo(7, promisedAnswer(1, kField));
  EXPECT_EQ(a.rest(),
            "Return a=1 results caps=[senderHosted 1]\nDisembargo receiverLoopback e=7 -> import "
            "0\n");
  EXPECT_EQ(app.rest(), "Call q=1 -> answer 0.0 0x1234/2\n");  // it never gets there
  EXPECT_EQ(h.vat().counters().tolerated, 1u);
}

// It was told of a promise, and asks too early.
TEST_F(Embargo, OfThePeerForAFieldThatBecomesSomebodyElsesIsEchoed) {
  app.returnCaps(0, {senderPromise(4)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  a.disembargo(7, promisedAnswer(1, kField));
  app.resolve(4, senderHosted(5));
  EXPECT_EQ(a.rest(),
            "Resolve promise=1 -> senderHosted 2\nDisembargo receiverLoopback e=7 -> import 0\n");
  EXPECT_FALSE(a.closed());
  EXPECT_EQ(app.rest().find("Disembargo"), std::string::npos);
}

}  // namespace
}  // namespace vatmesh::captp
