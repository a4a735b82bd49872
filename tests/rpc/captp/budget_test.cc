// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/budget.h"

#include <gtest/gtest.h>

#include "rpc/captp/outbox.h"

namespace vatmesh::captp {
namespace {

constexpr LinkId kA{0, 1};
constexpr LinkId kB{1, 1};

uint64_t sent(const Budget& budget, LinkId link) {
  return budget.of(link)[static_cast<size_t>(Load::kSent)];
}

TEST(Budget, CountsByLinkByLoadAndTogether) {
  Budget budget(1000);
  budget.open(kA, 100);
  budget.open(kB, 100);
  budget.add(kA, Load::kSent, 10);
  budget.add(kA, Load::kResults, 20);
  budget.add(kB, Load::kSent, 5);
  EXPECT_EQ(budget.total(), 35u);
  EXPECT_EQ(budget.of(Load::kSent), 15u);
  EXPECT_EQ(budget.heldFor(kA), 30u);
  EXPECT_EQ(budget.asked(kA), 10u);
  EXPECT_TRUE(budget.hasRoom(965));
  EXPECT_FALSE(budget.hasRoom(966));
  budget.remove(kA, Load::kResults, 20);
  EXPECT_EQ(budget.heldFor(kA), 10u);
}

TEST(Budget, GivesWhatALostLinkLeavesToNobody) {
  Budget budget(1000);
  budget.open(kA, 100);
  budget.add(kA, Load::kSent, 10);
  budget.close(kA);
  EXPECT_EQ(sent(budget, LinkId()), 10u);
  // The next link in its place starts with nothing.
  const LinkId again{0, 2};
  budget.open(again, 100);
  EXPECT_EQ(budget.heldFor(again), 0u);
  budget.remove(kA, Load::kSent, 10);
  EXPECT_EQ(budget.total(), 0u);
  EXPECT_EQ(budget.heldFor(again), 0u);
}

TEST(Budget, IsAboveUntilHalf) {
  Budget budget(1000);
  budget.open(kA, 100);
  budget.add(kA, Load::kSent, 60);
  budget.add(kA, Load::kResults, 500);  // asks for nothing more
  EXPECT_FALSE(budget.above(kA));
  budget.add(kA, Load::kWaiting, 41);
  EXPECT_TRUE(budget.above(kA));
  EXPECT_EQ(budget.takeChanged(), std::vector<LinkId>{kA});
  budget.remove(kA, Load::kWaiting, 41);
  EXPECT_TRUE(budget.above(kA));
  EXPECT_FALSE(budget.anyChanged());
  budget.remove(kA, Load::kSent, 10);
  EXPECT_FALSE(budget.above(kA));
  EXPECT_EQ(budget.takeChanged(), std::vector<LinkId>{kA});
}

TEST(Budget, KeepsAPressedLinkAboveUntilAQuarter) {
  Budget budget(1000);
  budget.open(kA, 100);
  budget.add(kA, Load::kSent, 40);
  budget.press(kA);
  EXPECT_TRUE(budget.above(kA));
  budget.remove(kA, Load::kSent, 29);
  EXPECT_TRUE(budget.above(kA));
  budget.remove(kA, Load::kSent, 1);
  EXPECT_FALSE(budget.above(kA));
  budget.add(kA, Load::kSent, 90);
  EXPECT_FALSE(budget.above(kA));  // the usual bound holds again
}

TEST(Charge, EndsOnceWhereverItWasMoved) {
  Budget budget(1000);
  budget.open(kA, 100);
  {
    Charge first(budget, kA, Load::kWaiting, 7);
    Charge second = std::move(first);
    EXPECT_EQ(budget.total(), 7u);
    second = Charge(budget, kA, Load::kWaiting, 9);
    EXPECT_EQ(budget.total(), 9u);
    second.reset();
    EXPECT_EQ(budget.total(), 0u);
    first = Charge(budget, kA, Load::kWaiting, 3);
  }
  EXPECT_EQ(budget.total(), 0u);
}

TEST(Outbox, ChargesAFrameUntilItsLastByteIsWritten) {
  Budget budget(1000);
  budget.open(kA, 500);
  budget.open(kB, 500);
  Outbox outbox(budget);
  outbox.push(kA, 100, 130);
  outbox.push(kB, 50, 60);
  EXPECT_EQ(outbox.bytes(), 150u);
  outbox.written(99);
  EXPECT_EQ(outbox.bytes(), 51u);
  EXPECT_EQ(sent(budget, kA), 130u);
  outbox.written(11);
  EXPECT_EQ(sent(budget, kA), 0u);
  EXPECT_EQ(sent(budget, kB), 60u);
  outbox.written(40);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(budget.total(), 0u);
}

TEST(Outbox, KeepsItsOrderWhenItGrowsInTheMiddle) {
  Budget budget(1 << 20);
  Outbox outbox(budget);
  uint64_t next_in = 1;
  uint64_t next_out = 1;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 20; ++i, ++next_in) outbox.push({}, next_in, next_in);
    for (int i = 0; i < 13; ++i) outbox.written(next_out++);
    uint64_t expected = next_out;
    outbox.forEach([&](LinkId, uint64_t bytes) { EXPECT_EQ(bytes, expected++); });
    EXPECT_EQ(expected, next_in);
  }
  outbox.clear();
  EXPECT_EQ(budget.total(), 0u);
}

}  // namespace
}  // namespace vatmesh::captp
