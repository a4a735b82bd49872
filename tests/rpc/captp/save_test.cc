// SPDX-License-Identifier: Apache-2.0
//
// Persistent.save of what a gateway hosts (design 4, "Gateway for save"): the application hears a
// save of this vat's in the place of the peer's.
#include <random>

#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/test_object.h"

namespace vatmesh::captp {
namespace {

constexpr uint64_t kPersistent = 0xc8cb212fcd9f5691;
// As the printer writes it.
const std::string kSave = "0xc8cb212fcd9f5691/0";

// The application leads to a gateway; a holds its bootstrap as import 0, which it hosts as 0.
class Save : public testing::Test {
 protected:
  struct Asked {
    vat::SaveRequest request;
    vat::Responder responder;
  };

  Save() {
    h.vat().makeGateway(app.id());
    h.objects().setSaver([this](vat::SaveRequest request, vat::Responder responder) {
      saved.push_back({std::move(request), std::move(responder)});
    });
    h.connect(a, app);
  }
  ~Save() override {
    h.objects().setSaver([](vat::SaveRequest, vat::Responder) {});
    saved.clear();
  }

  wire::FrameRef saveCall(uint32_t question, const wire::OutTarget& target,
                          const std::vector<wire::OutDescriptor>& caps = {},
                          wire::SendResultsTo to = wire::SendResultsTo::kCaller) {
    wire::OutCall call;
    call.question_id = question;
    call.target = target;
    call.interface_id = kPersistent;
    call.send_results_to = to;
    return wire::buildCall(h.frames(), call, caps);
  }
  void save(Peer& from, uint32_t question, const wire::OutTarget& target,
            const std::vector<wire::OutDescriptor>& caps = {}) {
    from.send(saveCall(question, target, caps));
  }
  // The oldest outcome that was told.
  Asked next() {
    VATMESH_CHECK(!saved.empty());
    Asked asked = std::move(saved.front());
    saved.pop_front();
    return asked;
  }
  void answer(Asked asked, Content results) {
    asked.responder.answer(std::move(results));
    h.run();
  }
  // `holder` gets the bootstrap of `host` as import 1.
  void connectAlso(Peer& holder, Peer& host) {
    holder.bootstrap(1);
    h.complete(host);
    host.send(wire::buildReturnCapability(h.frames(), host.next().id, senderHosted(0)));
    EXPECT_EQ(holder.nextLine(), "Return a=1 results caps=[senderHosted 1]");
    holder.finish(1);
    EXPECT_EQ(host.next().kind, wire::MessageKind::kFinish);
  }
  // `holder` gets a senderPromise, which the application hosts as 7, as import 1.
  void givePromise(Peer& holder) {
    holder.callImport(1, 0, 1);
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/1");
    app.returnCaps(0, {senderPromise(7)});
    EXPECT_EQ(holder.nextLine(), "Return a=1 results caps=[senderPromise 1]");
    holder.finish(1);
    EXPECT_EQ(app.nextLine(), "Finish q=0");
  }
  // The application gets b's object 5 as its import `import`.
  void giveObjectOf(Peer& b, uint32_t import) {
    b.callImport(1, 0, 2, {senderHosted(5)});
    EXPECT_EQ(app.nextLine(),
              "Call q=0 -> import 0 0x1234/2 caps=[senderHosted " + std::to_string(import) + "]");
    app.returnCaps(0, {});
    EXPECT_EQ(b.nextLine(), "Return a=1 results noFinishNeeded");
    EXPECT_EQ(app.nextLine(), "Finish q=0");
  }

  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  std::deque<Asked> saved;
};

TEST_F(Save, AsksTheApplicationByItselfAndTellsTheOutcome) {
  save(a, 1, importedCap(0), {senderHosted(42)});
  ASSERT_EQ(app.nextLine(), "Call q=0 -> import 0 " + kSave);
  EXPECT_TRUE(saved.empty());
  app.returnCaps(0, {});
  ASSERT_EQ(saved.size(), 1u);
  EXPECT_EQ(app.nextLine(), "Finish q=0");
  EXPECT_TRUE(a.quiet());
  Asked asked = next();
  EXPECT_EQ(asked.request.from, a.id());
  EXPECT_EQ(asked.request.host, app.id());
  EXPECT_TRUE(asked.request.outcome.ok());
  // What the peer sent is ours to read, and goes no further.
  EXPECT_EQ(asked.request.params.capabilities.size(), 1u);
  answer(std::move(asked), contentOf(h));
  EXPECT_EQ(a.nextLine(), "Return a=1 results noFinishNeeded");
}

TEST_F(Save, HasNoParametersWhateverThePeerSent) {
  a.send(Draft(saveCall(1, importedCap(0), {senderHosted(42)})).content(100).take());
  const wire::Envelope call = app.next();
  EXPECT_EQ(call.payload.content_word, 0u);
  EXPECT_TRUE(call.descriptors.empty());
  app.returnCaps(0, {});
  EXPECT_GT(next().request.params.message.sizeWords(), 100u);
}

TEST_F(Save, KeepsItsPlaceAmongThePeersCalls) {
  a.callImport(1, 0, 10);
  save(a, 2, importedCap(0));
  a.callImport(3, 0, 20);
  EXPECT_EQ(app.rest(), "Call q=0 -> import 0 0x1234/10\nCall q=1 -> import 0 " + kSave +
                            "\nCall q=2 -> import 0 0x1234/20\n");
}

TEST_F(Save, ThatWaitedForARestoreKeepsItsPlaceToo) {
  Peer& b = h.peer();
  b.bootstrap(0);
  b.callAnswer(1, 0, {}, 10);
  save(b, 2, promisedAnswer(0, {}));
  b.callAnswer(3, 0, {}, 20);
  EXPECT_TRUE(app.quiet());
  h.complete(app);
  EXPECT_EQ(app.rest(), "Bootstrap q=0\nCall q=1 -> answer 0 0x1234/10\nCall q=2 -> answer 0 " +
                            kSave + "\nCall q=3 -> answer 0 0x1234/20\n");
  app.returnCaps(2, {});
  EXPECT_EQ(next().request.from, b.id());
}

TEST_F(Save, PassesAGate) {
  Peer& b = h.peer();
  b.bootstrap(0);
  save(b, 1, promisedAnswer(0, {}));
  const ObjectId gate = h.completeGated(app);
  EXPECT_EQ(app.rest(), "Bootstrap q=0\nCall q=1 -> answer 0 " + kSave + "\n");
  save(b, 2, promisedAnswer(0, {}));
  EXPECT_EQ(app.rest(), "Call q=2 -> answer 0 " + kSave + "\n");
  h.turn([&](Effects& out) { h.vat().cut(gate, Status(Code::kRefused, "revoked"), out); });
  save(b, 3, promisedAnswer(0, {}));
  EXPECT_EQ(b.nextLine(), "Return a=3 exception failed \"revoked\"");
  // Who passed it before is still told, and by the gateway: the answer is the application's.
  app.returnCaps(1, {});
  Asked asked = next();
  EXPECT_EQ(asked.request.host, app.id());
  EXPECT_EQ(asked.request.gate, gate);
}

// Which one is told also where the save waited behind the gate.
TEST_F(Save, TellsTheFirstGateThatItPassed) {
  vat::NewPromise promise = h.vat().newPromise();
  const vat::NewObject inner = h.vat().newGate(promise.capability);
  vat::NewObject outer = h.vat().newGate(inner.capability);
  const ObjectId first = outer.id;
  Peer& b = h.peer();
  b.bootstrap(0);
  h.completeWith(std::move(outer.capability));
  EXPECT_EQ(b.nextLine(), "Return a=0 results caps=[senderHosted 0]");
  save(b, 1, importedCap(0));
  save(a, 1, importedCap(0));
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 " + kSave);
  h.turn([&](Effects& out) { h.vat().complete(promise.op, vat::BootstrapOf{app.id(), ""}, out); });
  EXPECT_EQ(app.rest(), "Bootstrap q=1\nCall q=2 -> answer 1 " + kSave + "\n");
  app.returnCaps(0, {});
  EXPECT_EQ(next().request.gate, ObjectId());
  app.returnCaps(2, {});
  EXPECT_EQ(next().request.gate, first);
}

// So that what lies behind it can be looked up by it.
TEST_F(Save, GateIsThereUntilTheOutcomeWasToldThoughThePeerLetsGoOfIt) {
  Peer& b = h.peer();
  b.bootstrap(0);
  const ObjectId gate = h.completeGated(app);
  EXPECT_EQ(app.nextLine(), "Bootstrap q=0");
  app.send(wire::buildReturnCapability(h.frames(), 0, senderHosted(0)));
  EXPECT_EQ(b.nextLine(), "Return a=0 results caps=[senderHosted 0]");
  b.finish(0);
  save(b, 1, importedCap(0));
  b.release(0, 1);
  bool was_there = false;
  h.objects().setSaver([&](vat::SaveRequest request, vat::Responder) {
    was_there = request.gate == gate && h.vat().reference(gate);
  });
  EXPECT_EQ(app.rest(), "Finish q=0\nCall q=0 -> import 0 " + kSave + "\n");
  app.returnCaps(0, {});
  EXPECT_TRUE(was_there);
  EXPECT_FALSE(h.vat().reference(gate));
}

TEST_F(Save, OfAPromiseThatBecomesTheApplicationsObjectIsTheGateways) {
  givePromise(a);
  save(a, 1, importedCap(1));
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 7 " + kSave);
  app.resolve(7, senderHosted(8));
  app.returnCaps(0, {});
  EXPECT_EQ(next().request.host, app.id());
}

TEST_F(Save, OfAPromiseThatIsNeverResolvedIsTheGateways) {
  givePromise(a);
  save(a, 1, importedCap(1));
  app.rest();
  app.returnCaps(0, {});
  EXPECT_EQ(next().request.host, app.id());
}

TEST_F(Save, OfAFieldOfResultsToComeIsTheGateways) {
  a.callImport(1, 0, 10);
  save(a, 2, promisedAnswer(1, std::vector<uint16_t>{0}));
  EXPECT_EQ(app.rest(), "Call q=0 -> import 0 0x1234/10\nCall q=1 -> answer 0.0 " + kSave + "\n");
  app.returnCaps(0, {senderHosted(3)});
  app.returnCaps(1, {});
  EXPECT_EQ(next().request.host, app.id());
}

// The application passes our save on to b, as its promise has become b's object, and leaves b's
// answer to us.
TEST_F(Save, OfAPromiseThatBecomesAPeersObjectHasThatPeersAnswer) {
  Peer& b = h.peer();
  h.connect(b, app);
  giveObjectOf(b, 0);
  givePromise(a);
  save(a, 1, importedCap(1));
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 7 " + kSave);
  app.resolve(7, receiverHosted(0));
  a.rest();
  app.send(saveCall(5, importedCap(0), {}, wire::SendResultsTo::kYourself));
  EXPECT_EQ(b.nextLine(), "Call q=0 -> import 5 " + kSave);
  app.takeFrom(0, 5);
  b.returnCaps(0, {senderHosted(9)});
  Asked asked = next();
  EXPECT_EQ(asked.request.host, LinkId());
  ASSERT_TRUE(asked.request.outcome.ok());
  // Passed on as it is.
  answer(std::move(asked), std::move(*asked.request.outcome));
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 3]");
}

TEST_F(Save, OfAFieldThatIsAPeersObjectIsElsewhere) {
  Peer& b = h.peer();
  h.connect(b, app);
  giveObjectOf(b, 0);
  a.callImport(1, 0, 10);
  save(a, 2, promisedAnswer(1, std::vector<uint16_t>{0}));
  app.rest();
  app.returnCaps(0, {receiverHosted(0)});
  // The application passes it on and back.
  app.returnCaps(1, {});
  EXPECT_EQ(next().request.host, LinkId());
}

TEST_F(Save, OfAPromiseThatBecomesAnObjectOfThisVatIsElsewhere) {
  auto inbox = std::make_shared<TestObject::Inbox>();
  Capability object = TestObject::add(h, inbox);
  vat::PendingCall asked = h.objects().bootstrap(app.id(), "", [](Result<Content>) {});
  h.run();
  EXPECT_EQ(app.nextLine(), "Bootstrap q=0");
  vat::PendingCall given = h.objects().call(
      asked.pipelined({}), {0x1234, 3, contentOf(h, object.clone())}, [](Result<Content>) {});
  h.run();
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0 0x1234/3 caps=[senderHosted 0]");
  app.send(wire::buildReturnCapability(h.frames(), 0, senderHosted(0)));
  app.returnCaps(1, {});
  app.rest();
  givePromise(a);
  save(a, 1, importedCap(1));
  app.resolve(7, receiverHosted(0));
  app.returnCaps(0, {});
  EXPECT_EQ(next().request.host, LinkId());
}

// a was told that the promise is its own object, but its calls on the old way go on through the
// application.
TEST_F(Save, OfWhatIsKnownToLiveElsewhereIsForwarded) {
  a.callImport(2, 0, 3, {senderHosted(42)});
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/3 caps=[senderHosted 0]");
  app.returnCaps(0, {});
  a.rest();
  app.rest();
  givePromise(a);
  a.callImport(1, 1, 10);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 7 0x1234/10");
  app.resolve(7, receiverHosted(0));
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> receiverHosted 42");
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> import 7");
  save(a, 3, importedCap(1), {senderHosted(43)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 7 " + kSave + " caps=[senderHosted 1]");
  app.returnCaps(1, {});
  EXPECT_EQ(a.nextLine(), "Return a=3 results noFinishNeeded");
  EXPECT_TRUE(saved.empty());
}

TEST_F(Save, OfAnotherGatewaysObjectTellsThatOne) {
  Peer& other = h.app();
  h.vat().makeGateway(other.id());
  connectAlso(a, other);
  a.callImport(1, 0, 2, {receiverHosted(1)});
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/2 caps=[senderHosted 0]");
  app.returnCaps(0, {});
  a.rest();
  app.rest();
  Peer& b = h.peer();
  h.connect(b, app);
  b.callImport(1, 0, 1);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/1");
  app.returnCaps(0, {senderPromise(7)});
  b.rest();
  save(b, 2, importedCap(1));
  app.resolve(7, receiverHosted(0));
  app.rest();
  app.returnCaps(1, {});
  EXPECT_EQ(next().request.host, other.id());
}

TEST_F(Save, OfAClientIsForwarded) {
  Peer& client = h.add(LinkKind::kClient);
  h.connect(client, app);
  save(client, 1, importedCap(0), {senderHosted(42)});
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 " + kSave + " caps=[senderHosted 0]");
  app.returnCaps(0, {});
  EXPECT_EQ(client.nextLine(), "Return a=1 results noFinishNeeded");
}

TEST_F(Save, OfAnotherApplicationIsForwarded) {
  Peer& other = h.app();
  h.connect(other, app);
  save(other, 1, importedCap(0));
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 " + kSave);
  app.returnCaps(0, {});
  EXPECT_EQ(other.nextLine(), "Return a=1 results noFinishNeeded");
}

TEST_F(Save, OfAPeersObjectIsForwarded) {
  Peer& b = h.peer();
  h.vat().makeGateway(b.id());  // which no peer's link becomes
  connectAlso(a, b);
  save(a, 1, importedCap(1));
  EXPECT_EQ(b.nextLine(), "Call q=0 -> import 0 " + kSave);
  b.returnCaps(0, {senderHosted(5)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 2]");
}

TEST_F(Save, OfAPlainServerIsForwardedUntilItIsAGateway) {
  Peer& plain = h.app();
  connectAlso(a, plain);
  save(a, 1, importedCap(1), {senderHosted(42)});
  EXPECT_EQ(plain.nextLine(), "Call q=0 -> import 0 " + kSave + " caps=[senderHosted 0]");
  plain.returnCaps(0, {});
  EXPECT_EQ(a.nextLine(), "Return a=1 results noFinishNeeded");
  plain.rest();
  h.vat().makeGateway(plain.id());
  save(a, 2, importedCap(1), {senderHosted(42)});
  EXPECT_EQ(plain.nextLine(), "Call q=0 -> import 0 " + kSave);
  plain.returnCaps(0, {});
  EXPECT_EQ(next().request.host, plain.id());
}

TEST_F(Save, OfALocalObjectIsACallAsAnyOther) {
  auto inbox = std::make_shared<TestObject::Inbox>();
  Peer& b = h.peer();
  b.bootstrap(0);
  save(b, 1, promisedAnswer(0, {}));
  h.completeWith(TestObject::add(h, inbox));
  TestObject::Call call = inbox->next();
  EXPECT_EQ(call.interface_id, kPersistent);
  EXPECT_EQ(call.method_id, 0);
}

TEST_F(Save, OtherMethodsOfPersistentAreForwarded) {
  wire::OutCall call;
  call.question_id = 1;
  call.target = importedCap(0);
  call.interface_id = kPersistent;
  call.method_id = 1;
  a.send(wire::buildCall(h.frames(), call, {}));
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0xc8cb212fcd9f5691/1");
  app.returnCaps(0, {});
  EXPECT_EQ(a.nextLine(), "Return a=1 results noFinishNeeded");
}

TEST_F(Save, TellsHowItFailed) {
  save(a, 1, importedCap(0));
  app.returnException(0, "Unknown interface", wireType(Code::kUnimplemented));
  Asked asked = next();
  EXPECT_EQ(asked.request.outcome.status(), Status(Code::kUnimplemented, "Unknown interface"));
  EXPECT_EQ(asked.request.host, app.id());
  asked.responder.fail(Status(Code::kUnimplemented, "save: no"));
  h.run();
  EXPECT_EQ(a.nextLine(), "Return a=1 exception unimplemented \"save: no\"");
}

TEST_F(Save, FailsWithTheApplicationsLink) {
  save(a, 1, importedCap(0));
  h.lose(app, "gone");
  EXPECT_EQ(next().request.outcome.status(), Status(Code::kDisconnected, "gone"));
}

TEST_F(Save, ThatThePeerFinishesIsFinished) {
  save(a, 1, importedCap(0));
  app.rest();
  a.finish(1);
  EXPECT_EQ(app.nextLine(), "Finish q=0 releaseResultCaps");
  EXPECT_EQ(a.nextLine(), "Return a=1 canceled");
  app.returnCaps(0, {});
  EXPECT_TRUE(saved.empty());
}

TEST_F(Save, ThatThePeerFinishesLateIsAnsweredToNobody) {
  save(a, 1, importedCap(0));
  app.returnCaps(0, {});
  Asked asked = next();
  bool canceled = false;
  asked.responder.onCancel([&] { canceled = true; });
  h.lose(a);
  EXPECT_TRUE(canceled);
  answer(std::move(asked), contentOf(h));
}

TEST_F(Save, EndsWithItsPeer) {
  save(a, 1, importedCap(0));
  app.rest();
  h.lose(a);
  EXPECT_EQ(app.sortedRest(), "Finish q=0 releaseResultCaps\nRelease import=0 count=1\n");
  app.returnCaps(0, {});
  EXPECT_TRUE(saved.empty());
}

TEST_F(Save, CanBePipelinedOnAndHoldsNothing) {
  save(a, 1, importedCap(0));
  a.callAnswer(2, 1, {0});
  app.returnCaps(0, {});
  EXPECT_TRUE(a.quiet());
  answer(next(), contentOf(h));
  EXPECT_EQ(a.sortedRest(),
            "Return a=1 results noFinishNeeded\n"
            "Return a=2 exception failed \"the results hold no capability there\"\n");
}

TEST_F(Save, ForTheCallerOfAnAnswerIsTakenByIt) {
  Peer& b = h.peer();
  h.connect(b, a);
  b.callImport(1, 0, 1);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 0 0x1234/1");
  a.send(saveCall(5, importedCap(0), {}, wire::SendResultsTo::kYourself));
  a.takeFrom(0, 5);
  EXPECT_EQ(a.nextLine(), "Return a=5 resultsSentElsewhere");
  app.returnCaps(0, {});
  answer(next(), contentOf(h));
  EXPECT_EQ(b.nextLine(), "Return a=1 results noFinishNeeded");
}

TEST_F(Save, IsChargedToThePeer) {
  const uint64_t before = h.vat().tableSizes().charged_bytes;
  save(a, 1, importedCap(0), {senderHosted(42)});
  EXPECT_GT(h.vat().tableSizes().charged_bytes, before);
  app.rest();
  h.lose(a);
  app.rest();
  app.returnCaps(0, {});
  EXPECT_EQ(h.vat().tableSizes().charged_bytes, 0u);
}

TEST_F(Save, OfAFullQueueIsRefused) {
  Limits limits;
  limits.queue_hard = 4096;
  Harness small;
  std::deque<vat::SaveRequest> asked;
  small.objects().setSaver(
      [&](vat::SaveRequest request, vat::Responder) { asked.push_back(std::move(request)); });
  Peer& peer = small.peer();
  Peer& slow = small.add(LinkKind::kApp, limits);
  small.vat().makeGateway(slow.id());
  small.connect(peer, slow);
  for (uint32_t i = 1; asked.empty() && i < 200; ++i) {
    save(peer, i, importedCap(0));
    small.flush(peer);
  }
  ASSERT_FALSE(asked.empty());
  EXPECT_EQ(asked.front().outcome.status().code(), Code::kOverloaded);
}

TEST_F(Save, IsSeenInTheDump) {
  save(a, 1, importedCap(0));
  EXPECT_NE(h.vat().dump().find("a gateway"), std::string::npos);
  EXPECT_NE(h.vat().dump().find("of this vat, saves link 1 import 0"), std::string::npos);
  app.returnCaps(0, {});
}

// Calls and saves on one reference: the bootstrap while it is restored, then the application's
// promise, through a gate or not. They arrive in the order in which they were made.
TEST(SaveOrder, IsKeptInRandomRuns) {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    Harness h;
    Peer& a = h.peer();
    Peer& app = h.app();
    h.vat().makeGateway(app.id());
    uint32_t outcomes = 0;
    h.objects().setSaver([&](vat::SaveRequest request, vat::Responder responder) {
      EXPECT_EQ(request.host, app.id());
      ++outcomes;
      responder.answer(contentOf(h));
    });
    std::vector<uint64_t> made, came;  // interfaces and methods
    std::vector<uint32_t> open;
    uint32_t question = 1, saves = 0;
    auto readApp = [&] {
      while (!app.quiet()) {
        const wire::Envelope call = app.next();
        if (call.kind == wire::MessageKind::kBootstrap) {
          app.send(wire::buildReturnCapability(h.frames(), call.id, senderHosted(0)));
        } else if (call.kind == wire::MessageKind::kCall) {
          came.push_back(call.interface_id + call.method_id);
          open.push_back(call.id);
        }
      }
    };
    a.bootstrap(0);
    const auto restored_at = static_cast<uint32_t>(random() % 30);
    for (uint32_t step = 0; step < 60; ++step) {
      if (step == restored_at) {
        random() % 2 ? h.complete(app) : static_cast<void>(h.completeGated(app));
      }
      wire::OutCall call;
      call.question_id = question++;
      call.target = promisedAnswer(0, {});
      call.interface_id = random() % 3 == 0 ? kPersistent : 0x1234;
      call.method_id = static_cast<uint16_t>(call.interface_id == kPersistent ? 0 : question);
      saves += call.interface_id == kPersistent;
      made.push_back(call.interface_id + call.method_id);
      a.send(wire::buildCall(h.frames(), call, {}));
      if (random() % 4 == 0) readApp();
      while (!open.empty() && random() % 2) {
        app.returnCaps(open.back(), {});
        open.pop_back();
      }
    }
    readApp();
    for (uint32_t id : open) app.returnCaps(id, {});
    EXPECT_EQ(came, made) << "seed " << seed;
    EXPECT_EQ(outcomes, saves) << "seed " << seed;
    a.rest();
  }
}

}  // namespace
}  // namespace vatmesh::captp
