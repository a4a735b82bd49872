// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/loop.h"

#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sidecar/event/io_event.h"
#include "sidecar/event/timer.h"

namespace vatmesh::event {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct ReadyPipe {
  ReadyPipe() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    read = Fd(ends[0]);
    write = Fd(ends[1]);
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
  }
  Fd read, write;
};

TEST(Loop, RunsOneTurnInTheOrderOfItsHeader) {
  Loop loop;
  std::string order;
  struct Tell {
    std::string& order;
    ~Tell() { order += "delete "; }
  };
  ReadyPipe pipe;
  TurnEnd turn_end(loop, [&] { order += "end "; });
  NextTurn next(loop, [&] {
    order += "next ";
    turn_end.arm();
    loop.deferDelete(std::make_unique<Tell>(order));
  });
  IoEvent io(loop, pipe.read.get(), [&] {
    order += "io ";
    io.watch(Interest::kNone);
  });
  next.arm();
  loop.post([&] { order += "post "; });
  io.watch(Interest::kRead);
  ASSERT_TRUE(loop.runUntil([&] { return !order.empty(); }, seconds(5)));
  EXPECT_EQ(order, "io post next end delete ");
}

TEST(Loop, RunsATurnEndOnceHoweverManyEventsArmIt) {
  Loop loop;
  int events = 0, ends = 0;
  TurnEnd end(loop, [&] { ++ends; });
  ReadyPipe pipes[3];
  std::vector<std::unique_ptr<IoEvent>> ios;
  for (ReadyPipe& pipe : pipes) {
    ios.push_back(std::make_unique<IoEvent>(loop, pipe.read.get(), [&, i = ios.size()] {
      ++events;
      ios[i]->watch(Interest::kNone);
      end.arm();
    }));
    ios.back()->watch(Interest::kRead);
  }
  ASSERT_TRUE(loop.runUntil([&] { return events == 3; }, seconds(5)));
  EXPECT_EQ(ends, 1);
}

TEST(Loop, LetsDescriptorsInBetweenTwoNextTurns) {
  Loop loop;
  std::string order;
  ReadyPipe pipe;
  NextTurn next(loop, [&] {
    order += "n";
    if (order.size() < 8) next.arm();
  });
  IoEvent io(loop, pipe.read.get(), [&] { order += "i"; });
  io.watch(Interest::kRead);
  next.arm();
  ASSERT_TRUE(loop.runUntil([&] { return order.size() >= 8; }, seconds(5)));
  EXPECT_EQ(order.substr(0, 8), "inininin");
}

TEST(Loop, RunsTurnEndsArmedByTurnEndsInTheSameTurn) {
  Loop loop;
  uint64_t first_turn = 0, second_turn = 0;
  TurnEnd second(loop, [&] { second_turn = loop.turns(); });
  TurnEnd first(loop, [&] {
    first_turn = loop.turns();
    second.arm();
  });
  first.arm();
  ASSERT_TRUE(loop.runUntil([&] { return second_turn != 0; }, seconds(5)));
  EXPECT_EQ(first_turn, second_turn);
}

TEST(Loop, IsNotStarvedByATurnEndThatArmsItselfForEver) {
  Loop loop;
  bool ready = false;
  ReadyPipe pipe;
  TurnEnd greedy(loop, [&] { greedy.arm(); });
  IoEvent io(loop, pipe.read.get(), [&] { ready = true; });
  io.watch(Interest::kRead);
  greedy.arm();
  EXPECT_TRUE(loop.runUntil([&] { return ready; }, seconds(5)));
}

TEST(Loop, ForgetsHandlesThatDieWhileArmed) {
  Loop loop;
  bool ran = false, died = false;
  auto victim = std::make_unique<TurnEnd>(loop, [&] { ran = true; });
  auto next_victim = std::make_unique<NextTurn>(loop, [&] { ran = true; });
  NextTurn killer_of_next(loop, [&] { next_victim.reset(); });
  TurnEnd killer(loop, [&] {
    victim.reset();
    died = true;
  });
  killer_of_next.arm();
  next_victim->arm();
  killer.arm();
  victim->arm();
  ASSERT_TRUE(loop.runUntil([&] { return died; }, seconds(5)));
  EXPECT_FALSE(ran);
}

TEST(Loop, RunsPostsOfOtherThreadsInOrder) {
  Loop loop;
  std::vector<int> seen;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop.post([&seen, i] { seen.push_back(i); });
  });
  const bool all = loop.runUntil([&] { return seen.size() == 1000; }, seconds(20));
  other.join();
  ASSERT_TRUE(all);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], i);
}

TEST(Loop, RunsAPostMadeByAPostInALaterTurn) {
  Loop loop;
  uint64_t outer = 0, inner = 0;
  loop.post([&] {
    outer = loop.turns();
    loop.post([&] { inner = loop.turns(); });
  });
  ASSERT_TRUE(loop.runUntil([&] { return inner != 0; }, seconds(5)));
  EXPECT_GT(inner, outer);
}

TEST(Loop, DeletesAnObjectInsideItsOwnCallback) {
  Loop loop;
  struct Suicide {
    explicit Suicide(Loop& on, bool& gone)
        : died(gone), timer(on, [this, &on] {
            on.deferDelete(std::unique_ptr<Suicide>(this));
            alive = 1;  // still there
          }) {}
    ~Suicide() { died = true; }
    bool& died;
    int alive = 0;
    Timer timer;
  };
  bool died = false;
  auto* object = new Suicide(loop, died);
  object->timer.arm(milliseconds(0));
  EXPECT_TRUE(loop.runUntil([&] { return died; }, seconds(5)));
}

TEST(Loop, EndsRunAfterStop) {
  Loop loop;
  bool after_stop = false;
  TurnEnd end(loop, [&] { after_stop = true; });
  loop.post([&] {
    end.arm();
    loop.stop();
  });
  loop.run();
  EXPECT_TRUE(after_stop);
}

TEST(Loop, DropsWhatIsStillPostedWhenItDies) {
  auto token = std::make_shared<int>(1);
  {
    Loop loop;
    loop.post([token] { FAIL(); });
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Loop, GivesUpWaitingWhenTheLimitHasPassed) {
  Loop loop;
  EXPECT_FALSE(loop.runUntil([] { return false; }, milliseconds(5)));
}

}  // namespace
}  // namespace vatmesh::event
