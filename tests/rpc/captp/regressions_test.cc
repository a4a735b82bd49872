// SPDX-License-Identifier: Apache-2.0
//
// What random runs (tests/fuzz) found, each made small.
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

// An application that called itself through us: its question 1 is our question 1 to it.
class CalledItself : public testing::Test {
 protected:
  CalledItself() : app(h.app()) {
    app.bootstrap(0);
    h.complete(app);
    app.callAnswer(1, 0, {}, 7);
    EXPECT_EQ(app.rest(), "Bootstrap q=0\nCall q=1 -> answer 0 0x1234/7\n");
  }

  static constexpr std::array<uint16_t, 1> kFirst = {0};
  static constexpr std::array<uint16_t, 1> kSecond = {1};

  Harness h;
  Peer& app;
};

TEST_F(CalledItself, MayReturnAFieldThatIsAnotherFieldOfTheSameResults) {
  app.returnCaps(1, {receiverAnswer(1, kSecond), senderHosted(5)});
  EXPECT_EQ(app.nextLine(), "Return a=1 results caps=[receiverHosted 5, receiverHosted 5]");
  app.callAnswer(2, 1, {0});
  EXPECT_EQ(app.nextLine(), "Call q=2 -> import 5 0x1234/0");
}

TEST_F(CalledItself, GetsABrokenFieldForOneThatIsItself) {
  app.returnCaps(1, {receiverAnswer(1, kSecond), receiverAnswer(1, kFirst)});
  EXPECT_EQ(app.nextLine(), "Return a=1 results caps=[senderPromise 0, senderPromise 0]");
  EXPECT_EQ(app.nextLine(),
            "Resolve promise=0 -> exception failed \"the promise resolves to itself\"");
  app.release(0, 2);
  app.finish(1);
  app.returnCaps(0, {});
  app.finish(0);
  app.rest();
  EXPECT_TRUE(h.idle(app));
}

// Some vats name a promise as senderHosted when they name it again (captp-engine 1.11), and that
// may cross with our Release of what they named first.
TEST(Regressions, APromiseThatIsNamedAgainAsAnObjectMayStillBeResolved) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  h.connect(a, app);
  a.callImport(1, 0, 1, {senderPromise(42)});
  app.returnCaps(app.next().id, {});
  app.release(0, 1);
  EXPECT_EQ(a.rest(), "Return a=1 results noFinishNeeded\nRelease import=42 count=1\n");
  app.rest();
  a.callImport(2, 0, 2, {senderHosted(42)});
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/2 caps=[senderHosted 0]");
  a.resolve(42, senderHosted(43));
  EXPECT_EQ(a.rest(), "Release import=43 count=1\n");
  EXPECT_FALSE(a.closed());
  app.callImport(7, 0, 3);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/3");
}

}  // namespace
}  // namespace vatmesh::captp
