// SPDX-License-Identifier: Apache-2.0
//
// Back-pressure: who is read, whose calls are refused, who has to go (design 4.8, captp-engine 5.2;
// scenario 95).
#include "rpc/captp/flow.h"

#include "rpc/captp/cell.h"
#include "rpc/captp/ids.h"
#include "tests/rpc/captp/flow_fixture.h"

namespace vatmesh::captp {
namespace {

class FlowOfASlowApplication : public FlowOf {
 protected:
  static constexpr uint64_t kSoft = 256 * kKiB;
  static constexpr uint64_t kHard = 1024 * kKiB;
  FlowOfASlowApplication() { connect(limitsOf(kSoft, kHard), limitsOf(kSoft, 4 * kHard)); }
};

TEST_F(FlowOfASlowApplication, PausesTheCallerAboveItsBoundAndResumesAtHalf) {
  uint32_t question = 1;
  while (!a->paused() && question < 100) largeCall(*a, question++);
  ASSERT_TRUE(a->paused());
  EXPECT_GT(question * kLarge, kSoft / 4);  // a message pins at most four times its size
  EXPECT_LE(h.vat().queuedBytes(app->id()), kSoft + 2 * kLarge);
  EXPECT_FALSE(c->paused());
  EXPECT_TRUE(a->quiet());  // nothing was refused
  // One after the other leaves the queue.
  size_t written = 0;
  while (a->paused()) {
    ASSERT_GT(h.vat().queuedBytes(app->id()), 0u);
    h.turn([&](Effects& out) { h.vat().onFlushed(app->id(), 1024, out); });
    written += 1024;
  }
  EXPECT_GT(h.vat().queuedBytes(app->id()), 0u);
  EXPECT_GE(written, (question - 1) * kLarge / 2 - 2 * kLarge);
  EXPECT_EQ(actions(OverloadAction::kPause), 1u);
}

TEST_F(FlowOfASlowApplication, PausesNobodyForTheSakeOfAnother) {
  for (uint32_t question = 1; question < 100 && !a->paused(); ++question) largeCall(*a, question);
  ASSERT_TRUE(a->paused());
  for (uint32_t question = 1; question < 5; ++question) c->callImport(question, 0);
  EXPECT_FALSE(c->paused());
  EXPECT_TRUE(c->quiet());
}

TEST_F(FlowOfASlowApplication, PausesTheCallerWhoDoesNotReadItsReturns) {
  uint32_t question = 1;
  while (!a->paused() && question < 100) {
    a->callImport(question++, 0);
    largeReturn(*app, app->next().id);
    app->rest();
    h.flush(*app);
  }
  ASSERT_TRUE(a->paused());
  EXPECT_FALSE(c->paused());
  a->rest();
  h.flush(*a);
  EXPECT_FALSE(a->paused());
  a->callImport(question, 0);
  EXPECT_TRUE(a->quiet());
}

TEST_F(FlowOfASlowApplication, ResumesTheCallerWhenTheReceiverIsGone) {
  for (uint32_t question = 1; question < 100 && !a->paused(); ++question) largeCall(*a, question);
  ASSERT_TRUE(a->paused());
  h.lose(*app);
  EXPECT_FALSE(a->paused());
}

TEST_F(FlowOfASlowApplication, KeepsCountingWhatALostCallerLeavesInTheQueue) {
  for (uint32_t question = 1; question < 8; ++question) largeCall(*a, question);
  h.lose(*a);
  EXPECT_GE(held(), 7 * kLarge);
  h.flush(*app);
  EXPECT_LT(held(), kLarge);
}

TEST_F(FlowOfASlowApplication, ReadsACallerThatOwesReturnsAndPausesItAfterwards) {
  // The application holds an object of a's, so that it can call back.
  a->callImport(1, 0, 0, {senderHosted(7)});
  const uint32_t object = app->next().descriptors[0].id;
  h.flush(*app);
  for (uint32_t question = 2; question < 100 && !a->paused(); ++question) largeCall(*a, question);
  ASSERT_TRUE(a->paused());
  app->callImport(50, object);
  EXPECT_FALSE(a->paused());
  EXPECT_EQ(actions(OverloadAction::kDrain), 1u);
  // What others wait for comes through, new calls too.
  const uint32_t asked = a->next().id;
  a->callImport(200, 0);
  EXPECT_TRUE(a->quiet());
  a->returnCaps(asked, {});
  app->rest();
  EXPECT_TRUE(a->paused());
  h.flush(*app);
  EXPECT_FALSE(a->paused());
}

TEST_F(FlowOfASlowApplication, RefusesCallsOfOneThatOwesReturnsAboveTheHardBound) {
  a->callImport(1, 0, 0, {senderHosted(7)});
  app->callImport(50, app->next().descriptors[0].id);
  const uint32_t asked = a->next().id;
  uint32_t question = 2;
  while (a->quiet() && question < 1000) largeCall(*a, question++);
  EXPECT_EQ(a->next().exception.type, 1);
  EXPECT_FALSE(a->paused());
  EXPECT_FALSE(app->closed());
  EXPECT_LE(held(), kHard + kSoft);
  // All but calls is handled.
  a->finish(2, true, false);
  EXPECT_EQ(a->nextLine(), "Return a=2 canceled");
  a->returnCaps(asked, {});
  EXPECT_NE(app->rest().find("Return a=50 results"), std::string::npos);
  EXPECT_TRUE(a->paused());
}

class FlowOfASlowPeer : public FlowOf {
 protected:
  static constexpr uint64_t kSoft = 128 * kKiB;
  // a gave the application its object 7.
  FlowOfASlowPeer() {
    connect(limitsOf(kSoft, 1024 * kKiB), limitsOf(kSoft, 1024 * kKiB));
    a->callImport(1, 0, 0, {senderHosted(7)});
    object = app->next().descriptors[0].id;
    h.flush(*app);
  }
  uint32_t object = 0;
};

TEST_F(FlowOfASlowPeer, RefusesTheApplicationsCallsAndNeverPausesIt) {
  uint32_t question = 1;
  while (app->quiet() && question < 1000) largeCall(*app, question++, importedCap(object));
  EXPECT_EQ(app->nextLine(),
            "Return a=" + std::to_string(question - 1) +
                " exception overloaded \"the receiver reads too slowly: its queue is full\"");
  EXPECT_FALSE(app->paused());
  EXPECT_LE(h.vat().queuedBytes(a->id()), kSoft + 2 * kLarge);
  // Its Returns are never refused, and it goes on with others.
  c->callImport(1, 0);
  const uint32_t asked = app->next().id;
  app->returnCaps(asked, {});
  EXPECT_EQ(c->nextLine(), "Return a=1 results noFinishNeeded");
  largeReturn(*app, 0);
  EXPECT_NE(a->rest().find("Return a=1 results"), std::string::npos);
  h.flush(*a);
  largeCall(*app, question, importedCap(object));
  EXPECT_EQ(a->next().kind, wire::MessageKind::kCall);
}

TEST_F(FlowOfASlowPeer, ChargesTheApplicationsCallsToTheApplication) {
  for (uint32_t question = 1; question < 20; ++question) {
    largeCall(*app, question, importedCap(object));
  }
  EXPECT_FALSE(a->paused());
}

// A Bootstrap whose restore is slow, large calls on it that are to be delivered although they are
// finished, and all of it again.
TEST_F(FlowOfASlowApplication, PausesTheCallerWhoseCanceledCallsWaitForRestores) {
  uint32_t rounds = 0;
  for (; rounds < 100 && !a->paused(); ++rounds) {
    a->bootstrap(1);
    largeCall(*a, 2, promisedAnswer(1, {}));
    a->finish(2, true, true);
    a->finish(1, true, true);
  }
  ASSERT_TRUE(a->paused());
  EXPECT_LT(held(), kSoft + 4 * kLarge);
  EXPECT_EQ(h.restores(), rounds);
  while (h.restores() > 1) h.completeWith(Status(Code::kFailed, "no"));
  EXPECT_FALSE(a->paused());
  h.completeWith(Status(Code::kFailed, "no"));
}

TEST_F(FlowOfASlowApplication, PausesTheCallerOfManySmallCanceledCallsToo) {
  uint32_t rounds = 0;
  for (; rounds < 2000 && !a->paused(); ++rounds) {
    a->bootstrap(1);
    a->callAnswer(2, 1, {});
    a->finish(2, true, true);
    a->finish(1, true, true);
    a->rest();
    h.flush(*a);
  }
  EXPECT_TRUE(a->paused());
  while (h.restores() > 0) h.completeWith(Status(Code::kFailed, "no"));
}

class FlowInLittleMemory : public FlowOf {
 protected:
  static constexpr uint64_t kTotal = 1024 * kKiB;
  FlowInLittleMemory() : FlowOf({kTotal}) {
    connect(limitsOf(kTotal, 4 * kTotal), limitsOf(kTotal, 4 * kTotal));
  }
};

TEST_F(FlowInLittleMemory, PausesTheHeaviestAskerFirst) {
  c->callImport(1, 0);
  uint32_t question = 1;
  while (!a->paused() && question < 1000) largeCall(*a, question++);
  ASSERT_TRUE(a->paused());
  EXPECT_FALSE(c->paused());
  EXPECT_TRUE(a->quiet());
  EXPECT_LE(held(), kTotal);
  h.flush(*app);
  EXPECT_FALSE(a->paused());
}

TEST_F(FlowInLittleMemory, RefusesCallsThatHaveNoRoom) {
  // The application is never paused, and fills the queue of one who doesn't read.
  a->callImport(1, 0, 0, {senderHosted(7)});
  const uint32_t object = app->next().descriptors[0].id;
  h.flush(*app);
  uint32_t question = 1;
  while (app->quiet() && question < 1000) largeCall(*app, question++, importedCap(object));
  EXPECT_EQ(app->nextLine(),
            "Return a=" + std::to_string(question - 1) +
                " exception overloaded \"this vat holds as many bytes as it may\"");
  EXPECT_LE(held(), kTotal);
  EXPECT_FALSE(a->closed() || c->closed() || app->closed());
  c->bootstrap(9);
  c->callImport(10, 0);
  EXPECT_EQ(h.restores(), 1u);  // small things have room
  h.completeWith(Status(Code::kFailed, "no"));
}

TEST_F(FlowInLittleMemory, EndsTheLinkThatReadsNoneOfItsReturns) {
  c->callImport(1, 0);
  app->next();
  uint32_t count = 0;
  for (uint32_t question = 1; question <= 200; ++question) a->callImport(question, 0);
  app->rest();
  h.flush(*app);
  while (!a->closed() && count < 200) {
    largeReturn(*app, ++count);
    EXPECT_LE(held(), kTotal);
  }
  ASSERT_TRUE(a->closed());
  EXPECT_EQ(a->closed()->code(), Code::kOverloaded);
  EXPECT_FALSE(c->closed());
  // The other one goes on.
  app->returnCaps(0, {});
  EXPECT_EQ(c->nextLine(), "Return a=1 results noFinishNeeded");
}

TEST_F(FlowInLittleMemory, EndsTheLinkWithTheLargestPartOfAMessage) {
  const auto arrive = [&](Peer& peer, size_t bytes) {
    h.turn([&](Effects& out) { h.vat().onArriving(peer.id(), bytes, out); });
  };
  arrive(*a, 600 * kKiB);
  arrive(*c, 300 * kKiB);
  EXPECT_FALSE(a->closed() || c->closed());
  arrive(*c, 0);
  arrive(*c, 500 * kKiB);
  ASSERT_TRUE(a->closed());
  EXPECT_EQ(a->closed()->code(), Code::kOverloaded);
  EXPECT_FALSE(c->closed());
  EXPECT_LT(held(), 600 * kKiB);
}

// c has the larger part of a message, but what its failed calls said makes it heavier.
TEST_F(FlowInLittleMemory, EndsTheLinkThatKeepsMostExceptions) {
  h.turn([&](Effects& out) { h.vat().onArriving(a->id(), 400 * kKiB, out); });
  for (uint32_t question = 1; question < 1000 && !c->closed() && !a->closed(); ++question) {
    c->callImport(question, 0);
    app->returnException(app->next().id, std::string(4000, 'x'));
    app->rest();
    for (Peer* peer : {app, c}) h.flush(*peer);
  }
  EXPECT_TRUE(c->closed());
  EXPECT_FALSE(a->closed());
}

TEST_F(FlowOfASlowApplication, ChargesWhatAMessageNamedToItsLink) {
  a->callImport(1, 0, 0, {senderHosted(42)});
  const uint32_t object = app->next().descriptors.at(0).id;
  const uint64_t before = held();
  // The same capability, so that no table grows.
  app->callImport(7, object, 0, std::vector(1000, senderHosted(5)));
  for (Peer* peer : {a, app}) h.flush(*peer);
  EXPECT_GT(held(), before + 1000 * sizeof(ExportId));
}

// The message is small, and what follows it isn't.
TEST_F(FlowOfASlowApplication, PausesTheCallerWhoPassesOnManyFailures) {
  constexpr uint32_t kFailures = 80;
  std::vector<wire::OutDescriptor> failures;
  for (uint32_t i = 0; i < kFailures; ++i) {
    a->callImport(10 + i, 0);
    app->returnException(app->next().id, std::string(4000, 'x'));
    app->rest();
    failures.push_back(receiverAnswer(10 + i, {}));
  }
  for (Peer* peer : {a, app}) h.flush(*peer);
  ASSERT_FALSE(a->paused());
  a->callImport(1, 0, 0, failures);
  EXPECT_TRUE(a->paused());
  h.flush(*app);
  EXPECT_FALSE(a->paused());
}

// A thousand capabilities share one long path: 17 KiB that would be 550 with a path for each.
TEST_F(FlowOfASlowApplication, BoundsWhatMessagesGrowTo) {
  a->callImport(1, 0);
  app->rest();
  std::vector<uint16_t> path(wire::kMaxPathSteps);
  const std::vector<wire::OutDescriptor> capabilities(1000, receiverAnswer(1, path));
  uint32_t calls = 0;
  for (; calls < 100 && !a->paused(); ++calls) {
    wire::OutCall call;
    call.question_id = 2 + calls;
    call.target = importedCap(0);
    Draft draft(wire::buildCall(h.frames(), call, capabilities));
    a->send(draft.oneAnswer().take());
    EXPECT_EQ(app->next().descriptors.size(), capabilities.size());
    app->rest();  // what became of the broken ones
  }
  EXPECT_TRUE(a->paused());
  EXPECT_GT(calls, 1u);
  // The message as it came, and a new envelope.
  EXPECT_LT(h.vat().queuedBytes(app->id()), calls * (4 * 1000 * 8 + 8192 * 8 + kKiB));
  EXPECT_LT(held(), kSoft + 256 * kKiB);
}

// A capability costs more here than in the message.
TEST_F(FlowOfASlowApplication, CountsTheCapabilitiesOfResultsThatAreKept) {
  constexpr uint32_t kCapabilities = 1000;
  a->callImport(1, 0, 0, {senderHosted(42)});
  const uint32_t object = app->next().descriptors.at(0).id;
  const uint64_t before = held();
  app->returnCaps(0, std::vector(kCapabilities, receiverHosted(object)));
  for (Peer* peer : {a, app}) h.flush(*peer);
  EXPECT_GT(held(), before + kCapabilities * (sizeof(Cell) + sizeof(Place)));
  a->finish(1);
  for (Peer* peer : {a, app}) h.flush(*peer);
  EXPECT_LT(held(), before);
}

TEST(FlowOfTexts, CountsTheObjectIdThatARestoreLooksFor) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  a.send(wire::buildBootstrap(h.frames(), 0, std::string(60000, 'x')));
  EXPECT_GE(h.vat().tableSizes().charged_bytes, 60000u);
  h.complete(app);
  EXPECT_EQ(h.vat().tableSizes().charged_bytes, 0u);
}

TEST(FlowOfTexts, CountsExceptionsThatAnswersKeep) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  h.connect(a, app);
  h.flush(a);
  h.flush(app);
  const uint64_t before = h.vat().tableSizes().held_bytes;
  for (uint32_t i = 0; i < 10; ++i) {
    a.callImport(1 + i, 0);
    app.returnException(app.next().id, std::string(4000, 'x'));
    app.rest();
  }
  h.flush(a);
  h.flush(app);
  EXPECT_GE(h.vat().tableSizes().held_bytes, before + 10 * 4000);
  for (uint32_t i = 0; i < 10; ++i) a.finish(1 + i);
  h.flush(app);
  EXPECT_EQ(h.vat().tableSizes().held_bytes, before);
}

// The application holds what they broke, and who broke them can't make it let go.
TEST(FlowOfTexts, CutsExceptionsShortAboveTheSoftBoundOfThem) {
  Harness h;
  constexpr uint32_t kPromises = 400;
  Peer& a = h.add(LinkKind::kPeer, limitsOf(256 * kKiB, 1024 * kKiB));
  Peer& app = h.app();
  h.connect(a, app);
  std::vector<wire::OutDescriptor> promises;
  for (uint32_t id = 0; id < kPromises; ++id) promises.push_back(senderPromise(id));
  a.callImport(1, 0, 0, promises);
  app.rest();
  for (uint32_t id = 0; id < kPromises; ++id) {
    a.resolveException(id, std::string(4000, 'x'));
    const wire::Envelope told = app.next();
    if (id < 60) {
      EXPECT_EQ(told.exception.reason.size(), 4000u);
    }
    if (id >= 70) {
      EXPECT_EQ(told.exception.reason.size(), 64u);
    }
    for (Peer* peer : {&a, &app}) h.flush(*peer);
  }
  EXPECT_LT(h.vat().tableSizes().held_bytes, 1024 * kKiB);
  EXPECT_FALSE(a.closed() || a.paused());
}

}  // namespace
}  // namespace vatmesh::captp
