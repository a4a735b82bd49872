// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/timer.h"

#include <gtest/gtest.h>

namespace vatmesh::event {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Timer, NeverCallsBackEarly) {
  Loop loop;
  Instant fired = kNever;
  Timer timer(loop, [&] { fired = loop.now(); });
  // A callback that takes long makes the time that libevent has cached old.
  Timer slow(loop, [&] {
    const Instant end = loop.now() + milliseconds(15);
    while (loop.now() < end) {
    }
    timer.arm(milliseconds(10));
  });
  slow.arm(milliseconds(1));
  ASSERT_TRUE(loop.runUntil([&] { return timer.armed(); }, seconds(5)));
  const Instant due = timer.when();
  ASSERT_TRUE(loop.runUntil([&] { return fired != kNever; }, seconds(5)));
  EXPECT_GE(fired, due);
}

TEST(Timer, CallsBackOnce) {
  Loop loop;
  int calls = 0;
  bool done = false;
  Timer timer(loop, [&] { ++calls; });
  Timer last(loop, [&] { done = true; });
  timer.arm(milliseconds(1));
  last.arm(milliseconds(10));
  ASSERT_TRUE(loop.runUntil([&] { return done; }, seconds(5)));
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(timer.armed());
  EXPECT_EQ(timer.when(), kNever);
}

TEST(Timer, CallsBackInALaterTurnWhenItsTimeHasPassed) {
  Loop loop;
  bool called = false;
  Timer timer(loop, [&] { called = true; });
  timer.armAt(loop.now() - seconds(1));
  EXPECT_FALSE(called);
  EXPECT_TRUE(loop.runUntil([&] { return called; }, seconds(5)));
}

TEST(Timer, TakesTheLatestTimeItWasGiven) {
  Loop loop;
  Instant fired = kNever;
  Timer timer(loop, [&] { fired = loop.now(); });
  timer.arm(seconds(60));
  const Instant start = loop.now();
  timer.arm(milliseconds(5));
  ASSERT_TRUE(loop.runUntil([&] { return fired != kNever; }, seconds(20)));
  EXPECT_LT(fired - start, seconds(20));
}

TEST(Timer, StaysSilentWhenCancelledOrDestroyed) {
  Loop loop;
  bool called = false, done = false;
  Timer cancelled(loop, [&] { called = true; });
  auto destroyed = std::make_unique<Timer>(loop, [&] { called = true; });
  Timer never(loop, [&] { called = true; });
  cancelled.arm(milliseconds(1));
  destroyed->arm(milliseconds(1));
  never.arm(milliseconds(1));
  cancelled.cancel();
  destroyed.reset();
  never.armAt(kNever);
  Timer last(loop, [&] { done = true; });
  last.arm(milliseconds(10));
  ASSERT_TRUE(loop.runUntil([&] { return done; }, seconds(5)));
  EXPECT_FALSE(called);
}

TEST(Timer, MayArmItselfAgain) {
  Loop loop;
  int calls = 0;
  Timer timer(loop, [&] {
    if (++calls < 3) timer.arm(milliseconds(1));
  });
  timer.arm(milliseconds(1));
  EXPECT_TRUE(loop.runUntil([&] { return calls == 3; }, seconds(5)));
}

}  // namespace
}  // namespace vatmesh::event
