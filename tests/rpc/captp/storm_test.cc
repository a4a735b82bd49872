// SPDX-License-Identifier: Apache-2.0
//
// Links with many entries that end: each of these fails once, and others get their turns meanwhile
// (captp-engine 5.5; scenario 102).
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

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
