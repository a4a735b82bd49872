// SPDX-License-Identifier: Apache-2.0
#include "sidecar/restore/metered_store.h"

#include <numeric>

#include "sidecar/restore/grants.h"
#include "tests/fakes/hub_fixture.h"
#include "tests/fakes/test_store.h"

namespace vatmesh::restore {
namespace {

using metrics::StoreOp;
using metrics::StoreResult;

class MeteredStoreTest : public test::HubFixture {
 protected:
  uint64_t count(StoreOp op, StoreResult result) const {
    return counters_.store[metrics::at(op)].results[metrics::at(result)];
  }
};

TEST_F(MeteredStoreTest, CountsAndTimesEveryOperationByItsOutcome) {
  auto owned = std::make_unique<test::TestStore>(
      [this](std::function<void()> f) { loop_.post(std::move(f)); },
      [] { return store::UnixTime(); });
  test::TestStore& inner = *owned;
  MeteredStore metered(loop_, counters_, std::move(owned), nullptr);
  const store::Digest digest = digestOf("id");
  int done = 0;
  const auto finish = [&done](const auto&) { ++done; };
  metered.get(digest, finish);
  metered.put(digest, {}, store::kNoVersion, finish);
  metered.put(digest, {}, store::kNoVersion, finish);
  metered.list({}, 10, finish);
  metered.remove(digest, store::kAnyVersion, finish);
  until([&] { return done == 5; });
  inner.failing = Status(Code::kUnavailable, "away");
  metered.get(digest, finish);
  until([&] { return done == 6; });
  EXPECT_EQ(count(StoreOp::kGet, StoreResult::kNotFound), 1u);
  EXPECT_EQ(count(StoreOp::kGet, StoreResult::kUnavailable), 1u);
  EXPECT_EQ(count(StoreOp::kPut, StoreResult::kOk), 1u);
  EXPECT_EQ(count(StoreOp::kPut, StoreResult::kConflict), 1u);
  EXPECT_EQ(count(StoreOp::kList, StoreResult::kOk), 1u);
  EXPECT_EQ(count(StoreOp::kRemove, StoreResult::kOk), 1u);
  const auto& buckets = counters_.store[metrics::at(StoreOp::kPut)].durations.buckets;
  EXPECT_EQ(std::accumulate(buckets.begin(), buckets.end(), uint64_t{0}), 2u);
}

TEST_F(MeteredStoreTest, TellsOfEveryOutcomeBeforeItIsAnswered) {
  auto owned = std::make_unique<test::TestStore>(
      [this](std::function<void()> f) { loop_.post(std::move(f)); },
      [] { return store::UnixTime(); });
  owned->failing = Status(Code::kFull, "no space left");
  std::vector<Status> outcomes;
  size_t answered = 0;
  MeteredStore metered(loop_, counters_, std::move(owned),
                       [&](const Status& outcome) { outcomes.push_back(outcome); });
  const auto finish = [&](const auto&) { EXPECT_EQ(outcomes.size(), ++answered); };
  const store::Digest digest = digestOf("id");
  metered.get(digest, finish);
  metered.put(digest, {}, store::kNoVersion, finish);
  metered.remove(digest, store::kAnyVersion, finish);
  until([&] { return answered == 3; });
  for (const Status& outcome : outcomes) EXPECT_EQ(outcome.code(), Code::kFull);
}

}  // namespace
}  // namespace vatmesh::restore
