// SPDX-License-Identifier: Apache-2.0
#include "persistence/blocking_store.h"

#include <atomic>
#include <latch>
#include <map>

#include <gtest/gtest.h>

#include "persistence/texts.h"
#include "tests/fakes/test_loop.h"
#include "tests/persistence/backends.h"

namespace vatmesh::store {
namespace {

// What the sessions of a test share: batches as they came, and a gate before which all wait.
struct Script {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = true;
  std::vector<size_t> batches;
  Status write_error;
  std::atomic<int> waiting = 0, sessions = 0, sweeps = 0;

  void pass() {
    ++waiting;
    std::unique_lock lock(mutex);
    changed.notify_all();
    changed.wait(lock, [this] { return open; });
    --waiting;
  }
  void set(bool is_open) {
    std::lock_guard lock(mutex);
    open = is_open;
    changed.notify_all();
  }
  void awaitWaiting(int count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting >= count; });
  }
};

class ScriptedSession : public Session {
 public:
  explicit ScriptedSession(Script& script) : script_(script) { ++script_.sessions; }
  ~ScriptedSession() override { --script_.sessions; }

  Result<Stored> get(const Digest& digest) override {
    script_.pass();
    return notFound(digest);
  }
  Result<Page> list(const std::string&, size_t) override { return Page(); }
  std::vector<Result<Version>> write(std::span<const Write> batch) override {
    script_.pass();
    std::lock_guard lock(script_.mutex);
    script_.batches.push_back(batch.size());
    const Status& error = script_.write_error;
    return std::vector<Result<Version>>(batch.size(),
                                        error.ok() ? Result<Version>(1) : Result<Version>(error));
  }
  Status health() override { return {}; }
  void sweep() override {
    ++script_.sweeps;
    script_.changed.notify_all();
  }
  Changes poll() override { return {}; }

 private:
  Script& script_;
};

class BlockingStoreTest : public testing::Test {
 protected:
  std::unique_ptr<BlockingStore> open(BlockingOptions options = {}) {
    return std::make_unique<BlockingStore>(
        loop_.post(), [this] { return std::make_unique<ScriptedSession>(script_); }, options);
  }
  void put(Store& store, uint64_t key) {
    store.put(digestOf(key), Record(), kNoVersion, [this](Result<Version> result) {
      ++answers_;
      if (!result.ok()) ++errors_;
    });
  }
  bool runUntilAnswers(int count) {
    return loop_.runUntil([&] { return answers_ >= count; });
  }

  test::TestLoop loop_;
  Script script_;
  int answers_ = 0, errors_ = 0;
};

TEST_F(BlockingStoreTest, GivesTogetherWhatWaitedWhileABatchWasUnderWay) {
  const auto store = open({.max_batch = 8});
  script_.set(false);
  put(*store, 0);
  script_.awaitWaiting(1);
  for (uint64_t i = 1; i <= 10; ++i) put(*store, i);
  script_.set(true);
  ASSERT_TRUE(runUntilAnswers(11));
  EXPECT_EQ(script_.batches, (std::vector<size_t>{1, 8, 2}));
}

TEST_F(BlockingStoreTest, ReadsWhileAWriteIsUnderWay) {
  const auto store = open({.readers = 2});
  script_.set(false);
  put(*store, 0);
  script_.awaitWaiting(1);
  // Both readers come as far as the gate, though the writer stands there.
  store->get(digestOf(1), [&](auto) { ++answers_; });
  store->get(digestOf(2), [&](auto) { ++answers_; });
  script_.awaitWaiting(3);
  script_.set(true);
  EXPECT_TRUE(runUntilAnswers(3));
}

TEST_F(BlockingStoreTest, RefusesWhatIsAboveTheBoundLaterOnTheLoop) {
  const auto store = open({.max_waiting = 3});
  script_.set(false);
  put(*store, 0);
  script_.awaitWaiting(1);
  for (uint64_t i = 1; i <= 5; ++i) put(*store, i);
  EXPECT_EQ(answers_, 0);
  ASSERT_TRUE(runUntilAnswers(2));
  EXPECT_EQ(errors_, 2);
  script_.set(true);
  ASSERT_TRUE(runUntilAnswers(6));
  EXPECT_EQ(errors_, 2);
}

TEST_F(BlockingStoreTest, BoundsTheBytesThatWaitToo) {
  const auto store = open({.max_waiting_bytes = 100'000});
  const auto putLarge = [&] {
    store->put(digestOf(1), recordOf(1, 40'000), kNoVersion, [this](Result<Version> result) {
      ++answers_;
      if (!result.ok()) ++errors_;
    });
  };
  script_.set(false);
  put(*store, 0);
  script_.awaitWaiting(1);
  for (int i = 0; i < 3; ++i) putLarge();
  ASSERT_TRUE(runUntilAnswers(1));
  EXPECT_EQ(errors_, 1);
  script_.set(true);
  ASSERT_TRUE(runUntilAnswers(4));
  for (int i = 0; i < 2; ++i) putLarge();
  ASSERT_TRUE(runUntilAnswers(6));
  EXPECT_EQ(errors_, 1);
}

TEST_F(BlockingStoreTest, TellsAFailedWriteAsItsHealthUntilOneSucceeds) {
  const auto store = open();
  Status health(Code::kTimeout, "");
  const auto ask = [&] {
    bool told = false;
    store->health([&](Status status) {
      health = std::move(status);
      told = true;
    });
    return loop_.runUntil([&] { return told; });
  };
  script_.write_error = Status(Code::kFull, "no space");
  put(*store, 1);
  ASSERT_TRUE(runUntilAnswers(1) && ask());
  EXPECT_EQ(health.code(), Code::kFull);
  // A conflict says nothing about the disk.
  script_.write_error = Status(Code::kConflict, "changed");
  put(*store, 1);
  ASSERT_TRUE(runUntilAnswers(2) && ask());
  EXPECT_EQ(health.code(), Code::kFull);
  script_.write_error = {};
  put(*store, 1);
  ASSERT_TRUE(runUntilAnswers(3) && ask());
  EXPECT_TRUE(health.ok());
}

TEST_F(BlockingStoreTest, EndsItsThreadsAndTheirSessions) {
  {
    const auto store = open({.readers = 3});
    const auto watch = store->watch([](auto) {});
    put(*store, 1);
    ASSERT_TRUE(runUntilAnswers(1));
    EXPECT_GE(script_.sessions, 1);
  }
  EXPECT_EQ(script_.sessions, 0);
}

TEST_F(BlockingStoreTest, SweepsThoughNobodyWritesAndThoughSomebodyAlwaysDoes) {
  const auto store = open({.sweep = std::chrono::milliseconds(1)});
  const auto awaitSweeps = [&](int count) {
    std::unique_lock lock(script_.mutex);
    return script_.changed.wait_for(lock, std::chrono::minutes(1),
                                    [&] { return script_.sweeps >= count; });
  };
  EXPECT_TRUE(awaitSweeps(3));
  const int before = script_.sweeps;
  for (int i = 0; i < 1'000'000 && script_.sweeps == before; ++i) {
    put(*store, 1);
    ASSERT_TRUE(runUntilAnswers(i + 1));
  }
  EXPECT_GT(script_.sweeps, before);
}

}  // namespace
}  // namespace vatmesh::store
