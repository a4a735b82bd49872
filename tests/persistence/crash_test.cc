// SPDX-License-Identifier: Apache-2.0
//
// The conformance suite, fourth part: a process that is killed in the place of any call that
// changes a file, before it or in the middle of a write. Opened again, the store has every ref that
// was acknowledged, and of the others all or nothing.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "persistence/store.h"
#include "tests/fakes/disk_faults.h"
#include "tests/persistence/backends.h"

namespace vatmesh::store {
namespace {

constexpr uint64_t kMaxPoints = 500;

// One put or remove; a wave of them is asked at once, and answered before the next wave begins.
struct Step {
  uint64_t key;
  std::optional<Record> record;
};
using Wave = std::vector<Step>;
using State = std::map<uint64_t, std::optional<Record>>;

// Refs are made, alone and many at once, renamed, changed, and taken back.
std::vector<Wave> story() {
  std::vector<Wave> waves;
  for (uint64_t i = 0; i < 3; ++i) waves.push_back({{i, recordOf(i)}});
  waves.emplace_back();
  for (uint64_t i = 10; i < 18; ++i) waves.back().push_back({i, recordOf(i, 3000)});
  Record renamed = recordOf(0);
  renamed.label = "renamed";
  waves.push_back({{0, renamed}, {1, std::nullopt}});
  waves.push_back({{2, recordOf(102, 9000)}});
  waves.push_back({{10, std::nullopt}, {11, recordOf(111)}, {3, recordOf(3)}});
  waves.push_back({{1, recordOf(201)}});
  return waves;
}

// Lives through the story and writes one byte for each wave that was acknowledged whole.
void live(const Backend& backend, const std::string& folder, WallClock clock, int report) {
  StoreClient client(backend, folder, std::move(clock));
  State state;
  for (const Wave& wave : story()) {
    size_t answers = 0, good = 0;
    const auto answered = [&](const Status& status) {
      ++answers;
      good += status.ok() ? 1 : 0;
    };
    for (const Step& step : wave) {
      const std::optional<Record>& old = state[step.key];
      const Version expected = old ? versionOf(*old) : kNoVersion;
      if (step.record) {
        client.store().put(digestOf(step.key), *step.record, expected,
                           [&](Result<Version> result) { answered(result.status()); });
      } else {
        client.store().remove(digestOf(step.key), expected, answered);
      }
      state[step.key] = step.record;
    }
    client.loop().runUntil([&] { return answers == wave.size(); });
    if (good != wave.size() || ::write(report, "w", 1) != 1) return;
  }
}

class CrashTest : public BackendTest {
 protected:
  // Runs the story in a process of its own, which dies at `call` (0: never). Returns the number of
  // waves that were acknowledged, and in `calls` the changing calls of a story that ended.
  size_t liveAndDie(const std::string& folder, uint64_t call, test::DiskFaults::Tear tear,
                    uint64_t* calls = nullptr) {
    int report[2];
    EXPECT_EQ(::pipe(report), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(report[0]);
      test::DiskFaults disk(folder);
      disk.skipSync();  // what was written outlives a process anyway
      disk.killAt(call, tear);
      live(GetParam(), folder, clock_.clock(), report[1]);
      const uint64_t count = disk.calls();
      (void)!::write(report[1], &count, sizeof(count));
      ::_exit(0);
    }
    ::close(report[1]);
    std::string told;
    char buffer[64];
    for (ssize_t n; (n = ::read(report[0], buffer, sizeof(buffer))) > 0;) told.append(buffer, n);
    ::close(report[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    died_ = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    EXPECT_TRUE(died_ || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) << status;
    if (died_) return told.size();
    uint64_t count = 0;
    std::copy(told.end() - sizeof(count), told.end(), reinterpret_cast<char*>(&count));
    if (calls != nullptr) *calls = count;
    return told.size() - sizeof(count);
  }

  // What may be there after `waves` were acknowledged: for each key, what was, or what the next
  // wave was about to make of it.
  void expectState(const std::string& folder, size_t waves) {
    State acknowledged, next;
    const std::vector<Wave> all = story();
    for (size_t i = 0; i <= waves && i < all.size(); ++i) {
      for (const Step& step : all[i]) (i < waves ? acknowledged : next)[step.key] = step.record;
    }
    StoreClient client(GetParam(), folder, clock_.clock());
    std::vector<uint64_t> keys{999};
    for (const auto& [key, record] : acknowledged) keys.push_back(key);
    for (const auto& [key, record] : next) keys.push_back(key);
    for (uint64_t key : keys) {
      const Result<Stored> stored = client.get(digestOf(key));
      ASSERT_TRUE(stored.ok() || stored.status().code() == Code::kNotFound)
          << stored.status().toString();
      const std::optional<Record> found =
          stored.ok() ? std::optional(stored->record) : std::nullopt;
      const bool may_be_next = next.contains(key) && found == next[key];
      EXPECT_TRUE(found == acknowledged[key] || may_be_next) << "key " << key;
    }
    // It goes on: what was cut short can be done again.
    const Result<Stored> stored = client.get(digestOf(10));
    const Version version = stored.ok() ? stored->version : kNoVersion;
    EXPECT_TRUE(client.put(digestOf(10), recordOf(1010), version).ok());
    EXPECT_EQ(client.get(digestOf(10))->record, recordOf(1010));
    const Result<Page> page = client.list("", kMaxPage);
    ASSERT_TRUE(page.ok());
    for (const Listed& listed : page->refs) EXPECT_TRUE(listed.stored.ok());
  }

  bool died_ = false;
};

TEST_P(CrashTest, LosesNothingAcknowledgedWhereverItIsKilled) {
  uint64_t calls = 0;
  {
    test::TempDir folder(dir_.path());
    ASSERT_EQ(liveAndDie(folder.path(), 0, test::DiskFaults::Tear::kNothing, &calls),
              story().size());
    expectState(folder.path(), story().size());
  }
  ASSERT_GT(calls, 50u);
  // Both ways to die at each call, or at as many calls as the bound allows, evenly spread.
  const uint64_t points = std::min(2 * calls, kMaxPoints);
  size_t deaths = 0;
  for (uint64_t point = 0; point < points && !HasFailure(); ++point) {
    const uint64_t at = point * 2 * calls / points;
    const auto tear =
        at % 2 == 0 ? test::DiskFaults::Tear::kNothing : test::DiskFaults::Tear::kHalf;
    SCOPED_TRACE("killed at call " + std::to_string(at / 2 + 1) + " of " + std::to_string(calls) +
                 (at % 2 == 0 ? ", before it" : ", in the middle of it"));
    test::TempDir folder(dir_.path());
    const size_t waves = liveAndDie(folder.path(), at / 2 + 1, tear);
    deaths += died_ ? 1 : 0;
    test::DiskFaults quick(folder.path());
    quick.skipSync();
    expectState(folder.path(), waves);
  }
  // Threads don't always make the same number of calls, so the last few points may lie behind the
  // end.
  EXPECT_GT(deaths, points * 9 / 10);
  std::printf("%zu deaths at %llu calls\n", deaths, static_cast<unsigned long long>(calls));
}

INSTANTIATE_TEST_SUITE_P(All, CrashTest,
                         testing::Values(fileBackend(), sqliteBackend(), cachedBackend()),
                         backendName);

}  // namespace
}  // namespace vatmesh::store
