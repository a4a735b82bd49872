// SPDX-License-Identifier: Apache-2.0
//
// What is particular to a store in files: the layout of the OCaml library, and what is left behind.
#include "persistence/file_store.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <utility>

#include <gtest/gtest.h>

#include "persistence/file_session.h"
#include "persistence/folder.h"
#include "rpc/crypto/digest.h"
#include "tests/fakes/disk_faults.h"
#include "tests/persistence/backends.h"

namespace vatmesh::store {
namespace {

namespace fs = std::filesystem;

const std::string kVectors = "tests/vectors/ocaml-capnp-rpc/file-store/";

std::string readAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void writeAll(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

class FileStore : public testing::Test {
 protected:
  FileStore() { fs::create_directory(folder_); }

  std::unique_ptr<StoreClient> open(BlockingOptions options = {}) {
    return std::make_unique<StoreClient>(fileBackend(), dir_.path(), clock_.clock(), options);
  }
  std::string refPath(const Digest& digest) const { return folder_ + "/" + digest.toText(); }
  std::string metaPath(const Digest& digest) const { return refPath(digest) + ".meta"; }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  test::TempDir dir_{quickFolder()};
  const std::string folder_ = dir_ / "store";
  ManualClock clock_;
};

TEST_F(FileStore, ReadsWhatTheOcamlLibraryWrote) {
  for (const auto& entry : fs::directory_iterator(kVectors)) {
    fs::copy(entry.path(), folder_);
  }
  const Digest known = *Digest::fromBytes(crypto::sha256("known"));
  const auto client = open();
  const Result<Stored> stored = client->get(known);
  ASSERT_TRUE(stored.ok()) << stored.status().toString();
  EXPECT_EQ(stored->record.object_ref, readAll(kVectors + known.toText()));
  EXPECT_EQ(stored->record.object_ref.size(), 32u);
  Record defaults;
  defaults.object_ref = stored->record.object_ref;
  defaults.created = stored->record.created;
  EXPECT_EQ(stored->record, defaults);
  // Three have names of digests; `IS8u` is none.
  EXPECT_EQ(client->listAll(2).size(), 3u);
}

TEST_F(FileStore, TakesTheAgeOfAForeignRefFromItsFile) {
  writeAll(refPath(digestOf(1)), "12345678");
  const timespec times[2] = {{.tv_sec = 1'000'000'000, .tv_nsec = 5'000'000},
                             {.tv_sec = 1'000'000'000, .tv_nsec = 5'000'000}};
  ASSERT_EQ(::utimensat(AT_FDCWD, refPath(digestOf(1)).c_str(), times, 0), 0);
  EXPECT_EQ(open()->get(digestOf(1))->record.created,
            UnixTime(std::chrono::milliseconds(1'000'000'000'005)));
}

TEST_F(FileStore, TakesShortFilesAsTheOcamlLibraryDoes) {
  writeAll(refPath(digestOf(1)), "");
  writeAll(refPath(digestOf(2)), "abc");
  const auto client = open();
  EXPECT_EQ(client->get(digestOf(1))->record.object_ref, "");
  EXPECT_EQ(client->get(digestOf(2))->record.object_ref, "abc");
}

TEST_F(FileStore, WritesTheObjectRefBareForTheOcamlLibrary) {
  const auto client = open();
  ASSERT_TRUE(client->put(digestOf(1), recordOf(1), kNoVersion).ok());
  EXPECT_EQ(readAll(refPath(digestOf(1))), recordOf(1).object_ref);
  const std::string name = digestOf(1).toText();
  EXPECT_EQ(names(), (std::vector<std::string>{".lock", name, name + ".meta"}));
}

TEST_F(FileStore, LetsTheOcamlLibraryRemoveARef) {
  const auto client = open();
  ASSERT_TRUE(client->put(digestOf(1), recordOf(1), kNoVersion).ok());
  fs::remove(refPath(digestOf(1)));
  EXPECT_EQ(client->get(digestOf(1)).status().code(), Code::kNotFound);
  EXPECT_TRUE(client->put(digestOf(1), recordOf(2), kNoVersion).ok());
  EXPECT_EQ(client->get(digestOf(1))->record, recordOf(2));
}

TEST_F(FileStore, GivesAForeignRefMetadata) {
  writeAll(refPath(digestOf(1)), "12345678");
  const auto client = open();
  const Stored foreign = *client->get(digestOf(1));
  Record named = foreign.record;
  named.label = "ours now";
  named.sealed_for = digestOf(9);
  ASSERT_TRUE(client->put(digestOf(1), named, foreign.version).ok());
  EXPECT_EQ(client->get(digestOf(1))->record, named);
  EXPECT_EQ(readAll(refPath(digestOf(1))), "12345678");
}

// Served with default metadata, it would have lost its seal and its end.
TEST_F(FileStore, DoesNotServeARefThatDoesNotFitItsMeta) {
  const auto client = open();
  ASSERT_TRUE(client->put(digestOf(1), recordOf(1), kNoVersion).ok());
  writeAll(refPath(digestOf(1)), "12345678");
  const Status status = client->get(digestOf(1)).status();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find(".meta"), std::string::npos) << status.message();
  fs::remove(metaPath(digestOf(1)));
  EXPECT_EQ(client->get(digestOf(1))->record.object_ref, "12345678");
}

TEST_F(FileStore, SaysCorruptOfADamagedMeta) {
  const auto client = open();
  ASSERT_TRUE(client->put(digestOf(1), recordOf(1), kNoVersion).ok());
  for (const std::string& content :
       {std::string(), std::string("vatmesh-meta 1\n"), std::string(1000, 'x'),
        readAll(metaPath(digestOf(1))) + "x"}) {
    writeAll(metaPath(digestOf(1)), content);
    EXPECT_EQ(client->get(digestOf(1)).status().code(), Code::kCorrupt);
  }
}

TEST_F(FileStore, SaysCorruptOfWhatIsNoFile) {
  fs::create_directory(refPath(digestOf(1)));
  ASSERT_EQ(::mkfifo(refPath(digestOf(2)).c_str(), 0600), 0);
  writeAll(refPath(digestOf(3)), std::string(kMaxObjectRefBytes + 1, 'x'));
  const auto client = open();
  for (uint64_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(client->get(digestOf(i)).status().code(), Code::kCorrupt) << i;
  }
}

TEST_F(FileStore, TakesAMetaWithoutARefForNothingAndSweepsIt) {
  {
    const auto client = open();
    ASSERT_EQ(client->putAll(1, 2), 2u);
    fs::remove(refPath(digestOf(1)));
    writeAll(metaPath(digestOf(3)) + ".new", "cut short");
    writeAll(refPath(digestOf(4)) + ".ref.new", "cut short");
  }
  const auto client = open({.sweep = std::chrono::milliseconds(1)});
  EXPECT_EQ(client->get(digestOf(1)).status().code(), Code::kNotFound);
  const std::string name = digestOf(2).toText();
  const std::vector<std::string> left{".lock", name, name + ".meta"};
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (names() != left && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_EQ(names(), left);
  EXPECT_EQ(client->get(digestOf(2))->record, recordOf(2));
}

TEST_F(FileStore, IsUnavailableWhileAnotherHoldsTheLockForLong) {
  const auto client = open();
  ASSERT_TRUE(client->put(digestOf(1), recordOf(1), kNoVersion).ok());
  const Fd lock(::open((folder_ + "/.lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  EXPECT_EQ(client->get(digestOf(1)).status().code(), Code::kUnavailable);
  EXPECT_EQ(client->put(digestOf(2), recordOf(2), kNoVersion).status().code(), Code::kUnavailable);
  ASSERT_EQ(::flock(lock.get(), LOCK_UN), 0);
  EXPECT_TRUE(client->get(digestOf(1)).ok());
}

// A batch of writes may take longer than anybody waits for another process.
TEST_F(FileStore, WaitsForAnotherThreadOfItsOwnHoweverLongThatTakes) {
  auto folder = std::make_shared<FileFolder>(folder_);
  std::promise<void> writing, go_on;
  bool waits = false;
  FileSession writer(folder, [&] {
    // Asked while the lock is held.
    if (std::exchange(waits, false)) {
      writing.set_value();
      go_on.get_future().wait();
    }
    return UnixTime();
  });
  FileSession reader(folder, clock_.clock());
  const Digest digest = *Digest::fromBytes(std::string(32, 'd'));
  Record record;
  record.object_ref = std::string(8, '\0');
  const auto write = [&](Version expected) {
    const Write put{.digest = digest, .record = record, .expected = expected};
    return writer.write({&put, 1})[0];
  };
  const Result<Version> first = write(kNoVersion);
  ASSERT_TRUE(first.ok()) << first.status().toString();
  waits = true;
  record.label = "new";
  auto second = std::async(std::launch::async, [&] { return write(*first); });
  writing.get_future().wait();
  auto read = std::async(std::launch::async, [&] { return reader.get(digest); });
  EXPECT_EQ(read.wait_for(std::chrono::milliseconds(2500)), std::future_status::timeout);
  go_on.set_value();
  EXPECT_TRUE(second.get().ok());
  const Result<Stored> stored = read.get();
  ASSERT_TRUE(stored.ok()) << stored.status().toString();
  EXPECT_EQ(stored->record.label, "new");
}

TEST_F(FileStore, NamesTheRefThatChanged) {
  const auto client = open({.poll = std::chrono::milliseconds(5)});
  std::vector<std::optional<Digest>> told;
  const auto watch = client->store().watch([&](auto digest) { told.push_back(digest); });
  ASSERT_TRUE(client->loop().runUntil([&] { return !told.empty(); }));
  told.clear();
  writeAll(folder_ + "/unrelated", "");
  fs::rename(folder_ + "/unrelated", refPath(digestOf(5)));
  ASSERT_TRUE(client->loop().runUntil([&] { return !told.empty(); }));
  EXPECT_EQ(told, std::vector<std::optional<Digest>>{digestOf(5)});
}

TEST_F(FileStore, TellsThatAllMayHaveChangedWhenTheFolderIsAnother) {
  const auto client = open({.poll = std::chrono::milliseconds(5)});
  bool all = false;
  const auto watch = client->store().watch([&](auto digest) { all = all || !digest; });
  ASSERT_TRUE(client->loop().runUntil([&] { return all; }));
  fs::rename(folder_, folder_ + "-old");
  all = false;
  fs::create_directory(folder_);
  EXPECT_TRUE(client->loop().runUntil([&] { return all; }));
}

}  // namespace
}  // namespace vatmesh::store
