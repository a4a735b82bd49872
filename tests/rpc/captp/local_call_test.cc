// SPDX-License-Identifier: Apache-2.0
//
// Calls that are made inside the vat.
#include "tests/rpc/captp/test_object.h"

namespace vatmesh::captp {
namespace {

// What became of a call.
struct Outcome {
  std::optional<Result<Content>> result;
  vat::Objects::Then keep() {
    return [this](Result<Content> came) {
      EXPECT_FALSE(result) << "a second outcome";
      result = std::move(came);
    };
  }
  Content& content() { return **result; }
};

// The vat has asked peer B for its bootstrap, which is B's export 0; question 0 is finished.
class LocalCall : public testing::Test {
 protected:
  LocalCall() {
    Outcome outcome;
    vat::PendingCall asked = h.objects().bootstrap(b.id(), "", outcome.keep());
    h.run();
    EXPECT_EQ(b.nextLine(), "Bootstrap q=0");
    b.send(wire::buildReturnCapability(h.frames(), 0, senderHosted(0)));
    EXPECT_EQ(b.rest(), "Finish q=0\n");
    service = take(outcome.content(), {});
  }

  vat::PendingCall call(const Capability& target, uint16_t method, Outcome& outcome,
                        Content params) {
    auto pending = h.objects().call(target, {0x1234, method, std::move(params)}, outcome.keep());
    h.run();
    return pending;
  }
  vat::PendingCall call(const Capability& target, uint16_t method, Outcome& outcome) {
    return call(target, method, outcome, contentOf(h));
  }
  void settle() {
    h.turn([&](Effects& out) { h.vat().settle(out); });
  }

  Harness h;
  Peer& b = h.peer();
  Capability service;
};

TEST_F(LocalCall, GetsItsResults) {
  Outcome outcome;
  vat::PendingCall pending = call(service, 7, outcome);
  EXPECT_EQ(b.nextLine(), "Call q=0 -> import 0 0x1234/7");
  EXPECT_FALSE(outcome.result);
  b.returnCaps(0, {senderHosted(5), receiverHosted(9)});
  ASSERT_TRUE(outcome.result && outcome.result->ok());
  EXPECT_TRUE(take(outcome.content(), {0}));
  EXPECT_FALSE(take(outcome.content(), {2}));
  EXPECT_EQ(b.rest(), "Finish q=0\n");
  outcome.result.reset();
  settle();
  EXPECT_EQ(b.rest(), "Release import=5 count=1\n");
}

TEST_F(LocalCall, KeepsTheCapabilitiesOfItsResults) {
  Outcome outcome;
  vat::PendingCall pending = call(service, 7, outcome);
  b.returnCaps(0, {senderHosted(5)});
  EXPECT_EQ(b.rest(), "Call q=0 -> import 0 0x1234/7\nFinish q=0\n");
  Capability field = take(outcome.content(), {0});
  Outcome second;
  vat::PendingCall next = call(field, 8, second);
  EXPECT_EQ(b.rest(), "Call q=0 -> import 5 0x1234/8\n");
  field = {};
  settle();
  EXPECT_EQ(b.rest(), "Release import=5 count=1\n");
}

TEST_F(LocalCall, GetsTheExceptionAsAStatus) {
  Outcome outcome;
  vat::PendingCall pending = call(service, 7, outcome);
  b.returnException(0, "busy", wireType(Code::kOverloaded));
  ASSERT_TRUE(outcome.result);
  EXPECT_EQ(outcome.result->status(), Status(Code::kOverloaded, "busy"));
}

TEST_F(LocalCall, FailsWhenItsLinkIsLost) {
  Outcome outcome;
  vat::PendingCall pending = call(service, 7, outcome);
  h.lose(b, "gone");
  ASSERT_TRUE(outcome.result);
  EXPECT_EQ(outcome.result->status(), Status(Code::kDisconnected, "gone"));
  Outcome later;
  vat::PendingCall after = call(service, 8, later);
  EXPECT_EQ(later.result->status(), Status(Code::kDisconnected, "gone"));
  Outcome again;
  vat::PendingCall asked = h.objects().bootstrap(b.id(), "", again.keep());
  h.run();
  EXPECT_EQ(again.result->status(), Status(Code::kDisconnected, "the link was lost"));
}

TEST_F(LocalCall, OnNullFails) {
  Outcome outcome;
  vat::PendingCall pending = call(Capability(), 7, outcome);
  EXPECT_EQ(outcome.result->status(), Status(Code::kFailed, "call on a null capability"));
}

TEST_F(LocalCall, TellsItsOutcomeNeverBeforeItIsMade) {
  Outcome outcome;
  vat::PendingCall pending = h.objects().call(Capability(), {}, outcome.keep());
  EXPECT_FALSE(outcome.result);
  h.run();
  EXPECT_TRUE(outcome.result);
}

TEST_F(LocalCall, WithParametersThatAreNoMessageFails) {
  Outcome outcome;
  Content params = contentOf(h);
  params.message.segment(0)[0] = uint64_t{8} << 32;
  vat::PendingCall pending = call(service, 7, outcome, std::move(params));
  EXPECT_EQ(outcome.result->status().message(), "can't forward: content lies outside the message");
  EXPECT_TRUE(b.quiet());
}

TEST_F(LocalCall, GivesCapabilitiesAway) {
  auto inbox = std::make_shared<TestObject::Inbox>();
  Outcome outcome;
  vat::PendingCall pending = call(
      service, 7, outcome, contentOf(h, TestObject::add(h, inbox), service.clone(), Capability()));
  EXPECT_EQ(b.nextLine(),
            "Call q=0 -> import 0 0x1234/7 caps=[senderHosted 0, receiverHosted 0, none]");
  b.callImport(1, 0, 11);
  TestObject::Call came = inbox->next();
  EXPECT_EQ(came.method_id, 11);
  b.release(0, 1);
  came.responder.answer(contentOf(h));
  h.run();
  EXPECT_TRUE(inbox->destroyed);
}

TEST_F(LocalCall, PipelinesOnResultsThatAreNotThere) {
  Outcome outcome, second;
  vat::PendingCall pending = call(service, 7, outcome);
  Capability field = pending.pipelined(std::vector<uint16_t>{2});
  vat::PendingCall next = call(field, 8, second, contentOf(h, field.clone()));
  EXPECT_EQ(b.nextLine(), "Call q=0 -> import 0 0x1234/7");
  EXPECT_EQ(b.nextLine(), "Call q=1 -> answer 0.2 0x1234/8 caps=[receiverAnswer 0.2]");
  b.returnCaps(1, {});
  EXPECT_TRUE(second.result && second.result->ok());
}

TEST_F(LocalCall, PipelinedReferenceOutlivesTheCall) {
  Outcome outcome;
  vat::PendingCall pending = call(service, 7, outcome);
  Capability field = pending.pipelined(std::vector<uint16_t>{0});
  b.returnCaps(0, {senderHosted(5)});
  ASSERT_TRUE(outcome.result);
  b.rest();
  Outcome second;
  vat::PendingCall next = call(field, 8, second);
  EXPECT_EQ(b.nextLine(), "Call q=1 -> import 5 0x1234/8");
  // Asked for only now, there is nothing to ask: the results have it.
  Outcome third;
  vat::PendingCall late = call(pending.pipelined(std::vector<uint16_t>{0}), 9, third);
  EXPECT_EQ(third.result->status().message(), "pipelined on a call that is not open");
}

// One reference: what is called through the pipelined field and, once it is there, through the
// results' own capability arrives in this order, whatever way it takes.
TEST_F(LocalCall, ResultsKeepTheOrderOfCallsThatWereMadeAlongThem) {
  auto inbox = std::make_shared<TestObject::Inbox>();
  Outcome outcome, second, third;
  vat::PendingCall pending = call(service, 7, outcome, contentOf(h, TestObject::add(h, inbox)));
  Capability field = pending.pipelined(std::vector<uint16_t>{0});
  vat::PendingCall first = call(field, 8, second);
  EXPECT_EQ(b.rest(),
            "Call q=0 -> import 0 0x1234/7 caps=[senderHosted 0]\n"
            "Call q=1 -> answer 0.0 0x1234/8\n");
  // B returns our own object, while the first call is still on its way to B.
  b.returnCaps(0, {receiverHosted(0)});
  ASSERT_TRUE(outcome.result);
  vat::PendingCall next = call(take(outcome.content(), {0}), 9, third);
  EXPECT_TRUE(inbox->calls.empty());
  // B sends back what reaches the old place.
  b.callImport(1, 0, 8);
  uint32_t question = 2;
  while (!b.quiet()) {
    wire::Envelope message = b.next();
    if (message.kind == wire::MessageKind::kCall) {
      b.callImport(question++, 0, message.method_id);
    } else if (message.kind == wire::MessageKind::kDisembargo) {
      b.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, message.id,
                                   importedCap(0)));
    }
  }
  ASSERT_EQ(inbox->calls.size(), 2u);
  EXPECT_EQ(inbox->next().method_id, 8);
  EXPECT_EQ(inbox->next().method_id, 9);
}

TEST_F(LocalCall, CanceledBeforeTheReturnIsFinished) {
  Outcome outcome;
  {
    vat::PendingCall pending = call(service, 7, outcome);
    b.rest();
  }
  h.run();
  EXPECT_EQ(b.nextLine(), "Finish q=0 releaseResultCaps");
  b.returnCaps(0, {senderHosted(5)});
  EXPECT_FALSE(outcome.result);
  EXPECT_TRUE(b.quiet());
}

TEST_F(LocalCall, DetachedIsNotCanceled) {
  Outcome outcome;
  call(service, 7, outcome).detach();
  b.rest();
  b.returnCaps(0, {});
  EXPECT_TRUE(outcome.result);
}

TEST_F(LocalCall, CanceledInAQueueIsNeverSent) {
  auto [responder, promise] = h.objects().promise();
  Outcome outcome, second;
  vat::PendingCall kept = call(promise, 1, outcome);
  {
    vat::PendingCall canceled = call(promise, 2, second);
  }
  h.run();
  responder.answer(vat::Restored{service.clone(), {}});
  h.run();
  EXPECT_EQ(b.rest(), "Call q=0 -> import 0 0x1234/1\n");
}

TEST_F(LocalCall, ReachesALocalObject) {
  auto inbox = std::make_shared<TestObject::Inbox>();
  Capability object = TestObject::add(h, inbox);
  Outcome outcome, second;
  vat::PendingCall pending = call(object, 7, outcome, contentOf(h, service.clone()));
  Capability field = pending.pipelined(std::vector<uint16_t>{0});
  vat::PendingCall next = call(field, 8, second);
  TestObject::Call came = inbox->next();
  EXPECT_EQ(came.method_id, 7);
  // It gives back what it got: the call that waited goes to B.
  came.responder.answer(contentOf(h, take(came.params, {0})));
  h.run();
  EXPECT_EQ(b.rest(), "Call q=0 -> import 0 0x1234/8\n");
  EXPECT_TRUE(take(outcome.content(), {0}));
}

TEST_F(LocalCall, PassesResultsOnAsTheyAre) {
  auto inbox = std::make_shared<TestObject::Inbox>();
  Peer& a = h.peer();
  a.bootstrap(0);
  h.completeWith(TestObject::add(h, inbox));
  a.rest();
  a.callImport(1, 0, 6);
  TestObject::Call came = inbox->next();
  vat::PendingCall pending =
      h.objects().call(service, {0x1234, 7, std::move(came.params)},
                       [&](Result<Content> result) { came.responder.answer(std::move(*result)); });
  h.run();
  b.returnCaps(0, {senderHosted(5), receiverHosted(0)});
  EXPECT_EQ(a.rest(),
            "Return a=1 results caps=[senderHosted 1, senderPromise 2]\n"
            "Resolve promise=2 -> exception failed "
            "\"receiverHosted names an export that does not exist\"\n");
}

TEST_F(LocalCall, GetsResultsThatWereTakenFromAnotherCall) {
  auto inbox = std::make_shared<TestObject::Inbox>();
  Outcome outcome;
  vat::PendingCall pending = call(service, 7, outcome, contentOf(h, TestObject::add(h, inbox)));
  Capability field = pending.pipelined(std::vector<uint16_t>{0});
  b.rest();
  b.tailCall(1, importedCap(0), 8);
  b.takeFrom(0, 1);
  EXPECT_EQ(b.rest(), "Return a=1 resultsSentElsewhere\n");
  TestObject::Call came = inbox->next();
  came.responder.answer(contentOf(h, service.clone()));
  h.run();
  ASSERT_TRUE(outcome.result && outcome.result->ok());
  EXPECT_TRUE(take(outcome.content(), {0}));
  // B has not finished its own call: what it pipelines on it still finds the results.
  b.callAnswer(2, 1, {0}, 9);
  EXPECT_EQ(b.rest(), "Call q=1 -> import 0 0x1234/9\n");
}

TEST_F(LocalCall, HandleIsReleasedInTheNextTurn) {
  service = {};
  EXPECT_TRUE(b.quiet());
  settle();
  EXPECT_EQ(b.rest(), "Release import=0 count=1\n");
  EXPECT_TRUE(h.empty());
}

}  // namespace
}  // namespace vatmesh::captp
