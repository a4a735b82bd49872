// SPDX-License-Identifier: Apache-2.0
//
// Embargoes of our own, and Disembargoes of peers that follow their calls (captp-engine 1.8, 2.6,
// 0.1.1, 0.1.10; scenarios 58, 65 to 75, 78 to 80).
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

// The application holds c's object 9 (export 0 there) and a's object 42 (export 1). Its question 0
// is a's answer 1.
class Embargo : public testing::Test {
 protected:
  Embargo() : Embargo(Limits()) {}
  explicit Embargo(const Limits& of_app)
      : a(h.peer()), c(h.peer()), app(h.add(LinkKind::kApp, of_app)) {
    h.connect(a, app);
    h.connect(c, app);
    c.callImport(1, 0, 0, {senderHosted(9)});
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/0 caps=[senderHosted 0]");
    app.returnCaps(0, {});
    EXPECT_EQ(app.nextLine(), "Finish q=0");
    c.rest();
    a.callImport(1, 0, 0, {senderHosted(42)});
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/0 caps=[senderHosted 1]");
  }
  static constexpr std::array<uint16_t, 1> kField = {0};
  static constexpr uint32_t kOfC = 0;
  static constexpr uint32_t kOfA = 1;

  void echo(Peer& peer, uint32_t id) {
    peer.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, id,
                                    importedCap(0)));
  }
  // a has the application's promise 4 as import 1, and has called it when it is used.
  void promise(bool used) {
    app.returnCaps(0, {senderPromise(4)});
    EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
    a.finish(1);
    EXPECT_EQ(app.nextLine(), "Finish q=0");
    if (!used) return;
    a.callImport(2, 1, 2);
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 4 0x1234/2");
  }
  // The same, and it became c's object: import 2 of a, behind an embargo.
  void embargoed() {
    promise(true);
    app.resolve(4, receiverHosted(kOfC));
    EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> senderPromise 2");
    EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> import 4");
  }
  void expectAbort(Peer& peer, const std::string& why) {
    EXPECT_NE(peer.rest().find("Abort failed \"" + why + "\""), std::string::npos);
    EXPECT_TRUE(peer.closed());
  }

  Harness h;
  Peer& a;
  Peer& c;
  Peer& app;
};

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

// === Several links

// The application's promise becomes c's (export 2 there), which had become the application's own:
// calls go a, application, c, application (scenario 71, mirage 15).
class TwiceEmbargoed : public Embargo {
 protected:
  TwiceEmbargoed() {
    c.callImport(1, 0, 0, {senderPromise(19)});
    EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/0 caps=[senderPromise 2]");
    promise(true);
    app.callImport(7, 2, 7);
    EXPECT_EQ(c.nextLine(), "Call q=0 -> import 19 0x1234/7");
    c.resolve(19, receiverHosted(0));
    EXPECT_EQ(app.nextLine(), "Resolve promise=2 -> receiverHosted 0");
    EXPECT_EQ(c.nextLine(), "Disembargo senderLoopback e=0 -> import 19");
  }
  // The application has not heard of that yet.
  void resolve() {
    app.resolve(4, receiverHosted(2));
    EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> senderPromise 2");
    EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> import 4");
    a.callImport(3, 2, 3);
  }
  // One Disembargo after the other follows a's first call.
  void flushBoth(uint32_t embargo) {
    app.callImport(8, 2, 2);
    EXPECT_EQ(c.nextLine(), "Call q=1 -> import 19 0x1234/2");
    echo(app, 0);
    EXPECT_EQ(app.nextLine(), "Release import=4 count=1");
    EXPECT_EQ(c.nextLine(),
              "Disembargo senderLoopback e=" + std::to_string(embargo) + " -> import 19");
    EXPECT_TRUE(app.quiet());
    c.callImport(8, 0, 2);
    EXPECT_EQ(app.nextLine(), "Call q=2 -> import 0 0x1234/2");
    EXPECT_TRUE(app.quiet());
    for (uint32_t id = 0; id <= embargo; ++id) {
      EXPECT_TRUE(a.quiet());
      echo(c, id);
    }
    EXPECT_EQ(app.nextLine(), "Call q=3 -> import 0 0x1234/3");
    EXPECT_EQ(a.nextLine(), "Resolve promise=2 -> senderHosted 0");
  }
};

TEST_F(TwiceEmbargoed, IsFlushedLinkByLink) {
  resolve();
  flushBoth(1);
}

TEST_F(TwiceEmbargoed, IsFlushedAgainThoughTheSecondPartWasFlushedBefore) {
  echo(c, 0);
  resolve();
  flushBoth(0);
}

TEST_F(TwiceEmbargoed, IsRejectedWhenTheSecondLinkIsLost) {
  resolve();
  echo(app, 0);
  EXPECT_EQ(c.nextLine(), "Disembargo senderLoopback e=1 -> import 19");
  h.lose(c, "cable cut");
  EXPECT_EQ(a.sortedRest(),
            "Resolve promise=2 -> exception disconnected \"cable cut\"\n"
            "Return a=3 exception disconnected \"cable cut\"\n");
}

// d's object stands behind c's promise, which the application used and then resolved its own to.
class BehindAnother : public Embargo {
 protected:
  BehindAnother() : d(h.peer()) {
    h.connect(d, app);
    c.callImport(1, 0, 0, {senderPromise(19)});
    EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/0 caps=[senderPromise 2]");
    d.callImport(1, 0, 0, {senderHosted(29)});
    EXPECT_EQ(app.nextLine(), "Call q=2 -> import 0 0x1234/0 caps=[senderHosted 3]");
    app.callImport(6, kOfC, 0, {receiverHosted(3), receiverHosted(kOfA)});
    EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/0 caps=[senderHosted 1, senderHosted 2]");
    promise(true);
  }
  // c's promise, with a call of the application under way there, becomes its import.
  void moveTo(uint32_t import_of_c) {
    c.resolve(19, receiverHosted(import_of_c));
    EXPECT_EQ(app.nextLine(), "Resolve promise=2 -> senderPromise 4");
    EXPECT_EQ(c.nextLine(), "Disembargo senderLoopback e=0 -> import 19");
  }

  Peer& d;
};

TEST_F(BehindAnother, WaitsForThatOneToo) {
  app.callImport(7, 2, 7);
  EXPECT_EQ(c.nextLine(), "Call q=1 -> import 19 0x1234/7");
  moveTo(1);
  app.resolve(4, receiverHosted(2));
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> senderPromise 2");
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> import 4");
  a.callImport(3, 2, 3);
  app.callImport(8, 2, 2);  // a's first one on its way back
  echo(app, 0);
  EXPECT_TRUE(d.quiet());
  EXPECT_TRUE(a.quiet());
  c.callImport(8, 1, 7);
  echo(c, 0);
  EXPECT_EQ(d.rest(),
            "Call q=0 -> import 29 0x1234/7\nCall q=1 -> import 29 0x1234/2\n"
            "Call q=2 -> import 29 0x1234/3\n");
  EXPECT_EQ(a.nextLine(), "Resolve promise=2 -> senderHosted 3");
}

// a's call went to c already when the application is lost on the way.
TEST_F(BehindAnother, ThePeersFollowsItsCallsOnwardsWhenTheFirstLinkIsLost) {
  app.callImport(7, 2, 2);  // a's first one on its way back
  EXPECT_EQ(c.nextLine(), "Call q=1 -> import 19 0x1234/2");
  moveTo(2);
  app.resolve(4, receiverHosted(2));
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> receiverHosted 42");
  a.disembargo(5, importedCap(1));
  h.lose(app, "cable cut");
  EXPECT_EQ(a.rest().find("receiverLoopback"), std::string::npos);
  c.callImport(8, 2, 2);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/2");
  echo(c, 0);
  EXPECT_EQ(a.rest(), "Disembargo receiverLoopback e=5 -> import 42\n");
}

// === Losses and time

TEST_F(Embargo, IsRejectedWhenItsOldWayIsLost) {
  embargoed();
  a.callImport(3, 1, 3);
  a.callImport(4, 2, 4);
  h.lose(app, "cable cut");
  EXPECT_EQ(a.sortedRest(),
            "Release import=42 count=1\n"
            "Resolve promise=2 -> exception disconnected \"cable cut\"\n"
            "Return a=2 exception disconnected \"cable cut\"\n"
            "Return a=3 exception disconnected \"cable cut\"\n"
            "Return a=4 exception disconnected \"cable cut\"\n");
  EXPECT_EQ(c.rest().find("Call"), std::string::npos);
  // For good, although c is there.
  a.callImport(5, 2, 5);
  EXPECT_EQ(a.rest(), "Return a=5 exception disconnected \"cable cut\"\n");
  EXPECT_EQ(h.vat().tableSizes().charged_bytes, 0u);
}

TEST_F(Embargo, OfThePeerIsEchoedWhenItsOldWayIsLost) {
  promise(true);
  app.resolve(4, receiverHosted(kOfA));
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> receiverHosted 42");
  a.disembargo(7, importedCap(1));
  h.lose(app, "cable cut");
  std::string lines = a.rest();
  EXPECT_NE(lines.find("Disembargo receiverLoopback e=7"), std::string::npos);
  EXPECT_NE(lines.find("Return a=2 exception disconnected \"cable cut\"\n"), std::string::npos);
  EXPECT_FALSE(a.closed());
}

TEST_F(Embargo, OfAPeerThatIsLostIsForgotten) {
  promise(true);
  app.resolve(4, receiverHosted(kOfA));
  a.disembargo(7, importedCap(1));
  app.rest();
  h.lose(a);
  app.rest();
  echo(app, 0);
  echo(app, 1);
  EXPECT_FALSE(app.closed());
  EXPECT_EQ(app.rest(), "Release import=4 count=1\n");
}

// Nobody is slow to read, but the application may be slow to echo.
class EmbargoTime : public Embargo {
 protected:
  EmbargoTime() : Embargo(limits()) {
    flush();
    h.tick(start);
    embargoed();
    flush();
  }
  static Limits limits() {
    Limits limits;
    limits.embargo_timeout = timeout;
    return limits;
  }
  void flush() {
    for (Peer* peer : {&a, &c, &app}) h.flush(*peer);
  }
  static constexpr Instant start = Instant() + std::chrono::hours(1);
  static constexpr Duration timeout = std::chrono::seconds(7);
};

TEST_F(EmbargoTime, RejectsWhatIsNotEchoed) {
  a.callImport(3, 2, 3);
  EXPECT_EQ(h.vat().nextDeadline(), start + timeout);
  h.tick(start + timeout - std::chrono::seconds(1));
  EXPECT_TRUE(a.quiet());
  h.tick(start + timeout);
  EXPECT_EQ(a.sortedRest(),
            "Resolve promise=2 -> exception failed \"a peer did not echo a Disembargo in time\"\n"
            "Return a=3 exception failed \"a peer did not echo a Disembargo in time\"\n");
  a.callImport(4, 2, 4);
  EXPECT_EQ(a.next().return_kind, wire::ReturnKind::kException);
  EXPECT_TRUE(c.quiet());
  EXPECT_FALSE(app.closed());
}

TEST_F(EmbargoTime, KeepsTheIdUntilTheLateEcho) {
  h.tick(start + timeout);
  a.rest();
  auto again = [&](uint32_t question, uint32_t asked) {
    a.callImport(question, 0, 1);
    a.callAnswer(question + 1, question, {0}, 1);
    app.rest();
    app.returnCaps(asked, {receiverHosted(kOfC)});
    a.rest();
    return app.nextLine();
  };
  EXPECT_EQ(again(10, 1), "Disembargo senderLoopback e=1 -> answer 1.0");
  echo(app, 0);
  EXPECT_FALSE(app.closed());
  EXPECT_TRUE(a.quiet());  // it lifts nothing
  EXPECT_TRUE(c.quiet());
  EXPECT_EQ(again(20, 3), "Disembargo senderLoopback e=0 -> answer 3.0");
}

TEST_F(EmbargoTime, RejectsNothingThatWasLiftedInTime) {
  echo(app, 0);
  EXPECT_EQ(a.nextLine(), "Resolve promise=2 -> senderHosted 3");
  flush();
  EXPECT_GT(h.vat().nextDeadline(), start + timeout);
  h.tick(start + std::chrono::hours(1));
  EXPECT_TRUE(a.quiet());
}

// === Hostile peers and limits

TEST_F(Embargo, IsNotLiftedByAnotherPeersEcho) {
  embargoed();
  a.callImport(3, 2, 3);
  echo(c, 0);
  expectAbort(c, "a Disembargo that we did not ask for");
  EXPECT_FALSE(a.closed() || app.closed());
  EXPECT_TRUE(a.quiet());
}

TEST_F(Embargo, EchoedTwiceEndsTheLink) {
  embargoed();
  echo(app, 0);
  EXPECT_FALSE(app.closed());
  echo(app, 0);
  expectAbort(app, "a Disembargo that we did not ask for");
  EXPECT_FALSE(a.closed() || c.closed());
}

TEST_F(Embargo, ThatTheHostDoesNotImplementIsRejected) {
  embargoed();
  a.callImport(3, 2, 3);
  auto sent =
      wire::buildDisembargo(h.frames(), wire::DisembargoKind::kSenderLoopback, 0, importedCap(4));
  app.send(wire::buildUnimplemented(h.frames(), wire::toMessage(*sent, h.buffers())));
  const std::string why = "exception unimplemented \"the peer does not implement Disembargo\"";
  EXPECT_EQ(a.sortedRest(), "Resolve promise=2 -> " + why + "\nReturn a=3 " + why + "\n");
  EXPECT_FALSE(app.closed());
}

TEST_F(Embargo, QueuesNoMoreThanItsLimit) {
  embargoed();
  const uint32_t most = Limits().queued_messages;
  for (uint32_t i = 0; i <= most; ++i) a.callImport(10 + i, 2, 1);
  EXPECT_EQ(a.nextLine(),
            "Return a=" + std::to_string(10 + most) +
                " exception overloaded \"too many calls wait for this promise to resolve\"");
  EXPECT_TRUE(a.quiet());
}

// One Disembargo at a time towards the application.
class EmbargoLimit : public Embargo {
 protected:
  EmbargoLimit() : Embargo(one()) {}
  static Limits one() {
    Limits limits;
    limits.embargoes = 1;
    return limits;
  }
};

TEST_F(EmbargoLimit, BreaksWhatCantBeFlushed) {
  a.callAnswer(2, 1, {0}, 2);
  a.callAnswer(3, 1, {1}, 3);
  app.rest();
  app.returnCaps(0, {receiverHosted(kOfC), receiverHosted(kOfC)});
  EXPECT_EQ(app.rest(), "Disembargo senderLoopback e=0 -> answer 0.0\n");
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1, senderPromise 2]");
  EXPECT_EQ(a.nextLine(),
            "Resolve promise=2 -> exception overloaded \"too many Disembargoes wait for that "
            "peer\"");
  EXPECT_TRUE(a.quiet());
  EXPECT_FALSE(app.closed());
}

// An echo at once would let a's next call overtake its first one.
TEST_F(EmbargoLimit, LetsThePeersWaitForRoom) {
  promise(true);
  app.resolve(4, receiverHosted(kOfA));
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> import 4");
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> receiverHosted 42");
  a.disembargo(7, importedCap(1));
  EXPECT_TRUE(a.quiet());
  EXPECT_TRUE(app.quiet());
  echo(app, 0);
  EXPECT_EQ(app.rest(), "Disembargo senderLoopback e=0 -> import 4\n");
  app.callImport(7, kOfA, 2);
  echo(app, 0);
  EXPECT_EQ(a.rest(),
            "Call q=0 -> import 42 0x1234/2\nDisembargo receiverLoopback e=7 -> import 42\n");
}

TEST(EmbargoLimits, EndTheLinkOfAPeerThatAsksForTooMany) {
  Limits limits;
  limits.embargoes = 2;
  Harness h;
  Peer& a = h.add(LinkKind::kPeer, limits);
  Peer& app = h.app();
  h.connect(a, app);
  a.callImport(1, 0, 1, {senderHosted(42)});
  app.next();
  app.returnCaps(0, {senderPromise(4)});
  a.callImport(2, 1, 2);
  app.resolve(4, receiverHosted(0));
  a.rest();
  for (uint32_t id = 0; id < 2; ++id) a.disembargo(id, importedCap(1));
  EXPECT_FALSE(a.closed());
  // What was echoed makes room.
  app.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, 1,
                                 importedCap(0)));
  EXPECT_EQ(a.nextLine(), "Disembargo receiverLoopback e=0 -> import 42");
  a.disembargo(2, importedCap(1));
  EXPECT_FALSE(a.closed());
  a.disembargo(3, importedCap(1));
  EXPECT_NE(a.rest().find("Abort failed \"too many Disembargoes under way\""), std::string::npos);
  EXPECT_TRUE(a.closed());
  EXPECT_FALSE(app.closed());
}

}  // namespace
}  // namespace vatmesh::captp
