// SPDX-License-Identifier: Apache-2.0
//
// Three legal peers do what they like: calls with any capabilities, pipelined calls, tail calls,
// cancels, resolves, releases, in any interleaving, while restores end well or not and links come
// and go. The vat must stay legal towards each of them (link_rules.h), keep the order of calls, and
// be empty when everybody has dropped everything.
#include "tests/rpc/captp/model_peer.h"

namespace vatmesh::captp {
namespace {

class World {
 public:
  World(uint32_t seed, bool links_fail) : shared_(seed), links_fail_(links_fail) {
    for (LinkKind kind : {LinkKind::kPeer, LinkKind::kApp, LinkKind::kPeer}) {
      peers_.push_back(std::make_unique<ModelPeer>(harness_, harness_.add(kind), shared_));
    }
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

 private:
  uint32_t below(uint32_t bound) { return shared_.below(bound); }

  void doSomething() {
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
      peers_[which] = std::make_unique<ModelPeer>(harness_, harness_.peer(), shared_);
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
  std::vector<std::unique_ptr<ModelPeer>> peers_;
};

// Gives the number of calls that arrived somewhere.
uint64_t live(uint32_t seed, bool links_fail) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  World world(seed, links_fail);
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

}  // namespace
}  // namespace vatmesh::captp
