// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/question_table.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace vatmesh::captp {
namespace {

TEST(IntervalSet, IsASetAndCountsItsRuns) {
  std::mt19937 random(7);
  IntervalSet set;
  std::set<uint32_t> model;
  for (int step = 0; step < 20000; ++step) {
    const auto value = static_cast<uint32_t>(random() % 300);
    ASSERT_EQ(set.contains(value), model.contains(value));
    if (model.contains(value)) {
      set.remove(value);
      model.erase(value);
    } else {
      set.add(value);
      model.insert(value);
    }
    size_t runs = 0;
    for (uint32_t each : model) runs += each == 0 || !model.contains(each - 1);
    ASSERT_EQ(set.runs(), runs);
    ASSERT_EQ(set.size(), model.size());
  }
}

TEST(QuestionTable, GivesTheLowestFreeId) {
  QuestionTable table;
  for (uint32_t id = 0; id < 5; ++id) EXPECT_EQ(table.allocate().first.value, id);
  table.erase(QuestionId{3});
  table.erase(QuestionId{1});
  EXPECT_EQ(table.allocate().first.value, 1u);
  EXPECT_EQ(table.allocate().first.value, 3u);
  EXPECT_EQ(table.allocate().first.value, 5u);
}

TEST(QuestionTable, UsesAForgottenIdAgainAfterItsReturn) {
  QuestionTable table;
  table.forget(table.allocate().first);
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.find(QuestionId{0}), nullptr);
  EXPECT_EQ(table.allocate().first.value, 1u);
  EXPECT_TRUE(table.recall(QuestionId{0}));
  EXPECT_FALSE(table.recall(QuestionId{0}));  // a second Return is no question's
  EXPECT_FALSE(table.recall(QuestionId{1}));
  EXPECT_EQ(table.allocate().first.value, 0u);
}

// A peer that never returns what was canceled, with calls of all ages beside.
TEST(QuestionTable, StaysSmallHoweverManyAreForgotten) {
  std::mt19937 random(1);
  QuestionTable table;
  std::vector<QuestionId> live;
  for (uint32_t step = 0; step < 200000; ++step) {
    live.push_back(table.allocate().first);
    if (live.size() < 50) continue;
    const size_t at = random() % live.size();
    if (random() % 2 == 0) {
      table.forget(live[at]);
    } else {
      table.erase(live[at]);
    }
    live.erase(live.begin() + static_cast<ptrdiff_t>(at));
  }
  EXPECT_EQ(table.size(), 49u);
  EXPECT_GT(table.forgotten(), 90000u);
  EXPECT_LE(table.forgottenRuns(), 51u);
}

TEST(QuestionTable, BoundsTheRunsThatLateReturnsMake) {
  QuestionTable table;
  constexpr uint32_t kMany = 10 * QuestionTable::kMaxRuns;
  for (uint32_t i = 0; i < kMany; ++i) table.forget(table.allocate().first);
  for (uint32_t i = 0; i < kMany; i += 2) EXPECT_TRUE(table.recall(QuestionId{i}));
  EXPECT_EQ(table.forgottenRuns(), QuestionTable::kMaxRuns);
  // What was not taken back is not given out a second time while a Return may come.
  EXPECT_EQ(table.allocate().first.value, 0u);
}

TEST(QuestionTable, IsFullWhenNoIdIsLeft) {
  QuestionTable table(3);
  for (int i = 0; i < 3; ++i) table.forget(table.allocate().first);
  EXPECT_TRUE(table.full());
  EXPECT_TRUE(table.recall(QuestionId{1}));
  EXPECT_FALSE(table.full());
}

}  // namespace
}  // namespace vatmesh::captp
