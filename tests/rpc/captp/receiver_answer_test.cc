// SPDX-License-Identifier: Apache-2.0
//
// receiverAnswer: a field of an answer that is given away before or after the answer is there
// (captp-engine 6.2, scenarios 19, 20).
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

// a and c are connected to the application; a's answer 1 is question 0 of the application. c hosts
// import 1 of a: the application handed it on.
class ReceiverAnswer : public testing::Test {
 protected:
  ReceiverAnswer() : a(h.peer()), c(h.peer()), app(h.app()) {
    h.connect(a, app);
    h.connect(c, app);
    c.callImport(1, 0, 0, {senderHosted(9)});
    uint32_t held = app.next().descriptors[0].id;
    a.callImport(2, 0);
    app.returnCaps(app.next().id, {receiverHosted(held)});
    EXPECT_EQ(a.nextLine(), "Return a=2 results caps=[senderHosted 1]");
    a.finish(2);
    app.returnCaps(0, {});
    c.rest();
    app.rest();
    app.release(held, 1);
    a.callImport(1, 0, 1);
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/1");
  }

  static constexpr std::array<uint16_t, 1> kField = {0};

  Harness h;
  Peer& a;
  Peer& c;
  Peer& app;
};

TEST_F(ReceiverAnswer, IsToldToItsHostAsTheSame) {
  a.callImport(2, 0, 2, {receiverAnswer(1, kField)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2 caps=[receiverAnswer 0.0]");
}

TEST_F(ReceiverAnswer, OfABootstrapNeedsNoPath) {
  a.bootstrap(5);
  h.complete(app);
  a.callImport(2, 0, 2, {receiverAnswer(5, {})});
  EXPECT_EQ(app.rest(), "Bootstrap q=1\nCall q=2 -> import 0 0x1234/2 caps=[receiverAnswer 1]\n");
}

TEST_F(ReceiverAnswer, IsAPromiseElsewhereAndResolvesToTheResult) {
  a.callImport(2, 1, 2, {receiverAnswer(1, kField)});
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/2 caps=[senderPromise 1]");
  c.callImport(2, 1, 3);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0.0 0x1234/3");
  app.returnCaps(0, {senderHosted(4)});
  EXPECT_EQ(c.nextLine(), "Resolve promise=1 -> senderHosted 2");
  c.callImport(3, 1, 4);  // c has not seen the Resolve yet
  c.callImport(4, 2, 5);
  EXPECT_EQ(app.nextLine(), "Call q=2 -> import 4 0x1234/4");
  EXPECT_EQ(app.nextLine(), "Call q=3 -> import 4 0x1234/5");
}

TEST_F(ReceiverAnswer, NobodyUsedResolvesToTheReflectedObject) {
  c.callImport(2, 0, 3, {senderHosted(10)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/3 caps=[senderHosted 0]");
  a.callImport(2, 1, 2, {receiverAnswer(1, kField)});
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/2 caps=[senderPromise 1]");
  app.returnCaps(0, {receiverHosted(0)});
  EXPECT_EQ(c.nextLine(), "Resolve promise=1 -> receiverHosted 10");
  // What was on its way goes back to c, and c's own Disembargo behind it.
  c.callImport(3, 1, 4);
  c.disembargo(0, importedCap(1));
  EXPECT_EQ(c.nextLine(), "Call q=1 -> import 10 0x1234/4");
  EXPECT_EQ(c.nextLine(), "Disembargo receiverLoopback e=0 -> import 10");
}

TEST_F(ReceiverAnswer, ThatWasUsedResolvesToTheReflectedObjectAndKeepsItsWay) {
  c.callImport(2, 0, 3, {senderHosted(10)});
  app.next();
  a.callImport(2, 1, 2, {receiverAnswer(1, kField)});
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/2 caps=[senderPromise 1]");
  c.callImport(3, 1, 4);
  EXPECT_EQ(app.nextLine(), "Call q=2 -> answer 0.0 0x1234/4");
  app.returnCaps(0, {receiverHosted(0)});
  EXPECT_EQ(c.nextLine(), "Resolve promise=1 -> receiverHosted 10");
  c.callImport(4, 1, 5);
  c.disembargo(6, importedCap(1));
  EXPECT_EQ(app.rest(),
            "Disembargo senderLoopback e=0 -> answer 0.0\nCall q=3 -> answer 0.0 0x1234/5\n"
            "Disembargo senderLoopback e=1 -> answer 0.0\n");
  // One embargo for everybody who has a promise of it, whoever called (R-F7).
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 2]");
  for (uint32_t id : {0, 1}) {
    app.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, id,
                                   importedCap(0)));
  }
  EXPECT_EQ(c.nextLine(), "Disembargo receiverLoopback e=6 -> import 10");
  EXPECT_EQ(a.nextLine(), "Resolve promise=2 -> senderHosted 3");
}

TEST_F(ReceiverAnswer, OfAnExceptionResolvesToIt) {
  a.callImport(2, 1, 2, {receiverAnswer(1, kField)});
  c.nextLine();
  app.returnException(0, "gone", 2);
  EXPECT_EQ(c.nextLine(), "Resolve promise=1 -> exception disconnected \"gone\"");
  c.callImport(2, 1, 3);
  EXPECT_EQ(c.nextLine(), "Return a=2 exception disconnected \"gone\"");
}

TEST_F(ReceiverAnswer, OfAFieldThatIsMissingResolvesToAnException) {
  a.callImport(2, 1, 2, {receiverAnswer(1, kField)});
  c.nextLine();
  app.returnCaps(0, {});
  EXPECT_EQ(c.nextLine(),
            "Resolve promise=1 -> exception failed \"the results hold no capability there\"");
}

TEST_F(ReceiverAnswer, GivenAwayAfterTheReturnIsNoPromise) {
  app.returnCaps(0, {senderHosted(4)});
  a.callImport(2, 1, 2, {receiverAnswer(1, kField)});
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/2 caps=[senderHosted 1]");
  c.callImport(2, 1, 3);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0.0 0x1234/3");
}

TEST_F(ReceiverAnswer, GivenAwayAfterAReflectedReturnIsTheObject) {
  c.callImport(2, 0, 3, {senderHosted(10)});
  app.next();
  app.returnCaps(0, {receiverHosted(0)});
  a.callImport(2, 1, 2, {receiverAnswer(1, kField)});
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/2 caps=[receiverHosted 10]");
}

TEST_F(ReceiverAnswer, KeepsTheQuestionOpenAfterTheCallersFinish) {
  a.callImport(2, 1, 2, {receiverAnswer(1, kField)});
  c.nextLine();
  a.finish(1, true, false);
  EXPECT_EQ(a.nextLine(), "Return a=1 canceled");
  EXPECT_TRUE(app.quiet());  // c still holds it
  c.callImport(2, 1, 3);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0.0 0x1234/3");
  app.returnCaps(0, {senderHosted(4)});
  EXPECT_EQ(c.nextLine(), "Resolve promise=1 -> senderHosted 2");
  c.release(1, 1);
  EXPECT_EQ(app.nextLine(), "Finish q=0");
  c.release(2, 1);
  EXPECT_EQ(app.nextLine(), "Release import=4 count=1");
}

TEST_F(ReceiverAnswer, OfAQuestionThatIsNotOpenIsBroken) {
  a.callImport(2, 0, 2, {receiverAnswer(77, kField)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2 caps=[senderPromise 0]");
  EXPECT_EQ(app.nextLine(),
            "Resolve promise=0 -> exception failed \"receiverAnswer names a question that is not "
            "open\"");
  EXPECT_FALSE(a.closed());
}

TEST_F(ReceiverAnswer, AlongAPathThatCantBeFollowedIsBroken) {
  std::vector<uint16_t> path(wire::kMaxPathSteps + 1);
  a.callImport(2, 0, 2, {receiverAnswer(1, path)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2 caps=[senderPromise 0]");
  EXPECT_EQ(app.nextLine(),
            "Resolve promise=0 -> exception failed \"a path that can't be followed\"");
}

TEST_F(ReceiverAnswer, OfTheCallItselfIsAPromiseOfItsOwnResults) {
  a.callImport(2, 0, 2, {receiverAnswer(2, kField)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2 caps=[senderPromise 0]");
  app.returnCaps(1, {senderHosted(4)});
  EXPECT_EQ(a.nextLine(), "Return a=2 results caps=[senderHosted 2]");
  EXPECT_EQ(app.nextLine(), "Resolve promise=0 -> receiverHosted 4");
}

TEST_F(ReceiverAnswer, ThatReturnsItselfIsBroken) {
  a.callImport(2, 0, 2, {receiverAnswer(2, kField)});
  app.nextLine();
  app.returnCaps(1, {receiverHosted(0)});
  EXPECT_EQ(app.nextLine(),
            "Resolve promise=0 -> exception failed \"the promise resolves to itself\"");
  EXPECT_EQ(a.nextLine(), "Return a=2 results caps=[senderPromise 2]");
  EXPECT_EQ(a.nextLine(),
            "Resolve promise=2 -> exception failed \"the promise resolves to itself\"");
}

// The application asks a for something and returns a field of that before it is there.
TEST_F(ReceiverAnswer, InResultsNamesAQuestionOfTheOtherSide) {
  a.callImport(2, 0, 0, {senderHosted(42)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/0 caps=[senderHosted 0]");
  app.callImport(0, 0, 7);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/7");
  app.returnCaps(1, {receiverAnswer(0, kField)});
  EXPECT_EQ(a.nextLine(), "Return a=2 results caps=[receiverAnswer 0.0]");
}

}  // namespace
}  // namespace vatmesh::captp
