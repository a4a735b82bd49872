// SPDX-License-Identifier: Apache-2.0
//
// Chains that a peer makes as deep as it likes: nothing here recurses along them, and no step costs
// more for those before it (captp-engine 1.1, capnproto#2195). Without the harness, which looks at
// everything after each message.
#include <functional>

#include <gtest/gtest.h>

#include "rpc/vat/vat.h"
#include "rpc/wire/build.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

constexpr uint32_t kDepth = 200'000;

class Depth : public testing::Test {
 protected:
  Depth() {
    Limits limits;
    limits.answers = limits.imports = limits.exports = limits.queued_messages = 2 * kDepth;
    limits.paths = 2 * kDepth;
    limits.queued_bytes = limits.queue_soft = limits.queue_hard = kMuch;
    a = vat.addLink({LinkKind::kPeer, "", {}, limits});
    app = vat.addLink({LinkKind::kApp, "", {}, limits});
  }
  ~Depth() override { EXPECT_EQ(closed, 0u); }

  void turn(const std::function<void(Effects&)>& input) {
    land(input);
    while (!unwritten.empty()) {
      const auto [link, bytes] = unwritten.back();
      unwritten.pop_back();
      land([&](Effects& out) { vat.onFlushed(link, bytes, out); });
    }
  }
  void land(const std::function<void(Effects&)>& input) {
    Effects effects;
    input(effects);
    for (const Effect& effect : effects) {
      if (const auto* start = std::get_if<Start>(&effect)) op = start->op;
      if (const auto* send = std::get_if<Send>(&effect)) {
        sent[send->link == a ? 0 : 1] += 1;
        unwritten.emplace_back(send->link, send->frame->sizeBytes());
      }
      closed += std::holds_alternative<Close>(effect) ? 1 : 0;
    }
  }
  void send(LinkId from, const wire::FrameRef& frame) {
    turn([&](Effects& out) { vat.onMessage(from, wire::toMessage(*frame, pool), out); });
  }
  void call(uint32_t question, const wire::OutTarget& target,
            const std::vector<wire::OutDescriptor>& capabilities = {}) {
    wire::OutCall call;
    call.question_id = question;
    call.target = target;
    send(a, wire::buildCall(vat.framePool(), call, capabilities));
  }
  // a holds the application's bootstrap as import 0; its question 0 stays open.
  void connect() {
    send(a, wire::buildBootstrap(vat.framePool(), 0, ""));
    turn([&](Effects& out) { vat.complete(op, vat::BootstrapOf{app, ""}, out); });
    send(app, wire::buildReturnCapability(vat.framePool(), 0, senderHosted(0)));
  }
  void lose(LinkId link) {
    turn([&](Effects& out) { vat.onLost(link, Status(Code::kDisconnected, "cut"), out); });
    while (vat.nextDeadline() <= Instant()) {
      turn([&](Effects& out) { vat.onTick(Instant(), out); });
    }
  }
  void expectEmpty() {
    const TableSizes sizes = vat.tableSizes();
    EXPECT_EQ(sizes.questions + sizes.answers + sizes.exports + sizes.imports, 0u);
    EXPECT_EQ(sizes.charged_bytes, 0u);
    EXPECT_EQ(vat.checkInvariants().value_or(""), "");
  }

  static constexpr uint64_t kMuch = 8ull << 30;
  wire::BufferPool pool;
  vat::Vat vat{VatLimits{kMuch}};
  LinkId a;
  LinkId app;
  OpId op;
  std::array<uint64_t, 2> sent{};  // to a, to the application
  std::vector<std::pair<LinkId, size_t>> unwritten;
  size_t closed = 0;
};

TEST_F(Depth, OfPromisesThatBecomeOneAnother) {
  connect();
  call(1, importedCap(0), {senderPromise(0)});
  for (uint32_t id = 0; id < kDepth; ++id) {
    send(a, wire::buildResolve(vat.framePool(), id, senderPromise(id + 1)));
  }
  send(a, wire::buildResolve(vat.framePool(), kDepth, senderHosted(kDepth + 1)));
  EXPECT_EQ(sent[1], 2 + kDepth + 1);  // Bootstrap and Call, and each was told
  // The first is the last by now.
  send(app, wire::buildReturnResults(vat.framePool(), {1, false},
                                     std::vector{receiverHosted(0), receiverHosted(kDepth)}));
  for (LinkId link : {app, a}) lose(link);
  expectEmpty();
}

TEST_F(Depth, OfCallsOnEachOthersResults) {
  constexpr uint32_t kCalls = kDepth / 4;  // each costs two table entries
  connect();
  call(1, importedCap(0));
  for (uint32_t question = 2; question < kCalls; ++question) {
    call(question, promisedAnswer(question - 1, {}));
  }
  EXPECT_EQ(sent[1], kCalls);
  const uint64_t told = sent[0];
  lose(app);
  EXPECT_EQ(sent[0], told + kCalls - 1);
  lose(a);
  expectEmpty();
}

TEST_F(Depth, OfCallsThatWaitForEachOther) {
  send(a, wire::buildBootstrap(vat.framePool(), 0, ""));
  for (uint32_t question = 1; question < kDepth; ++question) {
    call(question, promisedAnswer(question - 1, {}));
  }
  EXPECT_GT(vat.tableSizes().charged_bytes, kDepth * sizeof(uint64_t));
  turn([&](Effects& out) { vat.complete(op, Status(Code::kFailed, "no"), out); });
  EXPECT_EQ(sent[0], kDepth);
  lose(a);
  lose(app);
  expectEmpty();
}

}  // namespace
}  // namespace vatmesh::captp
