// SPDX-License-Identifier: Apache-2.0
//
// The fuzzer itself: that runs are what their seed says, and that it sees what goes wrong.
#include <gtest/gtest.h>

#include "tests/fuzz/world.h"

namespace vatmesh::fuzz {
namespace {

TEST(Fuzz, PlaysTheSameRunTwice) {
  size_t messages = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    std::vector<std::string> first{""};
    std::vector<std::string> second{""};
    EXPECT_EQ(play(makeRun(seed), &first), "");
    EXPECT_EQ(play(makeRun(seed), &second), "");
    EXPECT_EQ(first, second) << "seed " << seed;
    messages += first.size();
  }
  EXPECT_GT(messages, 1000u);
}

TEST(ShadowWorld, FailsWhenACallIsOvertaken) {
  ShadowWorld world;
  Shadow object = world.add(ShadowWorld::State::kObject);
  CallContent first{world.newCall(object, 1, 1).id, object, 1, 1, {}, {}};
  CallContent second{world.newCall(object, 1, 2).id, object, 1, 2, {}, {}};
  world.delivered(second, object);
  EXPECT_EQ(world.failure, "");
  world.delivered(first, object);
  EXPECT_EQ(world.failure, "order: call 1 (number 1 of reference 1) arrived behind number 2");
}

TEST(ShadowWorld, FailsWhenACallArrivesTwice) {
  ShadowWorld world;
  Shadow object = world.add(ShadowWorld::State::kObject);
  CallContent call{world.newCall(object, 1, 1).id, object, 1, 1, {}, {}};
  world.delivered(call, object);
  world.delivered(call, object);
  EXPECT_EQ(world.failure, "call 1 (number 1 of reference 1) arrived twice");
}

TEST(ShadowWorld, KnowsAnObjectBehindPromises) {
  ShadowWorld world;
  Shadow object = world.add(ShadowWorld::State::kObject);
  Shadow other = world.add(ShadowWorld::State::kObject);
  Shadow promise = world.add(ShadowWorld::State::kPromise);
  Shadow outer = world.add(ShadowWorld::State::kPromise);
  CallContent first{world.newCall(outer, 1, 1).id, outer, 1, 1, {}, {}};
  CallContent second{world.newCall(outer, 1, 2).id, outer, 1, 2, {}, {}};
  EXPECT_TRUE(world.unite(outer, promise));
  EXPECT_TRUE(world.unite(promise, object));
  EXPECT_FALSE(world.unite(outer, promise));
  world.delivered(first, object);
  EXPECT_EQ(world.failure, "");
  world.delivered(second, other);
  EXPECT_NE(world.failure, "");
}

TEST(ShadowWorld, SeesACircleThatOnlySeveralPromisesMake) {
  ShadowWorld world;
  const auto promise = [&] { return world.add(ShadowWorld::State::kPromise); };
  std::array<Shadow, kSlots> promises;
  std::array<Shadow, kSlots> targets;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    promises[slot] = promise();
    targets[slot] = promise();
  }
  EXPECT_TRUE(world.canUnite(promises, targets));
  targets[0] = promises[1];
  EXPECT_TRUE(world.canUnite(promises, targets));
  targets[1] = promises[0];
  EXPECT_FALSE(world.canUnite(promises, targets));
}

TEST(ShadowWorld, FailsWhenACallFailsWithoutAReason) {
  ShadowWorld world;
  Shadow broken = world.add(ShadowWorld::State::kPromise);
  Shadow object = world.add(ShadowWorld::State::kObject);
  uint32_t first = world.newCall(broken, 1, 1).id;
  uint32_t second = world.newCall(object, 2, 1).id;
  world.breakPromise(broken);
  world.returned(first, Outcome::kException, "broken", 0);
  EXPECT_EQ(world.failure, "");
  world.returned(second, Outcome::kException, "gone", 0);
  EXPECT_EQ(world.failure, "call 2 (number 1 of reference 2) failed without a reason: gone");
}

TEST(ShadowWorld, FailsWhenACallNeverReturns) {
  ShadowWorld world;
  world.newCall(world.add(ShadowWorld::State::kObject), 1, 1);
  world.checkCalls(false);
  EXPECT_EQ(world.failure, "call 1 (number 1 of reference 1) never returned");
}

}  // namespace
}  // namespace vatmesh::fuzz
