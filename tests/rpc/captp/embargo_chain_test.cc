// SPDX-License-Identifier: Apache-2.0
//
// Embargoes along several links, one behind the other (captp-engine 2.6; scenario 71, mirage 15).
#include "tests/rpc/captp/embargo_fixture.h"

namespace vatmesh::captp {
namespace {

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

// The application called a field of a call that came back to it, and answered that with a promise
// of its own that we have resolved by now: what it calls there goes round twice. So does its
// Disembargo, although the first round ends at the application itself.
TEST(Embargoed, ByThePeerItselfIsFlushedAsOftenAsItsCallsComeBack) {
  Harness h;
  Peer& app = h.app();
  constexpr std::array<uint16_t, 1> kField = {0};
  app.bootstrap(0);
  h.complete(app);
  app.callAnswer(1, 0, {});
  app.callAnswer(2, 1, {0}, 2);
  EXPECT_EQ(app.rest(),
            "Bootstrap q=0\nCall q=1 -> answer 0 0x1234/0\nCall q=2 -> answer 1.0 0x1234/2\n");
  app.send(wire::buildReturnCapability(h.frames(), 0, senderHosted(4)));
  EXPECT_EQ(app.nextLine(), "Return a=0 results caps=[receiverHosted 4]");
  app.returnCaps(1, {receiverAnswer(0, {})});
  EXPECT_EQ(app.rest(),
            "Disembargo senderLoopback e=0 -> answer 1.0\n"
            "Return a=1 results caps=[receiverHosted 4]\n");
  app.callAnswer(3, 1, {0}, 3);
  app.disembargo(9, promisedAnswer(1, kField));
  EXPECT_EQ(app.rest(),
            "Call q=3 -> answer 1.0 0x1234/3\nDisembargo senderLoopback e=1 -> answer 1.0\n");
  for (uint16_t method : {uint16_t{2}, uint16_t{3}}) {
    app.callAnswer(4u + method, 0, {}, method);
    EXPECT_EQ(app.nextLine(), "Call q=" + std::to_string(2 + method) + " -> answer 0 0x1234/" +
                                  std::to_string(method));
    app.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, method - 2u,
                                   promisedAnswer(0, {})));
  }
  EXPECT_EQ(app.rest(), "Disembargo receiverLoopback e=9 -> answer 0\n");
}

}  // namespace
}  // namespace vatmesh::captp
