// SPDX-License-Identifier: Apache-2.0
#include "tests/persistence/backends.h"

#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "persistence/cached_store.h"
#include "persistence/file_store.h"
#include "persistence/memory_store.h"
#include "persistence/sqlite_store.h"
#include "rpc/crypto/digest.h"

namespace vatmesh::store {

namespace {

std::unique_ptr<Store> makeMemory(const std::string&, Post post, WallClock clock, BlockingOptions) {
  return std::make_unique<MemoryStore>(std::move(post), std::move(clock));
}

std::unique_ptr<Store> makeFiles(const std::string& folder, Post post, WallClock clock,
                                 BlockingOptions options) {
  return makeFileStore(folder + "/store", std::move(post), std::move(clock), options);
}

std::unique_ptr<Store> makeSqlite(const std::string& folder, Post post, WallClock clock,
                                  BlockingOptions options) {
  return makeSqliteStore(folder + "/store", std::move(post), std::move(clock), options);
}

std::unique_ptr<Store> makeCached(const std::string& folder, Post post, WallClock clock,
                                  BlockingOptions options) {
  return CachedStore::wrap(makeSqlite(folder, post, clock, options), post, clock);
}

void flipLastByte(const std::string& folder, const Digest& digest) {
  const std::string path = folder + "/store/" + digest.toText();
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(-1, std::ios::end);
  const char last = static_cast<char>(file.get());
  file.seekp(-1, std::ios::end);
  file.put(static_cast<char>(last ^ 1));
  ASSERT_TRUE(file.flush().good()) << path;
}

void cutRecord(const std::string& folder, const Digest& digest) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((folder + "/store").c_str(), &db), SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(db, "UPDATE refs SET record = substr(record, 1, 20) WHERE digest = ?1", -1,
                     &statement, nullptr);
  sqlite3_bind_blob(statement, 1, digest.bytes.data(), 32, SQLITE_STATIC);
  EXPECT_EQ(sqlite3_step(statement), SQLITE_DONE);
  EXPECT_EQ(sqlite3_changes(db), 1);
  sqlite3_finalize(statement);
  sqlite3_close(db);
}

}  // namespace

Backend memoryBackend() {
  return {.name = "Memory", .make = makeMemory, .files = {}};
}

Backend fileBackend() {
  return {.name = "Files", .make = makeFiles, .damage = flipLastByte, .files = {"store"}};
}

Backend sqliteBackend() {
  return {.name = "Sqlite",
          .make = makeSqlite,
          .damage = cutRecord,
          .files = {"store", "store-wal", "store-shm"}};
}

Backend cachedBackend() {
  Backend backend = sqliteBackend();
  backend.name = "Cached";
  backend.make = makeCached;
  return backend;
}

Digest digestOf(uint64_t number) {
  return *Digest::fromBytes(crypto::sha256("id " + std::to_string(number)));
}

Record recordOf(uint64_t number, size_t object_bytes) {
  Record record;
  const std::string text = "object " + std::to_string(number) + ";";
  while (record.object_ref.size() < object_bytes) record.object_ref += text;
  record.object_ref.resize(object_bytes);
  record.label = "label " + std::to_string(number);
  record.created = UnixTime(std::chrono::milliseconds(1'700'000'000'000 + number));
  record.owner = digestOf(~number);
  record.generation = number;
  record.notes.push_back({record.created, "saved as number " + std::to_string(number)});
  return record;
}

Version versionOf(const Record& record) {
  return versionOf(*encodeRecord(record));
}

std::string quickFolder() {
  constexpr uintmax_t kEnough = 256 * 1024 * 1024;
  std::error_code error;
  const auto space = std::filesystem::space("/dev/shm", error);
  if (!error && space.available >= kEnough && ::access("/dev/shm", W_OK) == 0) return "/dev/shm";
  return std::filesystem::temp_directory_path().string();
}

Result<Stored> StoreClient::get(const Digest& digest) {
  std::optional<Result<Stored>> answer;
  store_->get(digest, [&](Result<Stored> result) { answer = std::move(result); });
  return wait(answer);
}

Result<Version> StoreClient::put(const Digest& digest, const Record& record, Version expected) {
  std::optional<Result<Version>> answer;
  store_->put(digest, record, expected,
              [&](Result<Version> result) { answer = std::move(result); });
  return wait(answer);
}

Status StoreClient::remove(const Digest& digest, Version expected) {
  std::optional<Status> answer;
  store_->remove(digest, expected, [&](Status status) { answer = std::move(status); });
  return wait(answer);
}

Result<Page> StoreClient::list(const std::string& token, size_t limit) {
  std::optional<Result<Page>> answer;
  store_->list(token, limit, [&](Result<Page> result) { answer = std::move(result); });
  return wait(answer);
}

size_t StoreClient::putAll(uint64_t first, uint64_t count, size_t object_bytes) {
  size_t answers = 0, successes = 0;
  for (uint64_t i = first; i < first + count; ++i) {
    store_->put(digestOf(i), recordOf(i, object_bytes), kNoVersion, [&](Result<Version> result) {
      ++answers;
      if (result.ok()) ++successes;
    });
  }
  EXPECT_TRUE(loop_.runUntil([&] { return answers == count; }));
  return successes;
}

std::vector<Digest> StoreClient::listAll(size_t limit, const std::function<void()>& between) {
  std::vector<Digest> all;
  std::string token;
  do {
    const Result<Page> page = list(token, limit);
    EXPECT_TRUE(page.ok()) << page.status().toString();
    if (!page.ok()) return all;
    EXPECT_LE(page->refs.size(), limit);
    for (const Listed& listed : page->refs) all.push_back(listed.digest);
    token = page->next;
    if (between) between();
  } while (!token.empty());
  return all;
}

Status StoreClient::health() {
  std::optional<Status> answer;
  store_->health([&](Status status) { answer = std::move(status); });
  return wait(answer);
}

}  // namespace vatmesh::store
