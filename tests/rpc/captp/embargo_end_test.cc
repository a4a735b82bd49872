// SPDX-License-Identifier: Apache-2.0
//
// How embargoes end that are not lifted: lost links, late echoes, bounds (captp-engine 0.1.10,
// R-E4, R-E6; scenarios 72, 78).
#include "tests/rpc/captp/embargo_fixture.h"

namespace vatmesh::captp {
namespace {

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
