// SPDX-License-Identifier: Apache-2.0
//
// Objects inside the vat: calls on them, what they return, how long they live.
#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/test_object.h"

namespace vatmesh::captp {
namespace {

using Inbox = TestObject::Inbox;

// Peer A has imported a local object: export 0 here, question 0 is finished.
class LocalObject : public testing::Test {
 protected:
  LocalObject() {
    a.bootstrap(0);
    h.completeWith(TestObject::add(h, inbox));
    EXPECT_EQ(a.nextLine(), "Return a=0 results caps=[senderHosted 0]");
    a.finish(0);
  }
  ~LocalObject() override { inbox->calls.clear(); }

  // Peer `from` gives one of its own objects to the local one, with a call that is answered.
  Capability given(Peer& from, uint32_t question, uint32_t import,
                   const wire::OutDescriptor& descriptor) {
    from.callImport(question, import, 99, {descriptor});
    TestObject::Call call = inbox->next();
    call.responder.answer(contentOf(h));
    h.run();
    from.finish(question);
    from.rest();
    return std::move(call.params.capabilities.at(0));
  }
  void answer(Content content) {
    TestObject::Call call = inbox->next();
    call.responder.answer(std::move(content));
    h.run();
  }

  std::shared_ptr<Inbox> inbox = std::make_shared<Inbox>();
  Harness h;
  Peer& a = h.peer();
};

// buildCall() makes parameters without content.
TEST_F(LocalObject, IsCalledAndItsResultsReturn) {
  a.callImport(1, 0, 7);
  TestObject::Call call = inbox->next();
  EXPECT_EQ(call.interface_id, 0x1234u);
  EXPECT_EQ(call.method_id, 7);
  EXPECT_EQ(wire::rootPayload(call.params.message).content_word, 0u);
  EXPECT_TRUE(a.quiet());
  call.responder.answer(contentOf(h));
  h.run();
  EXPECT_EQ(a.nextLine(), "Return a=1 results noFinishNeeded");
}

TEST_F(LocalObject, FailsACallWithAStatus) {
  a.callImport(1, 0);
  inbox->next().responder.fail(Status(Code::kUnimplemented, "no such method"));
  h.run();
  EXPECT_EQ(a.nextLine(), "Return a=1 exception unimplemented \"no such method\"");
}

TEST_F(LocalObject, FailsACallThatItDrops) {
  a.callImport(1, 0);
  inbox->calls.clear();
  h.run();
  EXPECT_EQ(a.nextLine(), "Return a=1 exception failed \"the object dropped the call\"");
}

TEST_F(LocalObject, ReturnsNothingAsANullStruct) {
  a.callImport(1, 0);
  answer({});
  EXPECT_EQ(a.nextLine(), "Return a=1 results noFinishNeeded");
}

TEST_F(LocalObject, GetsCallsInTheirOrder) {
  for (uint16_t i = 0; i < 5; ++i) a.callImport(1 + i, 0, i);
  for (uint16_t i = 0; i < 5; ++i) EXPECT_EQ(inbox->next().method_id, i);
}

TEST_F(LocalObject, ResultsThatAreNoMessageFailTheCall) {
  a.callImport(1, 0);
  Content content = contentOf(h);
  content.message.segment(0)[0] = uint64_t{8} << 32;  // a struct behind the end
  answer(std::move(content));
  EXPECT_EQ(a.nextLine(),
            "Return a=1 exception failed \"can't forward: content lies outside the message\"");
}

TEST_F(LocalObject, CallsOnItsResultsWaitAndGoOnInOrder) {
  Peer& b = h.peer();
  b.bootstrap(0);
  h.completeWith(TestObject::add(h, inbox));
  EXPECT_EQ(b.nextLine(), "Return a=0 results caps=[senderHosted 0]");
  Capability at_b = given(b, 1, 0, senderHosted(5));

  a.callImport(1, 0);
  a.callAnswer(2, 1, {0}, 20);
  a.callAnswer(3, 1, {0}, 30);
  EXPECT_TRUE(b.quiet());
  answer(contentOf(h, std::move(at_b)));
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  EXPECT_EQ(b.nextLine(), "Call q=0 -> import 5 0x1234/20");
  EXPECT_EQ(b.nextLine(), "Call q=1 -> import 5 0x1234/30");
  a.callAnswer(4, 1, {0}, 40);  // the same way after the Return
  EXPECT_EQ(b.nextLine(), "Call q=2 -> import 5 0x1234/40");
  a.callImport(5, 1, 50);
  EXPECT_EQ(b.nextLine(), "Call q=3 -> import 5 0x1234/50");
  b.finish(0);
}

TEST_F(LocalObject, CallsOnItsResultsReachTheCallersOwnObject) {
  Capability own = given(a, 1, 0, senderHosted(5));
  a.callImport(1, 0);
  a.callAnswer(2, 1, {0}, 20);
  answer(contentOf(h, std::move(own)));
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 5 0x1234/20");
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[receiverHosted 5]");
  // The caller embargoes until what went along the answer has come back.
  a.disembargo(3, promisedAnswer(1, std::vector<uint16_t>{0}));
  EXPECT_EQ(a.nextLine(), "Disembargo receiverLoopback e=3 -> import 5");
}

TEST_F(LocalObject, CallsOnItsResultsReachOtherLocalObjects) {
  auto other = std::make_shared<Inbox>();
  a.callImport(1, 0);
  a.callAnswer(2, 1, {0}, 20);
  a.callAnswer(3, 2, {0}, 30);
  answer(contentOf(h, TestObject::add(h, other)));
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  ASSERT_EQ(other->calls.size(), 1u);
  TestObject::Call call = other->next();
  EXPECT_EQ(call.method_id, 20);
  call.responder.answer(contentOf(h, TestObject::add(h, other)));
  h.run();
  EXPECT_EQ(other->next().method_id, 30);
}

TEST_F(LocalObject, CallsOnResultsThatFailedFailLikewise) {
  a.callImport(1, 0);
  a.callAnswer(2, 1, {0});
  inbox->next().responder.fail(Status(Code::kFailed, "no"));
  h.run();
  EXPECT_EQ(a.nextLine(), "Return a=1 exception failed \"no\"");
  EXPECT_EQ(a.nextLine(), "Return a=2 exception failed \"no\"");
  a.callAnswer(3, 1, {7});
  EXPECT_EQ(a.nextLine(), "Return a=3 exception failed \"no\"");
}

TEST_F(LocalObject, CallsOnFieldsWithoutACapabilityFail) {
  a.callImport(1, 0);
  a.callAnswer(2, 1, {3});
  answer(contentOf(h, Capability(), TestObject::add(h, inbox)));
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[none, senderHosted 1]");
  EXPECT_EQ(a.nextLine(), "Return a=2 exception failed \"the results hold no capability there\"");
  a.callAnswer(3, 1, {0});
  EXPECT_EQ(a.nextLine(), "Return a=3 exception failed \"the results hold no capability there\"");
}

TEST_F(LocalObject, ReturnsCapabilitiesOfEveryKind) {
  Peer& b = h.peer();
  b.bootstrap(0);
  h.completeWith(TestObject::add(h, inbox));
  b.rest();
  Capability at_a = given(a, 1, 0, senderHosted(5));
  Capability at_b = given(b, 1, 0, senderHosted(6));
  Capability promise = given(b, 1, 0, senderPromise(7));
  auto [responder, broken] = h.objects().promise();
  responder.fail(Status(Code::kFailed, "broken"));
  Capability gate = h.vat().newGate(at_b).capability;
  Capability self = TestObject::add(h, inbox);

  a.callImport(1, 0);
  answer(contentOf(h, std::move(at_a), std::move(at_b), std::move(promise), std::move(broken),
                   std::move(gate), std::move(self), Capability()));
  EXPECT_EQ(a.nextLine(),
            "Return a=1 results caps=[receiverHosted 5, senderHosted 1, senderPromise 2, "
            "senderPromise 3, senderHosted 4, senderHosted 5, none]");
  EXPECT_EQ(a.nextLine(), "Resolve promise=3 -> exception failed \"broken\"");
  b.resolve(7, senderHosted(8));
  EXPECT_EQ(a.nextLine(), "Resolve promise=2 -> senderHosted 6");
}

TEST_F(LocalObject, GetsBackWhatItHandedOut) {
  a.callImport(1, 0, 1, {receiverHosted(0)});
  TestObject::Call call = inbox->next();
  call.responder.answer(contentOf(h, std::move(call.params.capabilities.at(0))));
  h.run();
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 0]");
}

TEST_F(LocalObject, ReturnsItsOwnResultsFieldAsAnErrorNotACircle) {
  std::vector<uint16_t> first{0};
  a.callImport(1, 0, 1, {receiverAnswer(1, first)});
  TestObject::Call call = inbox->next();
  call.responder.answer(contentOf(h, std::move(call.params.capabilities.at(0))));
  h.run();
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  EXPECT_EQ(a.nextLine(),
            "Resolve promise=1 -> exception failed \"the promise resolves to itself\"");
}

TEST_F(LocalObject, KeepsParametersBeyondTheCall) {
  Capability kept = given(a, 1, 0, senderHosted(5));
  EXPECT_TRUE(a.quiet());  // no Release
  kept = {};
  h.turn([&](Effects& out) { h.vat().settle(out); });
  EXPECT_EQ(a.rest(), "Release import=5 count=1\n");
}

TEST_F(LocalObject, IsToldWhenTheCallerFinishesAndItsLateAnswerIsDropped) {
  Capability own = given(a, 1, 0, senderHosted(5));
  a.callImport(1, 0);
  TestObject::Call call = inbox->next();
  bool canceled = false;
  call.responder.onCancel([&] { canceled = true; });
  a.finish(1, true, false);
  EXPECT_EQ(a.rest(), "Return a=1 canceled\n");
  EXPECT_TRUE(canceled);
  call.responder.answer(contentOf(h, std::move(own)));
  h.run();
  EXPECT_EQ(a.rest(), "Release import=5 count=1\n");
}

TEST_F(LocalObject, IsNotToldWhenSomebodyElseWantsTheResults) {
  Peer& b = h.peer();
  h.connect(b, a);
  a.rest();
  std::vector<uint16_t> first{0};
  a.callImport(1, 0);
  // A gives B a field of the results, and is lost.
  b.bootstrap(1);
  h.complete(a);
  uint32_t asked = a.next().id;
  a.send(wire::buildReturnCapability(h.frames(), asked, receiverAnswer(1, first)));
  EXPECT_EQ(b.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  TestObject::Call call = inbox->next();
  bool canceled = false;
  call.responder.onCancel([&] { canceled = true; });
  h.lose(a);
  EXPECT_FALSE(canceled);
  call.responder.answer(contentOf(h, TestObject::add(h, inbox)));
  h.run();
  EXPECT_EQ(b.nextLine(), "Resolve promise=1 -> senderHosted 2");
}

TEST_F(LocalObject, IsToldWhenTheCallerIsLost) {
  a.callImport(1, 0);
  TestObject::Call call = inbox->next();
  bool canceled = false;
  call.responder.onCancel([&] { canceled = true; });
  h.lose(a);
  EXPECT_TRUE(canceled);
}

TEST_F(LocalObject, IsDestroyedWithTheLastReference) {
  EXPECT_FALSE(inbox->destroyed);
  a.release(0, 1);
  EXPECT_TRUE(inbox->destroyed);
  EXPECT_TRUE(h.empty());
}

TEST_F(LocalObject, LivesUntilItHasAnswered) {
  a.callImport(1, 0);
  a.release(0, 1);
  EXPECT_FALSE(inbox->destroyed);
  answer(contentOf(h));
  EXPECT_TRUE(inbox->destroyed);
  EXPECT_EQ(a.nextLine(), "Return a=1 results noFinishNeeded");
}

TEST_F(LocalObject, HoldsWhatItsCallerIsChargedForUntilItAnswers) {
  constexpr size_t kWords = size_t{1} << 17;
  for (uint32_t question = 1; question <= 5; ++question) {
    wire::OutCall call;
    call.question_id = question;
    call.target = importedCap(0);
    a.send(Draft(wire::buildCall(h.frames(), call, {})).content(kWords).take());
  }
  EXPECT_GE(h.vat().tableSizes().charged_bytes, 5 * kWords * 8);
  EXPECT_TRUE(a.paused());
  while (!inbox->calls.empty()) answer(contentOf(h));
  h.flush(a);
  EXPECT_FALSE(a.paused());
  EXPECT_EQ(h.vat().tableSizes().charged_bytes, 0u);
}

TEST_F(LocalObject, WhoseCallIsCanceledChargesNothing) {
  a.callImport(1, 0);
  EXPECT_GT(h.vat().tableSizes().charged_bytes, 0u);
  a.finish(1);
  EXPECT_EQ(h.vat().tableSizes().charged_bytes, 0u);
}

TEST_F(LocalObject, CallsOnItsResultsAreBounded) {
  Limits limits;
  limits.queued_messages = 2;
  Peer& b = h.add(LinkKind::kPeer, limits);
  b.bootstrap(0);
  h.completeWith(TestObject::add(h, inbox));
  b.rest();
  b.callImport(1, 0);
  b.callAnswer(2, 1, {0});
  b.callAnswer(3, 1, {0});
  b.callAnswer(4, 1, {0});
  EXPECT_EQ(b.nextLine(),
            "Return a=4 exception overloaded \"too many calls wait for this promise to resolve\"");
}

TEST_F(LocalObject, KeepsResultsForThePeerThatTakesThem) {
  Peer& b = h.peer();
  h.connect(b, a);
  b.callImport(1, 0);
  uint32_t asked = a.next().id;
  a.tailCall(2, importedCap(0), 6);
  a.takeFrom(asked, 2);
  EXPECT_EQ(a.nextLine(), "Return a=2 resultsSentElsewhere");
  answer(contentOf(h, TestObject::add(h, inbox)));
  EXPECT_EQ(b.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  b.callImport(2, 1, 20);
  EXPECT_EQ(inbox->next().method_id, 20);
}

TEST_F(LocalObject, PromiseIsToldWhatItBecomes) {
  auto [responder, promise] = h.objects().promise();
  a.callImport(1, 0);
  answer(contentOf(h, std::move(promise)));
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  a.callImport(2, 1, 20);
  EXPECT_TRUE(inbox->calls.empty());
  responder.answer(vat::Restored{TestObject::add(h, inbox), {}});
  h.run();
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> senderHosted 2");
  EXPECT_EQ(inbox->next().method_id, 20);
}

TEST_F(LocalObject, PromiseThatNobodyWantsIsToldSo) {
  auto [responder, promise] = h.objects().promise();
  bool canceled = false;
  responder.onCancel([&] { canceled = true; });
  promise = {};
  h.turn([&](Effects& out) { h.vat().settle(out); });
  EXPECT_TRUE(canceled);
}

TEST_F(LocalObject, PromiseBecomesTheBootstrapOfALink) {
  Peer& b = h.peer();
  auto [responder, promise] = h.objects().promise();
  a.callImport(1, 0);
  answer(contentOf(h, std::move(promise)));
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  a.callImport(2, 1, 20);
  responder.answer(vat::BootstrapOf{b.id(), "id"});
  h.run();
  EXPECT_EQ(b.next().object_id, "id");
  EXPECT_EQ(b.nextLine(), "Call q=1 -> answer 0 0x1234/20");
}

TEST(Objects, FailWhatTheyDidNotAnswerWhenTheyGo) {
  auto inbox = std::make_shared<Inbox>();
  vat::Vat vat;
  Effects effects;
  struct OneList : vat::Turns {
    explicit OneList(Effects& list) : effects(list) {}
    Effects& next() override { return effects; }
    Effects& effects;
  } turns(effects);
  auto objects = std::make_unique<vat::Objects>(vat, turns);
  Capability object = objects->add(std::make_unique<TestObject>(inbox));
  CallId call = vat.call(object, {}, effects);
  EXPECT_TRUE(objects->apply(effects.front()));
  EXPECT_EQ(inbox->calls.size(), 1u);
  inbox->calls.clear();
  objects.reset();
  EXPECT_TRUE(inbox->destroyed);
  auto* returned = std::get_if<Returned>(&effects.back());
  ASSERT_TRUE(returned);
  EXPECT_EQ(returned->call, call);
  EXPECT_EQ(returned->outcome->status().message(), "the object dropped the call");
}

}  // namespace
}  // namespace vatmesh::captp
