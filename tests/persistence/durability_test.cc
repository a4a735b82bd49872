// SPDX-License-Identifier: Apache-2.0
//
// The conformance suite, second part: what a store on a disk does when the disk or the process
// fails.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <gtest/gtest.h>

#include "persistence/store.h"
#include "tests/fakes/disk_faults.h"
#include "tests/persistence/backends.h"

namespace vatmesh::store {
namespace {

class DurableStore : public BackendTest {
 protected:
  // Takes the store's files away, or puts them back.
  void move(const std::string& from, const std::string& to) {
    for (const std::string& file : GetParam().files) {
      std::error_code ignored;
      std::filesystem::rename(dir_ / (from + file), dir_ / (to + file), ignored);
    }
  }
  bool filesExist() const {
    return std::any_of(GetParam().files.begin(), GetParam().files.end(),
                       [&](const auto& file) { return std::filesystem::exists(dir_ / file); });
  }
};

TEST_P(DurableStore, KeepsRefsWhenOpenedAgain) {
  ASSERT_EQ(open()->putAll(0, 20), 20u);
  const auto client = open();
  for (uint64_t i = 0; i < 20; ++i) {
    EXPECT_EQ(client->get(digestOf(i))->record, recordOf(i));
    EXPECT_EQ(client->get(digestOf(i))->version, versionOf(recordOf(i)));
  }
}

TEST_P(DurableStore, IsSeenByAnotherAtOnce) {
  const auto one = open(), other = open();
  const Version version = *one->put(digestOf(1), recordOf(1), kNoVersion);
  EXPECT_EQ(other->get(digestOf(1))->record, recordOf(1));
  EXPECT_EQ(other->put(digestOf(1), recordOf(2), kNoVersion).status().code(), Code::kConflict);
  EXPECT_TRUE(other->remove(digestOf(1), version).ok());
  EXPECT_EQ(one->get(digestOf(1)).status().code(), Code::kNotFound);
}

// What a power cut would take is what was written and not synced.
TEST_P(DurableStore, HasSyncedAllThatItAcknowledges) {
  test::DiskFaults disk(dir_.path());
  const auto client = open();
  const auto nothing = std::vector<std::string>();
  for (uint64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(client->put(digestOf(i), recordOf(i), kNoVersion).ok());
    EXPECT_EQ(disk.unsynced(), nothing);
  }
  Record relabelled = recordOf(0);
  relabelled.label = "new";
  ASSERT_TRUE(client->put(digestOf(0), relabelled, kAnyVersion).ok());
  EXPECT_EQ(disk.unsynced(), nothing);
  ASSERT_TRUE(client->put(digestOf(1), recordOf(10), kAnyVersion).ok());
  EXPECT_EQ(disk.unsynced(), nothing);
  client->close();
}

TEST_P(DurableStore, HasSyncedARemoveThatItAcknowledges) {
  test::DiskFaults disk(dir_.path());
  const auto client = open();
  ASSERT_TRUE(client->put(digestOf(1), recordOf(1), kNoVersion).ok());
  ASSERT_TRUE(client->remove(digestOf(1), kAnyVersion).ok());
  // The meta file of a file store goes last, and alone it is nothing.
  std::vector<std::string> left = disk.unsynced();
  std::erase_if(left, [](const std::string& path) { return path.ends_with(".meta"); });
  EXPECT_EQ(left, std::vector<std::string>());
  client->close();
}

TEST_P(DurableStore, IsolatesADamagedRecord) {
  ASSERT_EQ(open()->putAll(0, 10), 10u);
  GetParam().damage(dir_.path(), digestOf(4));
  const auto client = open();
  const Status status = client->get(digestOf(4)).status();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find(digestOf(4).shortName()), std::string::npos);
  for (uint64_t i = 0; i < 10; ++i) {
    if (i == 4) continue;
    EXPECT_EQ(client->get(digestOf(i))->record, recordOf(i));
  }
  const Result<Page> page = client->list("", 100);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->refs.size(), 10u);
  for (const Listed& listed : page->refs) {
    EXPECT_EQ(listed.stored.status().code(),
              listed.digest == digestOf(4) ? Code::kCorrupt : Code::kOk);
  }
}

TEST_P(DurableStore, GivesUpADamagedRecordOnlyWhenAskedTo) {
  ASSERT_EQ(open()->putAll(0, 2), 2u);
  GetParam().damage(dir_.path(), digestOf(0));
  GetParam().damage(dir_.path(), digestOf(1));
  const auto client = open();
  EXPECT_EQ(client->put(digestOf(0), recordOf(5), kNoVersion).status().code(), Code::kConflict);
  EXPECT_EQ(client->get(digestOf(0)).status().code(), Code::kCorrupt);
  EXPECT_TRUE(client->remove(digestOf(0), kAnyVersion).ok());
  EXPECT_EQ(client->get(digestOf(0)).status().code(), Code::kNotFound);
  EXPECT_TRUE(client->put(digestOf(1), recordOf(5), kAnyVersion).ok());
  EXPECT_EQ(client->get(digestOf(1))->record, recordOf(5));
}

TEST_P(DurableStore, IsUnavailableWhileItsFilesAreGoneAndMakesNoNewOnes) {
  const auto client = open();
  ASSERT_TRUE(client->put(digestOf(1), recordOf(1), kNoVersion).ok());
  move("", "away-");
  EXPECT_EQ(client->put(digestOf(2), recordOf(2), kNoVersion).status().code(), Code::kUnavailable);
  EXPECT_EQ(client->get(digestOf(1)).status().code(), Code::kUnavailable);
  EXPECT_EQ(client->remove(digestOf(1), kAnyVersion).code(), Code::kUnavailable);
  EXPECT_EQ(client->list("", 10).status().code(), Code::kUnavailable);
  EXPECT_EQ(client->health().code(), Code::kUnavailable);
  EXPECT_FALSE(filesExist());
}

TEST_P(DurableStore, GoesOnWhenItsFilesAreBack) {
  const auto client = open();
  ASSERT_TRUE(client->put(digestOf(1), recordOf(1), kNoVersion).ok());
  move("", "away-");
  ASSERT_FALSE(client->get(digestOf(1)).ok());
  move("away-", "");
  EXPECT_EQ(client->get(digestOf(1))->record, recordOf(1));
  EXPECT_TRUE(client->put(digestOf(2), recordOf(2), kNoVersion).ok());
  EXPECT_TRUE(client->health().ok());
}

TEST_P(DurableStore, MakesItsFilesAtTheStartForItsUserAlone) {
  const Backend nested{.name = "", .make = GetParam().make, .files = {}};
  StoreClient client(nested, dir_ / "a/b", clock_.clock());
  ASSERT_TRUE(client.put(digestOf(1), recordOf(1), kNoVersion).ok());
  using std::filesystem::perms;
  const perms others = perms::group_all | perms::others_all;
  EXPECT_EQ(std::filesystem::status(dir_ / "a/b/store").permissions() & others, perms::none);
}

TEST_P(DurableStore, LeavesItsFilesToTheOwnerOfTheFolderWhenRunByRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  constexpr uid_t kSidecar = 65532;
  // The folder of a file store is the store; a database lies in one.
  const bool is_folder = GetParam().files.size() == 1;
  const std::string folder = is_folder ? dir_ / "store" : dir_.path();
  std::filesystem::create_directories(folder);
  ASSERT_EQ(::chown(folder.c_str(), kSidecar, kSidecar), 0);
  const auto client = open();
  ASSERT_TRUE(client->put(digestOf(1), recordOf(1), kNoVersion).ok());
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    struct stat st;
    ASSERT_EQ(::stat(entry.path().c_str(), &st), 0);
    EXPECT_EQ(st.st_uid, kSidecar) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 3u);
}

TEST_P(DurableStore, TakesAwayWhatExpired) {
  test::DiskFaults disk(dir_.path());
  disk.skipSync();
  const auto client = open({.sweep = std::chrono::milliseconds(5)});
  for (uint64_t i = 0; i < 10; ++i) {
    Record record = recordOf(i, 100'000);
    if (i > 0) record.expires = clock_.now() + std::chrono::seconds(1);
    ASSERT_TRUE(client->put(digestOf(i), record, kNoVersion).ok());
  }
  // To somebody whose clock stands still they are there until they are swept away.
  StoreClient late(GetParam(), dir_.path(), ManualClock().clock());
  EXPECT_EQ(late.listAll(100).size(), 10u);
  clock_.advance(std::chrono::seconds(2));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (late.listAll(100).size() > 1 && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_EQ(late.listAll(100), std::vector<Digest>{digestOf(0)});
  late.close();
  EXPECT_TRUE(client->get(digestOf(0)).ok());
  client->close();
}

INSTANTIATE_TEST_SUITE_P(All, DurableStore,
                         testing::Values(fileBackend(), sqliteBackend(), cachedBackend()),
                         backendName);

}  // namespace
}  // namespace vatmesh::store
