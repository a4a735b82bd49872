// SPDX-License-Identifier: Apache-2.0
//
// Gates: what is behind them can be cut and replaced, wherever they were handed on.
#include "tests/rpc/captp/test_object.h"

namespace vatmesh::captp {
namespace {

class Gate : public testing::Test {
 protected:
  // `peer` holds a gate in front of the application's bootstrap as its import 0.
  ObjectId connectGated(Peer& peer) {
    peer.bootstrap(0);
    ObjectId gate = h.completeGated(app);
    uint32_t question = app.next().id;
    app.send(wire::buildReturnCapability(h.frames(), question, senderHosted(0)));
    EXPECT_EQ(peer.nextLine(), "Return a=0 results caps=[senderHosted 0]");
    peer.finish(0);
    EXPECT_EQ(app.next().kind, wire::MessageKind::kFinish);
    EXPECT_TRUE(peer.quiet() && app.quiet());
    return gate;
  }
  void cut(ObjectId gate) {
    h.turn([&](Effects& out) { h.vat().cut(gate, Status(Code::kRefused, "revoked"), out); });
  }
  void replace(ObjectId gate, const Capability& inner) {
    h.turn([&](Effects& out) { h.vat().replace(gate, inner, out); });
  }

  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
};

constexpr const char* kRevoked = "exception failed \"revoked\"";

TEST_F(Gate, LetsCallsPassThatArePipelinedOnTheBootstrap) {
  a.bootstrap(0);
  a.callAnswer(1, 0, {}, 10);
  h.completeGated(app);
  EXPECT_EQ(app.rest(), "Bootstrap q=0\nCall q=1 -> answer 0 0x1234/10\n");
  a.callAnswer(2, 0, {}, 20);
  EXPECT_EQ(app.rest(), "Call q=2 -> answer 0 0x1234/20\n");
  EXPECT_TRUE(a.quiet());
  app.send(wire::buildReturnCapability(h.frames(), 0, senderHosted(4)));
  EXPECT_EQ(a.rest(), "Return a=0 results caps=[senderHosted 0]\n");
  app.returnCaps(1, {});
  EXPECT_EQ(a.rest(), "Return a=1 results noFinishNeeded\n");
}

TEST_F(Gate, CallOnAFieldOfTheBootstrapFails) {
  a.bootstrap(0);
  h.completeGated(app);
  a.callAnswer(1, 0, {2});
  EXPECT_EQ(a.nextLine(), "Return a=1 exception failed \"the results hold no capability there\"");
}

TEST_F(Gate, BootstrapFailsWithTheCauseOfWhatIsBehind) {
  a.bootstrap(0);
  a.callAnswer(1, 0, {});
  h.completeGated(app);
  app.rest();
  app.returnException(0, "no such service");
  EXPECT_EQ(a.nextLine(), "Return a=0 exception failed \"no such service\"");
  app.returnException(1, "none");
  EXPECT_EQ(a.nextLine(), "Return a=1 exception failed \"none\"");
  a.callAnswer(2, 0, {});
  EXPECT_EQ(a.nextLine(), "Return a=2 exception failed \"no such service\"");
}

TEST_F(Gate, BootstrapOfALostLinkFails) {
  a.bootstrap(0);
  h.lose(app);
  h.completeGated(app);
  EXPECT_EQ(a.nextLine(), "Return a=0 exception disconnected \"the link was lost\"");
}

TEST_F(Gate, BootstrapThatIsFinishedAsksNoLonger) {
  a.bootstrap(0);
  h.completeGated(app);
  app.rest();
  a.finish(0, true, false);
  EXPECT_EQ(a.rest(), "Return a=0 canceled\n");
  EXPECT_EQ(app.rest(), "Finish q=0 releaseResultCaps\n");
  app.send(wire::buildReturnCapability(h.frames(), 0, senderHosted(4)));
  EXPECT_TRUE(h.empty());
}

TEST_F(Gate, BootstrapThatNobodyWantsAnyMoreAsksNothing) {
  a.bootstrap(0);
  OpId op = h.restoreOp();
  a.finish(0, true, false);
  h.turn([&](Effects& out) { h.vat().completeGated(op, {app.id(), ""}, out); });
  EXPECT_EQ(app.rest(), "Bootstrap q=0\nFinish q=0 releaseResultCaps\n");
  app.send(wire::buildReturnCapability(h.frames(), 0, senderHosted(4)));
  EXPECT_TRUE(h.empty());
}

TEST_F(Gate, CutFailsLaterCallsAndTellsNobody) {
  ObjectId gate = connectGated(a);
  a.callImport(1, 0, 10);
  EXPECT_EQ(app.rest(), "Call q=0 -> import 0 0x1234/10\n");
  cut(gate);
  EXPECT_TRUE(a.quiet());
  a.callImport(2, 0, 20);
  EXPECT_EQ(a.rest(), std::string("Return a=2 ") + kRevoked + "\n");
  // What had passed may finish; nothing else holds the application's object.
  EXPECT_EQ(app.rest(), "Release import=0 count=1\n");
  app.returnCaps(0, {});
  EXPECT_EQ(a.rest(), "Return a=1 results noFinishNeeded\n");
  a.finish(2);
  a.release(0, 1);
  app.rest();
  EXPECT_TRUE(h.empty());
}

TEST_F(Gate, CutReachesEverybodyItWasHandedOnTo) {
  Peer& b = h.peer();
  ObjectId gate = connectGated(a);
  h.connect(b, a);
  b.callImport(1, 0, 1);  // A's object, which gives B the gate
  uint32_t asked = a.next().id;
  a.returnCaps(asked, {receiverHosted(0)});
  EXPECT_EQ(b.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  b.callImport(2, 1, 10);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/10");
  cut(gate);
  EXPECT_TRUE(b.quiet());
  b.callImport(3, 1, 20);
  EXPECT_EQ(b.nextLine(), std::string("Return a=3 ") + kRevoked);
}

TEST_F(Gate, CutFailsWhatIsPipelinedOnTheBootstrap) {
  a.bootstrap(0);
  ObjectId gate = h.completeGated(app);
  app.rest();
  cut(gate);
  a.callAnswer(1, 0, {});
  EXPECT_EQ(a.nextLine(), std::string("Return a=1 ") + kRevoked);
  app.send(wire::buildReturnCapability(h.frames(), 0, senderHosted(4)));
  EXPECT_EQ(a.nextLine(), "Return a=0 results caps=[senderPromise 0]");
  EXPECT_EQ(a.nextLine(), std::string("Resolve promise=0 -> ") + kRevoked);
}

TEST_F(Gate, CutIsToldToThoseWhoGetItAfterwards) {
  Peer& b = h.peer();
  ObjectId gate = connectGated(a);
  h.connect(b, a);
  cut(gate);
  app.rest();
  b.callImport(1, 0, 1);
  uint32_t asked = a.next().id;
  a.returnCaps(asked, {receiverHosted(0)});
  EXPECT_EQ(b.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  EXPECT_EQ(b.nextLine(), std::string("Resolve promise=1 -> ") + kRevoked);
}

TEST_F(Gate, CutIsForEver) {
  ObjectId gate = connectGated(a);
  auto inbox = std::make_shared<TestObject::Inbox>();
  cut(gate);
  replace(gate, TestObject::add(h, inbox));
  a.callImport(1, 0);
  EXPECT_EQ(a.nextLine(), std::string("Return a=1 ") + kRevoked);
  EXPECT_TRUE(inbox->destroyed);
}

TEST_F(Gate, LeavesOneGateForEachRestore) {
  Peer& b = h.peer();
  ObjectId gate_of_a = connectGated(a);
  connectGated(b);
  cut(gate_of_a);
  b.callImport(1, 0, 10);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/10");
}

TEST_F(Gate, IsLeftOutTowardsTheHostOfWhatIsBehind) {
  ObjectId gate = connectGated(a);
  a.callImport(1, 0, 10, {receiverHosted(0)});
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/10 caps=[receiverHosted 0]");
  // Towards everybody else it stays.
  app.returnCaps(0, {receiverHosted(0)});
  Peer& b = h.peer();
  auto inbox = std::make_shared<TestObject::Inbox>();
  b.bootstrap(0);
  h.completeWith(h.vat().reference(gate));
  EXPECT_EQ(b.nextLine(), "Return a=0 results caps=[senderHosted 0]");
}

TEST_F(Gate, BeforeTheReturnIsLeftOutTowardsTheHostAsWell) {
  a.bootstrap(0);
  h.completeGated(app);
  a.callAnswer(1, 0, {}, 10, {receiverAnswer(0, {})});
  app.nextLine();
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0 0x1234/10 caps=[receiverAnswer 0]");
}

TEST_F(Gate, IsToldAsSettledInFrontOfAPromise) {
  auto [responder, promise] = h.objects().promise();
  vat::NewObject gate = h.vat().newGate(promise);
  promise = {};
  a.bootstrap(0);
  h.completeWith(std::move(gate.capability));
  EXPECT_EQ(a.nextLine(), "Return a=0 results caps=[senderHosted 0]");
  a.callImport(1, 0, 10);
  a.callImport(2, 0, 20);
  auto inbox = std::make_shared<TestObject::Inbox>();
  responder.answer(vat::Restored{TestObject::add(h, inbox), {}});
  h.run();
  a.callImport(3, 0, 30);
  EXPECT_TRUE(a.quiet());
  for (int method : {10, 20, 30}) EXPECT_EQ(inbox->next().method_id, method);
}

TEST_F(Gate, LetsTheQuestionEndThatLedToWhatIsBehind) {
  connectGated(a);  // expects the Finish of the application's Bootstrap while A holds the gate
  a.callImport(1, 0, 10);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/10");
}

TEST_F(Gate, ReplacedSendsLaterCallsElsewhere) {
  ObjectId gate = connectGated(a);
  auto inbox = std::make_shared<TestObject::Inbox>();
  a.callImport(1, 0, 10);
  replace(gate, TestObject::add(h, inbox));
  a.callImport(2, 0, 20);
  EXPECT_EQ(app.rest(), "Call q=0 -> import 0 0x1234/10\nRelease import=0 count=1\n");
  EXPECT_EQ(inbox->next().method_id, 20);
}

TEST_F(Gate, HoldsCallsWhileAPromiseStandsBehindIt) {
  ObjectId gate = connectGated(a);
  auto [responder, promise] = h.objects().promise();
  replace(gate, promise);
  promise = {};
  h.lose(app);
  a.callImport(1, 0, 10);
  EXPECT_TRUE(a.quiet());
  Peer& again = h.app();
  responder.answer(vat::BootstrapOf{again.id(), {}});
  h.run();
  a.callImport(2, 0, 20);
  EXPECT_EQ(again.rest(),
            "Bootstrap q=0\nCall q=1 -> answer 0 0x1234/10\nCall q=2 -> answer 0 0x1234/20\n");
}

TEST_F(Gate, FailsWithTheLossOfWhatIsBehindUntilItIsReplaced) {
  ObjectId gate = connectGated(a);
  h.lose(app, "gone");
  a.callImport(1, 0);
  EXPECT_EQ(a.nextLine(), "Return a=1 exception disconnected \"gone\"");
  auto inbox = std::make_shared<TestObject::Inbox>();
  replace(gate, TestObject::add(h, inbox));
  a.callImport(2, 0, 20);
  EXPECT_EQ(inbox->next().method_id, 20);
}

TEST_F(Gate, ReplacedByItselfIsBroken) {
  ObjectId gate = connectGated(a);
  vat::NewObject outer = h.vat().newGate(h.vat().reference(gate));
  replace(gate, outer.capability);
  a.callImport(1, 0);
  EXPECT_EQ(a.nextLine(), "Return a=1 exception failed \"the promise resolves to itself\"");
}

// Each application answers its Bootstrap with the gate in front of the other's.
TEST_F(Gate, TwoInACircleAreBroken) {
  Peer& app2 = h.app();
  a.bootstrap(0);
  ObjectId first = h.completeGated(app);
  a.bootstrap(1);
  ObjectId second = h.completeGated(app2);
  app.bootstrap(0);
  h.completeWith(h.vat().reference(second));
  app2.bootstrap(0);
  h.completeWith(h.vat().reference(first));
  EXPECT_EQ(app.rest(), "Bootstrap q=0\nReturn a=0 results caps=[senderHosted 0]\n");
  EXPECT_EQ(app2.rest(), "Bootstrap q=0\nReturn a=0 results caps=[senderHosted 0]\n");
  app.send(wire::buildReturnCapability(h.frames(), 0, receiverHosted(0)));
  app2.send(wire::buildReturnCapability(h.frames(), 0, receiverHosted(0)));
  EXPECT_EQ(a.rest(),
            "Return a=0 results caps=[senderHosted 0]\nReturn a=1 results caps=[senderHosted 1]\n");
  a.callImport(2, 0);
  a.callImport(3, 1);
  EXPECT_EQ(a.rest(),
            "Return a=2 exception failed \"the promise resolves to itself\"\n"
            "Return a=3 exception failed \"the promise resolves to itself\"\n");
}

// Peers A and B have imported a local object, and A has given it its object 5, which B has as
// import 1.
class MovingGate : public Gate {
 protected:
  MovingGate() {
    for (Peer* peer : {&a, &b}) {
      peer->bootstrap(0);
      h.completeWith(TestObject::add(h, inbox));
      peer->finish(0);
    }
    at_a = given(a, senderHosted(5));
    b.callImport(2, 0);
    inbox->next().responder.answer(contentOf(h, at_a.clone()));
    h.run();
    a.rest();
    b.rest();
  }
  ~MovingGate() override { inbox->calls.clear(); }

  Capability given(Peer& from, const wire::OutDescriptor& descriptor) {
    from.callImport(1, 0, 99, {descriptor});
    TestObject::Call call = inbox->next();
    call.responder.answer(contentOf(h));
    h.run();
    from.rest();
    return std::move(call.params.capabilities.at(0));
  }
  // What `peer` is told of `capability` in results.
  std::string told(Peer& peer, const Capability& capability) {
    peer.callImport(50, 0);
    inbox->next().responder.answer(contentOf(h, capability.clone()));
    h.run();
    peer.finish(50);
    return peer.nextLine();
  }

  Peer& b = h.peer();
  std::shared_ptr<TestObject::Inbox> inbox = std::make_shared<TestObject::Inbox>();
  Capability at_a;
};

TEST_F(MovingGate, IsLeftOutOnlyWhenCallsFromBeforeHaveArrived) {
  vat::NewObject gate = h.vat().newGate(given(b, senderPromise(7)));
  EXPECT_EQ(told(a, gate.capability), "Return a=50 results caps=[senderHosted 1]");
  a.callImport(10, 1, 10);
  EXPECT_EQ(b.nextLine(), "Call q=0 -> import 7 0x1234/10");
  b.resolve(7, receiverHosted(1));
  EXPECT_EQ(b.nextLine(), "Disembargo senderLoopback e=0 -> import 7");
  a.callImport(11, 1, 11);
  EXPECT_EQ(told(a, gate.capability), "Return a=50 results caps=[senderHosted 1]");
  EXPECT_TRUE(a.quiet());
  b.callImport(20, 1, 10);  // comes back to where it was sent
  b.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, 0,
                               importedCap(1)));
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 5 0x1234/10");
  EXPECT_EQ(a.nextLine(), "Call q=1 -> import 5 0x1234/11");
  EXPECT_EQ(told(a, gate.capability), "Return a=50 results caps=[receiverHosted 5]");
}

// b's promise becomes the gate, and calls on their way there hold the shorter one back.
TEST_F(MovingGate, ReplacedByAPromiseThatIsBecomingTheGateIsBroken) {
  Capability promise = given(b, senderPromise(7));
  vat::NewObject gate = h.vat().newGate(at_a);
  vat::NewObject front = h.vat().newGate(promise.clone());
  EXPECT_EQ(told(b, gate.capability), "Return a=50 results caps=[senderHosted 2]");
  EXPECT_EQ(told(a, front.capability), "Return a=50 results caps=[senderHosted 1]");
  a.callImport(10, 1, 10);
  EXPECT_EQ(b.nextLine(), "Call q=0 -> import 7 0x1234/10");
  b.resolve(7, receiverHosted(2));
  EXPECT_EQ(b.nextLine(), "Disembargo senderLoopback e=0 -> import 7");
  replace(gate.id, promise);
  b.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, 0,
                               importedCap(2)));
  a.callImport(11, 1, 11);
  EXPECT_EQ(a.nextLine(), "Return a=11 exception failed \"the promise resolves to itself\"");
}

TEST_F(MovingGate, CutBehindTheBackOfItsHostStillEchoesTheHostsDisembargo) {
  vat::NewObject gate = h.vat().newGate(at_a);
  EXPECT_EQ(told(b, gate.capability), "Return a=50 results caps=[senderHosted 2]");
  EXPECT_EQ(told(a, given(b, senderPromise(7))), "Return a=50 results caps=[senderPromise 1]");
  b.resolve(7, receiverHosted(2));
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> receiverHosted 5");
  cut(gate.id);
  a.disembargo(3, importedCap(1));
  EXPECT_EQ(a.nextLine(), "Disembargo receiverLoopback e=3 -> import 5");
}

TEST_F(Gate, InFrontOfALocalObject) {
  auto inbox = std::make_shared<TestObject::Inbox>();
  Capability object = TestObject::add(h, inbox);
  vat::NewObject gate = h.vat().newGate(object);
  object = {};
  a.bootstrap(0);
  h.completeWith(std::move(gate.capability));
  a.rest();
  a.callImport(1, 0, 10);
  EXPECT_EQ(inbox->next().method_id, 10);
  cut(gate.id);
  EXPECT_TRUE(inbox->destroyed);
}

TEST_F(Gate, IsGoneWithItsLastReference) {
  ObjectId gate = connectGated(a);
  EXPECT_TRUE(h.vat().reference(gate));
  a.release(0, 1);
  EXPECT_EQ(app.rest(), "Release import=0 count=1\n");
  EXPECT_FALSE(h.vat().reference(gate));
  cut(gate);  // nothing to cut
  EXPECT_TRUE(h.empty());
}

}  // namespace
}  // namespace vatmesh::captp
