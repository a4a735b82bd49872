// SPDX-License-Identifier: Apache-2.0
//
// A link that is lost, in every state of what stands on it (captp-engine R-E5, R-E6; scenarios 11,
// 97, 102).
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

// a and c are connected to the application; a's question 1 is question 0 of the application.
class Loss : public testing::Test {
 protected:
  Loss() : a(h.peer()), c(h.peer()), app(h.app()) {
    h.connect(a, app);
    h.connect(c, app);
    a.callImport(1, 0, 1, {senderHosted(42)});
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/1 caps=[senderHosted 0]");
  }
  static constexpr std::array<uint16_t, 1> kField = {0};
  static constexpr const char* kCut = "exception disconnected \"cable cut\"";

  Harness h;
  Peer& a;
  Peer& c;
  Peer& app;
};

TEST_F(Loss, OfTheCalleeFailsCallsAndPipelinedCalls) {
  a.callAnswer(2, 1, {0}, 2);
  h.lose(app, "cable cut");
  EXPECT_EQ(a.sortedRest(), std::string("Release import=42 count=1\nReturn a=1 ") + kCut +
                                "\nReturn a=2 " + kCut + "\n");
  a.callAnswer(3, 1, {0}, 3);
  a.callImport(4, 0, 4);
  EXPECT_EQ(a.rest(), std::string("Return a=3 ") + kCut + "\nReturn a=4 " + kCut + "\n");
  EXPECT_FALSE(a.closed());
}

TEST_F(Loss, OfTheCalleeLeavesOthersAlone) {
  Peer& other = h.app();
  Peer& b = h.peer();
  h.connect(b, other);
  b.callImport(1, 0, 1);
  EXPECT_EQ(other.next().id, 0u);
  h.lose(app);
  EXPECT_TRUE(b.quiet());
  other.returnCaps(0, {senderHosted(4)});
  EXPECT_EQ(b.nextLine(), "Return a=1 results caps=[senderHosted 1]");
}

TEST_F(Loss, OfTheCalleeFailsLatePipelinedCallsOnResultsThatCame) {
  app.returnCaps(0, {senderHosted(4)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  h.lose(app, "cable cut");
  a.rest();
  a.callAnswer(2, 1, {0}, 2);
  a.callImport(3, 1, 3);
  EXPECT_EQ(a.rest(), std::string("Return a=2 ") + kCut + "\nReturn a=3 " + kCut + "\n");
  a.finish(1, true);
  a.finish(2);
  a.finish(3);
  a.release(0, 1);
  c.release(0, 1);
  EXPECT_TRUE(h.empty()) << h.vat().dump();
}

TEST_F(Loss, OfTheCalleeKeepsReflectedResultsOfOthers) {
  c.callImport(1, 0, 0, {senderHosted(9)});
  EXPECT_EQ(app.next().descriptors[0].id, 1u);
  app.returnCaps(0, {receiverHosted(1)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  h.lose(app, "cable cut");
  a.rest();
  c.rest();
  a.callAnswer(2, 1, {0}, 2);
  a.callImport(3, 1, 3);
  EXPECT_EQ(c.rest(), "Call q=0 -> import 9 0x1234/2\nCall q=1 -> import 9 0x1234/3\n");
}

TEST_F(Loss, OfTheCalleeBreaksAUsedPathForItsHolders) {
  c.callImport(1, 0, 0, {senderHosted(9)});
  app.next();
  a.callAnswer(2, 1, {0}, 2);
  app.returnCaps(0, {receiverHosted(1)});  // of c, which is still there
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  h.lose(app, "cable cut");
  EXPECT_EQ(a.sortedRest(), std::string("Release import=42 count=1\nResolve promise=1 -> ") + kCut +
                                "\nReturn a=2 " + kCut + "\n");
  a.callImport(3, 1, 3);
  a.callAnswer(4, 1, {0}, 4);
  EXPECT_EQ(a.rest(), std::string("Return a=3 ") + kCut + "\nReturn a=4 " + kCut + "\n");
  EXPECT_EQ(c.rest().find("Call"), std::string::npos);
}

TEST_F(Loss, OfTheCalleeBreaksAUsedPathOfTheCallersOwnObject) {
  a.callAnswer(2, 1, {0}, 2);
  app.returnCaps(0, {receiverHosted(0)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[receiverHosted 42]");
  h.lose(app, "cable cut");
  EXPECT_EQ(a.rest(), std::string("Return a=2 ") + kCut + "\n");
  a.callAnswer(3, 1, {0}, 3);  // a has not embargoed yet
  EXPECT_EQ(a.nextLine(), std::string("Return a=3 ") + kCut);
}

TEST_F(Loss, OfTheCallerCancelsWhatItAsked) {
  a.callAnswer(2, 1, {0}, 2);
  app.nextLine();
  h.lose(a);
  EXPECT_EQ(app.sortedRest(), "Finish q=0 releaseResultCaps\nFinish q=1 releaseResultCaps\n");
  app.returnCaps(0, {senderHosted(4)});
  app.callImport(0, 0, 5);
  EXPECT_EQ(app.next().exception.type, 2);
}

TEST_F(Loss, OfTheCallerFinishesWhatHasReturned) {
  app.returnCaps(0, {senderHosted(4)});
  h.lose(a);
  EXPECT_EQ(app.sortedRest(), "Finish q=0\nRelease import=4 count=1\n");
}

TEST_F(Loss, OfTheCallerAfterItsCancelSendsNothingTwice) {
  a.finish(1, true, false);
  app.rest();
  h.lose(a);
  EXPECT_TRUE(app.quiet());
  app.returnCaps(0, {});
  EXPECT_FALSE(app.closed());
}

TEST_F(Loss, OfTheCalleeWithACanceledQuestionIsSilent) {
  a.finish(1, true, false);
  a.rest();
  h.lose(app);
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");
}

TEST_F(Loss, OfAPromisesHostBreaksItOnEveryLink) {
  a.callImport(2, 0, 0, {senderPromise(43)});
  app.nextLine();
  c.callImport(1, 0);
  app.nextLine();
  app.returnCaps(2, {receiverHosted(1)});
  EXPECT_EQ(c.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  h.lose(a, "cable cut");
  EXPECT_EQ(c.nextLine(), std::string("Resolve promise=1 -> ") + kCut);
  EXPECT_NE(app.rest().find(std::string("Resolve promise=1 -> ") + kCut), std::string::npos);
}

TEST_F(Loss, OfAPromisesHolderTellsNobody) {
  a.callImport(2, 0, 0, {senderPromise(43)});
  h.lose(app);
  a.rest();
  a.resolve(43, senderHosted(44));
  EXPECT_EQ(a.rest(), "Release import=44 count=1\n");
  EXPECT_FALSE(a.closed());
}

TEST_F(Loss, OfAnAnswersHolderLeavesItToTheOthers) {
  c.callImport(1, 0, 0, {senderHosted(9)});
  app.nextLine();
  a.callImport(2, 0);
  app.returnCaps(2, {receiverHosted(1)});
  EXPECT_EQ(a.nextLine(), "Return a=2 results caps=[senderHosted 1]");
  a.callImport(3, 1, 0, {receiverAnswer(1, kField)});
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/0 caps=[senderPromise 1]");
  app.rest();
  h.lose(a);
  // c holds the promise: the question goes on.
  EXPECT_EQ(app.sortedRest(), "Finish q=2\n");
  app.returnCaps(0, {senderHosted(4)});
  EXPECT_NE(c.rest().find("Resolve promise=1 -> senderHosted 2"), std::string::npos);
}

TEST_F(Loss, WithDisembargoesWaitingForgetsThem) {
  a.callImport(2, 0, 0, {senderPromise(43)});
  app.nextLine();
  app.disembargo(1, importedCap(1));
  h.lose(app);
  a.resolve(43, senderHosted(44));
  EXPECT_FALSE(a.closed());
}

TEST_F(Loss, OfARedirectedCallsMakerCancelsIt) {
  app.tailCall(5, importedCap(0), 7);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/7");
  h.lose(app, "cable cut");
  EXPECT_EQ(a.sortedRest(), std::string("Finish q=0 releaseResultCaps\nRelease import=42 count=1\n"
                                        "Return a=1 ") +
                                kCut + "\n");
}

TEST_F(Loss, OfOneselfWithCallsOnOneself) {
  app.callImport(1, 0, 5);  // to a
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/5");
  app.returnCaps(0, {receiverHosted(0)});
  a.rest();
  a.callAnswer(2, 1, {0}, 6);  // straight back to a
  EXPECT_EQ(a.nextLine(), "Call q=1 -> import 42 0x1234/6");
  h.lose(a, "cable cut");
  EXPECT_NE(app.rest().find(std::string("Return a=1 ") + kCut), std::string::npos);
}

TEST_F(Loss, MakesRoomForANewLinkThatHearsNothingOfTheOldOne) {
  LinkId old = app.id();
  h.lose(app);
  a.rest();
  Peer& again = h.app();
  EXPECT_FALSE(again.id() == old);
  // A late message of the old transport.
  h.turn([&](Effects& out) {
    h.vat().onMessage(old, wire::toMessage(*wire::buildReturnCanceled(h.frames(), 0), h.buffers()),
                      out);
  });
  EXPECT_TRUE(again.quiet());
  EXPECT_FALSE(again.closed());
  h.turn([&](Effects& out) { h.vat().onFlushed(old, 100, out); });
  h.turn([&](Effects& out) { h.vat().closeLink(old, Status(Code::kFailed, "x"), out); });
  EXPECT_FALSE(h.vat().has(old));
  EXPECT_TRUE(h.vat().has(again.id()));
  EXPECT_TRUE(again.quiet());
  // A fresh reference comes with a fresh bootstrap.
  a.bootstrap(5);
  h.complete(again);
  EXPECT_EQ(again.nextLine(), "Bootstrap q=0");
}

TEST_F(Loss, TwiceIsOnce) {
  h.lose(app);
  a.rest();
  h.lose(app);
  EXPECT_TRUE(a.quiet());
}

// Scenario 102: each entry fails once, and nothing recurses however deep the chain is.
TEST(Storm, OfManyEntriesFailsEachOnce) {
  Limits limits;
  limits.answers = 200000;
  limits.paths = 200000;
  limits.queue_hard = 1ull << 40;
  Harness h(limits);
  Peer& a = h.peer();
  Peer& app = h.app();
  h.connect(a, app);
  a.callImport(1, 0);
  // Without the harness: it checks everything after every message.
  wire::BufferPool buffers;
  Effects out;
  constexpr uint32_t kCalls = 100000;
  for (uint32_t i = 2; i < kCalls; ++i) {
    wire::OutCall call;
    call.question_id = i;
    call.target = promisedAnswer(i - 1, {});
    h.vat().onMessage(a.id(), wire::toMessage(*wire::buildCall(h.frames(), call, {}), buffers),
                      out);
    out.clear();
  }
  h.vat().onLost(app.id(), Status(Code::kDisconnected, "cable cut"), out);
  while (h.vat().nextDeadline() <= Instant()) h.vat().onTick(Instant(), out);
  size_t returns = 0;
  for (const Effect& effect : out) returns += std::holds_alternative<Send>(effect);
  EXPECT_EQ(returns, kCalls - 1);
  EXPECT_FALSE(h.vat().checkInvariants());
}

// A link with 100 000 entries dies; each turn does a part, and others are served in between.
TEST(Storm, OfADyingLinkLeavesTurnsToOthers) {
  Limits limits;
  limits.answers = limits.exports = limits.imports = 200000;
  limits.queue_soft = limits.queue_hard = 1ull << 40;
  Harness h(limits);
  Peer& a = h.peer();
  Peer& c = h.peer();
  Peer& app = h.app();
  h.connect(a, app);
  c.bootstrap(0);
  h.complete(app);
  app.returnCaps(app.next().id, {senderHosted(0)});
  c.rest();
  // Each call of a's brings an object, and each of them the application holds.
  wire::BufferPool buffers;
  Effects out;
  constexpr uint32_t kCalls = 25000;
  for (uint32_t i = 1; i <= kCalls; ++i) {
    wire::OutCall call;
    call.question_id = i;
    call.target = importedCap(0);
    h.vat().onMessage(
        a.id(), wire::toMessage(*wire::buildCall(h.frames(), call, {{senderHosted(i)}}), buffers),
        out);
    out.clear();
  }
  ASSERT_GE(h.vat().tableSizes().answers + h.vat().tableSizes().questions +
                h.vat().tableSizes().exports + h.vat().tableSizes().imports,
            4 * kCalls);
  h.vat().onLost(a.id(), Status(Code::kDisconnected, "cable cut"), out);
  EXPECT_FALSE(h.vat().has(a.id()));
  const auto sendsTo = [&](const Peer& peer) {
    size_t count = 0;
    for (const Effect& effect : out) {
      auto* send = std::get_if<Send>(&effect);
      count += send && send->link == peer.id();
    }
    return count;
  };
  const auto callOn = [&](Peer& from, uint32_t question, uint32_t import) {
    wire::OutCall call;
    call.question_id = question;
    call.target = importedCap(import);
    out.clear();
    h.vat().onMessage(from.id(), wire::toMessage(*wire::buildCall(h.frames(), call, {}), buffers),
                      out);
  };
  size_t finishes = sendsTo(app);
  // What it hosted fails, at the latest when its turn has come.
  callOn(app, 0, kCalls - 1);
  size_t failed = sendsTo(app);
  uint32_t turns = 0;
  for (; h.vat().nextDeadline() <= Instant(); ++turns) {
    callOn(c, 1 + turns, 0);
    EXPECT_EQ(sendsTo(app), 1u);
    out.clear();
    h.vat().onTick(Instant(), out);
    EXPECT_LE(out.size(), 2100u);
    finishes += sendsTo(app);
  }
  EXPECT_GT(turns, 20u);
  EXPECT_EQ(finishes + failed, kCalls + 1);
  // c's Bootstrap and calls, and the canceled ones that remember what they passed.
  EXPECT_EQ(h.vat().tableSizes().questions, 1 + turns + 1024);
  EXPECT_EQ(h.vat().tableSizes().imports, 1u);
  EXPECT_FALSE(h.vat().checkInvariants());
}

// What is called meanwhile goes into tables that are being emptied, with what it carries.
TEST(Storm, OfADyingLinkFailsCallsThatCarryTheSameObjectInEveryTurn) {
  Limits limits;
  limits.queue_soft = limits.queue_hard = 1ull << 40;
  Harness h(limits);
  Peer& a = h.peer();
  Peer& app = h.app();
  h.connect(a, app);
  wire::BufferPool buffers;
  Effects out;
  constexpr uint32_t kCalls = 4000;
  for (uint32_t i = 1; i <= kCalls; ++i) {
    wire::OutCall call;
    call.question_id = i;
    call.target = importedCap(0);
    h.vat().onMessage(
        a.id(), wire::toMessage(*wire::buildCall(h.frames(), call, {{senderHosted(i)}}), buffers),
        out);
  }
  out.clear();
  h.vat().onLost(a.id(), Status(Code::kDisconnected, "cable cut"), out);
  uint32_t asked = 0;
  for (; h.vat().nextDeadline() <= Instant(); ++asked) {
    wire::OutCall call;
    call.question_id = asked;
    call.target = importedCap(kCalls - 1);  // of a
    h.vat().onMessage(
        app.id(), wire::toMessage(*wire::buildCall(h.frames(), call, {{senderHosted(7)}}), buffers),
        out);
    EXPECT_FALSE(h.vat().checkInvariants());
    h.vat().onTick(Instant(), out);
  }
  EXPECT_GT(asked, 5u);
  uint32_t returns = 0;
  for (const Effect& effect : out) {
    auto* send = std::get_if<Send>(&effect);
    if (send) returns += wire::describe(*send->frame).starts_with("Return");
  }
  EXPECT_EQ(returns, asked);
  EXPECT_FALSE(h.vat().checkInvariants());
}

TEST(Storm, OfQueuedCallsOnQueuedCallsFailsEachOnce) {
  Limits limits;
  limits.answers = 200000;
  limits.paths = 200000;
  limits.queue_hard = 1ull << 40;
  Harness h(limits);
  Peer& a = h.peer();
  a.bootstrap(0);
  wire::BufferPool buffers;
  Effects out;
  constexpr uint32_t kCalls = 100000;
  for (uint32_t i = 1; i < kCalls; ++i) {
    wire::OutCall call;
    call.question_id = i;
    call.target = promisedAnswer(i - 1, {});
    h.vat().onMessage(a.id(), wire::toMessage(*wire::buildCall(h.frames(), call, {}), buffers),
                      out);
    out.clear();
  }
  h.completeWith(Status(Code::kFailed, "no"));
  size_t returns = 0;
  while (!a.quiet()) returns += a.next().exception.reason == "no";
  EXPECT_EQ(returns, kCalls);
}

}  // namespace
}  // namespace vatmesh::captp
