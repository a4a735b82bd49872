// SPDX-License-Identifier: Apache-2.0
//
// The conformance suite, fifth part: several threads and several processes that opened one store.
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "persistence/store.h"
#include "tests/fakes/disk_faults.h"
#include "tests/persistence/backends.h"

namespace vatmesh::store {
namespace {

class StoreRace : public BackendTest {
 protected:
  StoreRace() { disk_.skipSync(); }

  // Runs `work` in `count` processes at once; each must return true.
  void inProcesses(int count, const std::function<bool(int)>& work) {
    std::vector<pid_t> children;
    for (int i = 0; i < count; ++i) {
      const pid_t child = ::fork();
      if (child == 0) ::_exit(work(i) ? 0 : 1);
      children.push_back(child);
    }
    for (pid_t child : children) {
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    }
  }

  // Adds one to the generation of the ref under `key`, as often as it takes.
  static bool increment(StoreClient& client, uint64_t key) {
    while (true) {
      const Result<Stored> stored = client.get(digestOf(key));
      if (!stored.ok()) return false;
      Record record = stored->record;
      ++record.generation;
      const Status status = client.put(digestOf(key), record, stored->version).status();
      if (status.ok()) return true;
      if (status.code() != Code::kConflict) return false;
    }
  }

  void makeCounter() {
    Record zero;
    ASSERT_TRUE(open()->put(digestOf(0), zero, kNoVersion).ok());
  }

  test::DiskFaults disk_{dir_.path()};
};

TEST_P(StoreRace, LosesNoUpdateOfThreads) {
  constexpr int kThreads = 4, kTimes = 25;
  makeCounter();
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      const auto client = open();
      for (int n = 0; n < kTimes; ++n) EXPECT_TRUE(increment(*client, 0));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(open()->get(digestOf(0))->record.generation, uint64_t{kThreads * kTimes});
}

TEST_P(StoreRace, LosesNoUpdateOfProcesses) {
  constexpr int kProcesses = 4, kTimes = 25;
  makeCounter();
  inProcesses(kProcesses, [&](int) {
    const auto client = open();
    for (int n = 0; n < kTimes; ++n) {
      if (!increment(*client, 0)) return false;
    }
    return true;
  });
  EXPECT_EQ(open()->get(digestOf(0))->record.generation, uint64_t{kProcesses * kTimes});
}

TEST_P(StoreRace, LetsOneProcessMakeARef) {
  constexpr int kProcesses = 4, kRefs = 30;
  // Each notes in its own ref how many it made. The store itself is made in the race too.
  inProcesses(kProcesses, [&](int me) {
    const auto client = open();
    Record mine;
    for (uint64_t i = 0; i < kRefs; ++i) {
      Record record = recordOf(i);
      record.generation = static_cast<uint64_t>(me);
      const Status status = client->put(digestOf(i), record, kNoVersion).status();
      if (!status.ok() && status.code() != Code::kConflict) return false;
      mine.generation += status.ok() ? 1 : 0;
    }
    return client->put(digestOf(1000 + static_cast<uint64_t>(me)), mine, kNoVersion).ok();
  });
  const auto client = open();
  uint64_t made = 0;
  for (uint64_t i = 0; i < kProcesses; ++i) {
    made += client->get(digestOf(1000 + i))->record.generation;
  }
  EXPECT_EQ(made, uint64_t{kRefs});
  client->close();
}

TEST_P(StoreRace, TellsAWatchWithinASecondWhatAnotherProcessChanged) {
  makeCounter();
  const auto client = open();
  int told = 0;
  const auto watch = client->store().watch([&](auto) { ++told; });
  // The first word comes at once and says that all may have changed.
  ASSERT_TRUE(client->loop().runUntil([&] { return told > 0; }));
  const int before = told;
  const auto started = std::chrono::steady_clock::now();
  std::thread other([&] {
    const auto another = open();
    EXPECT_TRUE(increment(*another, 0));
  });
  EXPECT_TRUE(client->loop().runUntil([&] { return told > before; }));
  const auto took = std::chrono::steady_clock::now() - started;
  other.join();
  EXPECT_LE(BlockingOptions().poll, std::chrono::milliseconds(500));
  EXPECT_LT(took, std::chrono::seconds(10)) << "a second, on a machine that is not busy";
}

TEST_P(StoreRace, ReadsWholeRecordsWhileAnotherWrites) {
  const auto writer = open(), reader = open();
  Version version = *writer->put(digestOf(1), recordOf(1, 5000), kNoVersion);
  for (uint64_t i = 2; i < 60; ++i) {
    std::optional<Result<Version>> answer;
    writer->store().put(digestOf(1), recordOf(i, 5000), version,
                        [&](Result<Version> result) { answer = std::move(result); });
    while (!answer) {
      const Result<Stored> stored = reader->get(digestOf(1));
      ASSERT_TRUE(stored.ok()) << stored.status().toString();
      ASSERT_EQ(stored->record, recordOf(stored->record.generation, 5000));
      writer->loop().drain();
    }
    ASSERT_TRUE(answer->ok());
    version = **answer;
  }
  writer->close();
  reader->close();
}

INSTANTIATE_TEST_SUITE_P(All, StoreRace,
                         testing::Values(fileBackend(), sqliteBackend(), cachedBackend()),
                         backendName);

}  // namespace
}  // namespace vatmesh::store
