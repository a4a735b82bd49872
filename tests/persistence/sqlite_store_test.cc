// SPDX-License-Identifier: Apache-2.0
//
// What is particular to a store in SQLite: schema, group commit, damage of the file, busy others.
#include "persistence/sqlite_store.h"

#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/fakes/disk_faults.h"
#include "tests/persistence/backends.h"

namespace vatmesh::store {
namespace {

// Somebody else's connection.
class Other {
 public:
  explicit Other(const std::string& path) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &db_), SQLITE_OK);
  }
  ~Other() { sqlite3_close(db_); }
  int run(const std::string& sql) {
    return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  }
  std::string ask(const std::string& sql) {
    std::string answer;
    sqlite3_exec(
        db_, sql.c_str(),
        [](void* out, int, char** columns, char**) {
          *static_cast<std::string*>(out) = columns[0] ? columns[0] : "";
          return 0;
        },
        &answer, nullptr);
    return answer;
  }

 private:
  sqlite3* db_ = nullptr;
};

class SqliteStore : public testing::Test {
 protected:
  std::unique_ptr<StoreClient> open(BlockingOptions options = {}) {
    return std::make_unique<StoreClient>(sqliteBackend(), dir_.path(), clock_.clock(), options);
  }

  test::TempDir dir_{quickFolder()};
  const std::string path_ = dir_ / "store";
  ManualClock clock_;
};

TEST_F(SqliteStore, KeepsAWriteAheadLogAndNamesItsSchema) {
  ASSERT_EQ(open()->putAll(0, 1), 1u);
  Other other(path_);
  EXPECT_EQ(other.ask("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(other.ask("PRAGMA user_version"), "1");
  EXPECT_EQ(other.ask("PRAGMA application_id"), "1986884198");
}

TEST_F(SqliteStore, NamesToAWatchWhatItChangedItself) {
  const auto client = open({.poll = std::chrono::milliseconds(1)});
  int any = 0, named = 0;
  const auto watch =
      client->store().watch([&](std::optional<Digest> digest) { ++(digest ? named : any); });
  ASSERT_TRUE(client->loop().runUntil([&] { return any > 0; }));
  const int first = any;
  for (uint64_t i = 0; i < 20; ++i) ASSERT_EQ(client->putAll(i, 1), 1u);
  EXPECT_EQ(client->put(digestOf(0), recordOf(1), kNoVersion).status().code(), Code::kConflict);
  EXPECT_TRUE(client->remove(digestOf(0), kAnyVersion).ok());
  EXPECT_EQ(named, 21);
  EXPECT_EQ(any, first);
  Other(path_).run("DELETE FROM refs");
  EXPECT_TRUE(client->loop().runUntil([&] { return any > first; }));
  EXPECT_EQ(named, 21);
}

TEST_F(SqliteStore, RefusesANewerSchemaAndLeavesItAlone) {
  ASSERT_EQ(open()->putAll(0, 1), 1u);
  Other(path_).run("PRAGMA user_version = 2");
  const auto client = open();
  for (const Status& status : {client->get(digestOf(0)).status(), client->health(),
                               client->put(digestOf(1), recordOf(1), kNoVersion).status()}) {
    EXPECT_EQ(status.code(), Code::kRefused);
    EXPECT_NE(status.message().find("newer"), std::string::npos) << status.message();
  }
  Other other(path_);
  EXPECT_EQ(other.ask("PRAGMA user_version"), "2");
  other.run("PRAGMA user_version = 1");
  EXPECT_TRUE(client->get(digestOf(0)).ok());
}

TEST_F(SqliteStore, RefusesADatabaseOfAnotherProgram) {
  Other(path_).run("CREATE TABLE refs (mine INTEGER); INSERT INTO refs VALUES (42)");
  const Status status = open()->put(digestOf(0), recordOf(0), kNoVersion).status();
  EXPECT_EQ(status.code(), Code::kRefused);
  EXPECT_NE(status.message().find("another program"), std::string::npos) << status.message();
  EXPECT_EQ(Other(path_).ask("SELECT mine FROM refs"), "42");
}

// Not corrupt, which is said of a record: a store that is away comes back.
TEST_F(SqliteStore, IsUnavailableWhileItsFileIsNoDatabase) {
  ASSERT_EQ(open()->putAll(0, 1), 1u);
  std::filesystem::rename(path_, path_ + ".kept");
  std::ofstream(path_) << std::string(10'000, 'x');
  const auto client = open();
  const Status status = client->get(digestOf(0)).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.message(),
            path_ + " is no SQLite database: name another file, or put the right one back");
  std::filesystem::rename(path_ + ".kept", path_);
  EXPECT_TRUE(client->get(digestOf(0)).ok());
}

// One fsync makes all durable that waited while the one before was under way.
TEST_F(SqliteStore, CommitsTogetherWhatWaitsTogether) {
  constexpr uint64_t kPuts = 400;
  test::DiskFaults disk(dir_.path());
  const auto client = open();
  ASSERT_EQ(client->putAll(0, 1), 1u);
  const uint64_t before = disk.syncs();
  ASSERT_EQ(client->putAll(1, kPuts), kPuts);
  EXPECT_GT(disk.syncs(), before);
  EXPECT_LT(disk.syncs() - before, kPuts / 10);
  EXPECT_EQ(disk.unsynced(), std::vector<std::string>());
  client->close();
}

TEST_F(SqliteStore, JudgesEachOfThoseThatItCommitsTogether) {
  const auto client = open();
  Record too_large = recordOf(3);
  too_large.label.resize(kMaxLabelBytes + 1);
  std::vector<Code> codes;
  const auto put = [&](uint64_t key, const Record& record, Version expected) {
    client->store().put(digestOf(key), record, expected,
                        [&](Result<Version> result) { codes.push_back(result.status().code()); });
  };
  put(1, recordOf(1), kNoVersion);
  put(1, recordOf(2), kNoVersion);
  put(2, recordOf(2), 12345);
  put(3, too_large, kNoVersion);
  put(1, recordOf(4), versionOf(recordOf(1)));
  ASSERT_TRUE(client->loop().runUntil([&] { return codes.size() == 5; }));
  EXPECT_EQ(codes, (std::vector<Code>{Code::kOk, Code::kConflict, Code::kNotFound,
                                      Code::kInvalidArgument, Code::kOk}));
  EXPECT_EQ(client->get(digestOf(1))->record, recordOf(4));
}

TEST_F(SqliteStore, ReadsWhileAnotherWritesAndIsUnavailableToWriteThen) {
  const auto client = open();
  ASSERT_EQ(client->putAll(0, 1), 1u);
  Other other(path_);
  ASSERT_EQ(other.run("BEGIN IMMEDIATE"), SQLITE_OK);
  EXPECT_TRUE(client->get(digestOf(0)).ok());
  EXPECT_EQ(client->put(digestOf(1), recordOf(1), kNoVersion).status().code(), Code::kUnavailable);
  ASSERT_EQ(other.run("ROLLBACK"), SQLITE_OK);
  EXPECT_TRUE(client->put(digestOf(1), recordOf(1), kNoVersion).ok());
}

TEST_F(SqliteStore, ServesWhatIsNotOnADamagedPage) {
  constexpr uint64_t kRefs = 500;
  ASSERT_EQ(open()->putAll(0, kRefs), kRefs);
  {
    // A page in the middle of the file, which has one ref in ten or fewer.
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path_) / 4096 / 2 * 4096));
    file << std::string(4096, '\xa5');
  }
  const auto client = open();
  size_t good = 0, corrupt = 0;
  for (uint64_t i = 0; i < kRefs; ++i) {
    const Result<Stored> stored = client->get(digestOf(i));
    if (stored.ok()) {
      EXPECT_EQ(stored->record, recordOf(i));
      ++good;
    } else {
      EXPECT_EQ(stored.status().code(), Code::kCorrupt) << stored.status().toString();
      ++corrupt;
    }
  }
  EXPECT_GT(corrupt, 0u);
  EXPECT_GT(good, kRefs * 8 / 10);
}

TEST_F(SqliteStore, AcknowledgesNothingThatWentToAReplacedFile) {
  const auto client = open();
  ASSERT_EQ(client->putAll(0, 1), 1u);
  ASSERT_EQ(open()->health().code(), Code::kOk);
  std::filesystem::copy_file(path_, path_ + "-copy");
  for (const char* ending : {"-wal", "-shm"}) std::filesystem::remove(path_ + ending);
  std::filesystem::rename(path_ + "-copy", path_);
  // The store finds the other file, and what it acknowledges is there.
  ASSERT_TRUE(client->put(digestOf(5), recordOf(5), kNoVersion).ok());
  EXPECT_EQ(open()->get(digestOf(5))->record, recordOf(5));
}

TEST_F(SqliteStore, StartsOnAFullDiskThatHasTheFileAlone) {
  test::DiskFaults disk(dir_.path());
  ASSERT_EQ(open()->putAll(0, 3), 3u);
  ASSERT_FALSE(std::filesystem::exists(path_ + "-wal"));
  disk.failFrom(1, ENOSPC);
  const auto client = open();
  EXPECT_EQ(client->get(digestOf(1))->record, recordOf(1));
  EXPECT_FALSE(client->put(digestOf(9), recordOf(9), kNoVersion).ok());
  disk.heal();
  EXPECT_TRUE(client->put(digestOf(9), recordOf(9), kNoVersion).ok());
  EXPECT_EQ(client->get(digestOf(9))->record, recordOf(9));
  client->close();
}

TEST_F(SqliteStore, TellsAWatchOnAReadOnlyDiskNothingOverAndOver) {
  test::DiskFaults disk(dir_.path());
  ASSERT_EQ(open()->putAll(0, 1), 1u);
  disk.failFrom(1, EROFS);
  const auto client = open({.poll = std::chrono::milliseconds(1)});
  int told = 0;
  const auto watch = client->store().watch([&](auto) { ++told; });
  ASSERT_TRUE(client->loop().runUntil([&] { return told > 0; }));
  // Each takes a good part of a poll's time, as the file is opened for it.
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(client->get(digestOf(0)).ok());
  EXPECT_EQ(told, 1);
  client->close();
}

TEST_F(SqliteStore, TakesAPathThatWouldEndAUri) {
  const Backend odd{
      .name = "",
      .make =
          [](const std::string& folder, Post post, WallClock clock, BlockingOptions options) {
            return makeSqliteStore(folder + "/a?b#c%20d", std::move(post), std::move(clock),
                                   options);
          },
      .files = {}};
  test::DiskFaults disk(dir_.path());
  ASSERT_EQ(StoreClient(odd, dir_.path(), clock_.clock()).putAll(0, 1), 1u);
  EXPECT_TRUE(std::filesystem::exists(dir_ / "a?b#c%20d"));
  disk.failFrom(1, EROFS);
  StoreClient frozen(odd, dir_.path(), clock_.clock());
  EXPECT_TRUE(frozen.get(digestOf(0)).ok());
  frozen.close();
}

}  // namespace
}  // namespace vatmesh::store
