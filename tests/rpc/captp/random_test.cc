// SPDX-License-Identifier: Apache-2.0
//
// Three legal peers do what they like: calls with any capabilities, pipelined calls, tail calls,
// cancels, resolves, releases, in any interleaving, while restores end well or not and links come
// and go. The vat must stay legal towards each of them (link_rules.h), keep the order of calls, and
// be empty when everybody has dropped everything.
#include <utility>

#include "tests/rpc/captp/model_peer.h"
#include "tests/rpc/captp/test_object.h"

namespace vatmesh::captp {
namespace {

class World {
 public:
  // `saves`: the application leads to a gateway, and peers save what they like.
  World(uint32_t seed, bool links_fail, bool saves) : shared_(seed), links_fail_(links_fail) {
    shared_.saves = saves;
    harness_.objects().setSaver([this](vat::SaveRequest request, vat::Responder responder) {
      saved_.push_back({std::move(request), std::move(responder)});
    });
    for (LinkKind kind : {LinkKind::kPeer, LinkKind::kApp, LinkKind::kPeer}) {
      peers_.push_back(std::make_unique<ModelPeer>(harness_, add(kind), shared_));
    }
  }
  ~World() {
    harness_.objects().setSaver([](vat::SaveRequest, vat::Responder) {});
    saved_.clear();
  }

  void run(int steps) {
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      doSomething();
      observe();
    }
    EXPECT_FALSE(testing::Test::HasFailure()) << shared_.tail() << harness_.vat().dump();
  }

  void end() {
    for (int round = 0; round < 200 && !testing::Test::HasFailure(); ++round) {
      while (harness_.restores() > 0) harness_.completeWith(Status(Code::kFailed, "the end"));
      while (!saved_.empty()) answerSave();
      observe();
      bool done = true;
      for (auto& peer : peers_) {
        peer->windDown();
        observe();
      }
      for (auto& peer : peers_) done &= peer->done();
      if (done) break;
    }
    for (auto& peer : peers_) {
      EXPECT_TRUE(peer->done()) << peer->leftOver() << "\n" << harness_.vat().dump();
    }
    EXPECT_TRUE(harness_.empty()) << harness_.vat().dump();
  }

  uint64_t calls() const { return shared_.order.seen(); }
  uint64_t saves() const { return saves_; }

 private:
  struct Saved {
    vat::SaveRequest request;
    vat::Responder responder;
  };

  uint32_t below(uint32_t bound) { return shared_.below(bound); }

  Peer& add(LinkKind kind) {
    Peer& peer = harness_.add(kind);
    if (shared_.saves) harness_.vat().makeGateway(peer.id());
    return peer;
  }

  // As the gateway of the sidecar does, but that nothing is kept.
  void answerSave() {
    answer(std::move(saved_.front()));
    saved_.pop_front();
    // Lands the answer, and works off what it dropped.
    harness_.turn([this](Effects& out) { harness_.vat().settle(out); });
  }
  void answer(Saved saved) {
    saves_ += static_cast<bool>(saved.request.host);
    if (!saved.request.outcome.ok()) {
      saved.responder.fail(saved.request.outcome.status());
    } else if (saved.request.host) {
      saved.responder.answer(contentOf(harness_));
    } else {
      saved.responder.answer(std::move(*saved.request.outcome));
    }
  }

  void doSomething() {
    if (!saved_.empty() && below(6) == 0) return answerSave();
    uint32_t which = below(3);
    ModelPeer& peer = *peers_[which];
    if (harness_.restores() > 0 && below(8) == 0) {
      if (below(4) == 0) {
        harness_.completeWith(Status(Code::kUnavailable, "not there"));
      } else {
        harness_.complete(peer.peer());
      }
    } else if (links_fail_ && below(150) == 0) {
      harness_.lose(peer.peer());
      const LinkKind kind = shared_.saves && which == 1 ? LinkKind::kApp : LinkKind::kPeer;
      peers_[which] = std::make_unique<ModelPeer>(harness_, add(kind), shared_);
    } else if (below(2) == 0) {
      peer.read();
    } else {
      for (int tries = 0; tries < 20 && !peer.act(); ++tries) {
      }
    }
  }

  void observe() {
    for (auto& peer : peers_) peer->observe();
  }

  Shared shared_;
  bool links_fail_;
  Harness harness_;
  std::deque<Saved> saved_;  // outcomes that were told, not yet answered
  uint64_t saves_ = 0;
  std::vector<std::unique_ptr<ModelPeer>> peers_;
};

// Gives the number of calls that arrived somewhere.
uint64_t live(uint32_t seed, bool links_fail) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  World world(seed, links_fail, /*saves=*/false);
  world.run(1500);
  if (!testing::Test::HasFailure()) world.end();
  return world.calls();
}

TEST(RandomPeers, AreServedLegallyAndLeaveNothingBehind) {
  uint64_t calls = 0;
  constexpr uint32_t kSeeds = 100;
  for (uint32_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) calls += live(seed, false);
  EXPECT_GT(calls, kSeeds * 50u);  // else they did nothing but wait
}

TEST(RandomPeers, AreServedLegallyWhileLinksComeAndGo) {
  uint64_t calls = 0;
  constexpr uint32_t kSeeds = 100;
  for (uint32_t seed = 1001; seed <= 1000 + kSeeds && !HasFailure(); ++seed) {
    calls += live(seed, true);
  }
  EXPECT_GT(calls, kSeeds * 50u);
}

TEST(RandomPeers, AreServedLegallyWhileTheySaveWhatAGatewayHosts) {
  uint64_t calls = 0, saves = 0;
  constexpr uint32_t kSeeds = 50;
  for (uint32_t seed = 2001; seed <= 2000 + kSeeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, /*links_fail=*/seed % 2 == 0, /*saves=*/true);
    world.run(1500);
    if (!testing::Test::HasFailure()) world.end();
    calls += world.calls();
    saves += world.saves();
  }
  EXPECT_GT(calls, kSeeds * 50u);
  EXPECT_GT(saves, kSeeds * 2u);
}

}  // namespace
}  // namespace vatmesh::captp
