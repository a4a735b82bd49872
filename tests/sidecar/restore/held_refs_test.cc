// SPDX-License-Identifier: Apache-2.0
//
// When what is in use is found to be over, whatever the clock and the store do meanwhile.
#include "sidecar/restore/held_refs.h"

#include <chrono>

#include <gtest/gtest.h>

#include "sidecar/event/loop.h"
#include "sidecar/restore/grants.h"
#include "tests/fakes/test_store.h"

namespace vatmesh::restore {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class HeldRefsTest : public testing::Test {
 protected:
  HeldRefsTest() { record_.object_ref = "object"; }

  // Makes the record the store's.
  void put(store::Version expected) {
    bool done = false;
    store_.put(digest_, record_, expected, [&](const auto&) { done = true; });
    until([&] { return done; });
  }
  template <typename Done>
  void until(Done done) {
    ASSERT_TRUE(loop_.runUntil(done, seconds(20)));
  }

  event::Loop loop_;
  store::UnixTime now_{seconds(1000)};
  // The store has a clock of its own, in which nothing ends here.
  test::TestStore store_{[this](std::function<void()> f) { loop_.post(std::move(f)); },
                         [] { return store::UnixTime(seconds(0)); }};
  const store::Digest digest_ = digestOf("id");
  store::Record record_;
  std::vector<Status> ended_;
  HeldRefs held_{loop_, store_, [this] { return now_; },
                 [this](const store::Digest&, const Status& why) { ended_.push_back(why); }};
};

TEST_F(HeldRefsTest, EndIsKeptToWhenTheClockIsSetBackJustThen) {
  record_.expires = now_ + milliseconds(20);
  put(store::kNoVersion);
  const HeldRefs::Hold hold = held_.hold(digest_, record_);
  store_.holding = true;
  now_ += milliseconds(20);
  until([this] { return store_.held() == 1; });
  now_ -= milliseconds(20);  // before the store's answer
  store_.release();
  EXPECT_TRUE(ended_.empty());
  now_ += milliseconds(20);
  until([this] { return !ended_.empty(); });
  EXPECT_EQ(ended_, std::vector{hasExpired(digest_)});
}

TEST_F(HeldRefsTest, SealThatWhoeverCameLaterHasReadEndsTheRefForThoseBefore) {
  put(store::kNoVersion);
  const HeldRefs::Hold before = held_.hold(digest_, record_);
  record_.sealed_for = digestOf("somebody");
  put(store::kAnyVersion);
  const HeldRefs::Hold after = held_.hold(digest_, record_);
  held_.changed(digest_);
  until([this] { return !ended_.empty(); });
  EXPECT_EQ(ended_, std::vector{wasRevoked(digest_)});
}

}  // namespace
}  // namespace vatmesh::restore
