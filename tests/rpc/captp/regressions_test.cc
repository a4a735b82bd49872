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

}  // namespace
}  // namespace vatmesh::captp
