// SPDX-License-Identifier: Apache-2.0
#include "sidecar/restore/store_health.h"

#include "tests/fakes/hub_fixture.h"
#include "tests/fakes/test_store.h"

namespace vatmesh::restore {
namespace {

using std::chrono::milliseconds;

class StoreHealthTest : public test::HubFixture {
 protected:
  static constexpr StoreHealth::Times kBrief{
      .well = milliseconds(5), .ill = milliseconds(5), .patience = milliseconds(50)};

  test::TestStore store_{[this](std::function<void()> f) { loop_.post(std::move(f)); },
                         store::WallClock([] { return store::UnixTime(); })};
};

TEST_F(StoreHealthTest, TellsWhenTheStoreCantBeUsedAndWhenItIsBack) {
  StoreHealth health(loop_, log_, store_, kBrief);
  int back = 0;
  health.observe([&] { ++back; });
  EXPECT_FALSE(health.status().ok());
  until([&] { return health.status().ok(); });
  EXPECT_EQ(back, 1);
  EXPECT_FALSE(logged("store"));  // there is nothing to tell
  store_.failing = Status(Code::kUnavailable, "disk is away");
  until([&] { return !health.status().ok(); });
  EXPECT_EQ(health.status(), store_.failing);
  EXPECT_TRUE(logged("the store can't be used: disk is away; trying again"));
  store_.failing = Status();
  until([&] { return health.status().ok(); });
  EXPECT_EQ(back, 2);
  EXPECT_TRUE(logged("the store is back"));
}

TEST_F(StoreHealthTest, GivesUpOnAStoreThatGivesNoAnswerUntilItGivesOne) {
  store_.holding = true;
  StoreHealth health(loop_, log_, store_, kBrief);
  until([&] { return health.status().code() == Code::kTimeout; });
  EXPECT_EQ(store_.held(), 1u);
  turns(10);
  EXPECT_EQ(store_.held(), 1u);  // asked once
  store_.release();
  until([&] { return health.status().ok(); });
}

TEST_F(StoreHealthTest, AsksAtOnceWhenAnOperationHasFailed) {
  StoreHealth health(loop_, log_, store_, {});
  until([&] { return health.status().ok(); });
  store_.failing = Status(Code::kUnavailable, "disk is away");
  health.report(Status(Code::kNotFound, "no such ref"));
  turns();
  EXPECT_TRUE(health.status().ok());  // the next question is seconds away
  health.report(store_.failing);
  turns();
  EXPECT_EQ(health.status(), store_.failing);
}

}  // namespace
}  // namespace vatmesh::restore
