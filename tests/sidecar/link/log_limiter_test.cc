// SPDX-License-Identifier: Apache-2.0
#include "sidecar/link/log_limiter.h"

#include <vector>

#include <gtest/gtest.h>

namespace vatmesh::link {
namespace {

using Lines = std::vector<std::string>;

class LogLimiterTest : public testing::Test {
 protected:
  void write(LogLimiter& limiter, int number, std::string_view cause = "cause") {
    limiter.write(LogLevel::kInfo, "part", cause, "line " + std::to_string(number));
  }

  event::Loop loop_;
  Lines lines_;
  Logger log_{LogLevel::kInfo, LogFormat::kText,
              [this](std::string_view line) { lines_.emplace_back(line); }};
};

constexpr LogLimiter::Rate kSlow = {.burst = 2, .interval = std::chrono::hours(1)};

TEST_F(LogLimiterTest, WritesABurstAndThenTheLastWithTheNumberOfTheOthers) {
  LogLimiter limiter(loop_, log_, {.burst = 2, .interval = std::chrono::milliseconds(20)});
  for (int i = 1; i <= 5; ++i) write(limiter, i);
  EXPECT_EQ(lines_, (Lines{"info part: line 1", "info part: line 2"}));
  ASSERT_TRUE(loop_.runUntil([&] { return lines_.size() == 3; }, std::chrono::seconds(20)));
  EXPECT_EQ(lines_.back(), "info part: line 5 … 2 more like this");
}

TEST_F(LogLimiterTest, GivesEachCauseItsOwnBurst) {
  LogLimiter limiter(loop_, log_, kSlow);
  for (int i = 1; i <= 3; ++i) write(limiter, i);
  write(limiter, 4, "another");
  EXPECT_EQ(lines_, (Lines{"info part: line 1", "info part: line 2", "info part: line 4"}));
}

TEST_F(LogLimiterTest, WritesWhatItHoldsAtItsEnd) {
  {
    LogLimiter limiter(loop_, log_, kSlow);
    for (int i = 1; i <= 3; ++i) write(limiter, i);
  }
  EXPECT_EQ(lines_.back(), "info part: line 3");
}

TEST_F(LogLimiterTest, HoldsNothingOfALevelThatIsNotLogged) {
  LogLimiter limiter(loop_, log_, kSlow);
  for (int i = 0; i < 9; ++i) limiter.write(LogLevel::kDebug, "part", "cause", "unseen");
  write(limiter, 1);
  EXPECT_EQ(lines_, (Lines{"info part: line 1"}));
}

}  // namespace
}  // namespace vatmesh::link
