// SPDX-License-Identifier: Apache-2.0
//
// What the conformance suite needs to know of a backend, and a client that waits for answers.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "persistence/blocking_store.h"
#include "persistence/store.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_loop.h"

namespace vatmesh::store {

// A clock that stands still until it is moved.
class ManualClock {
 public:
  WallClock clock() {
    return [shared = now_] { return UnixTime(std::chrono::milliseconds(shared->load())); };
  }
  UnixTime now() const { return UnixTime(std::chrono::milliseconds(now_->load())); }
  void advance(std::chrono::milliseconds by) { *now_ += by.count(); }

 private:
  std::shared_ptr<std::atomic<int64_t>> now_ =
      std::make_shared<std::atomic<int64_t>>(1'800'000'000'000);
};

struct Backend {
  std::string name;
  // Makes a store whose files, if it has any, are `folder`/store.
  std::unique_ptr<Store> (*make)(const std::string& folder, Post, WallClock, BlockingOptions);
  // Damages the record of one digest while no store is open.
  void (*damage)(const std::string& folder, const Digest&) = nullptr;
  // The paths that are the store, relative to `folder`; those that exist.
  std::vector<std::string> files;
};

Backend memoryBackend();
Backend fileBackend();
Backend sqliteBackend();
// A store behind a cache.
Backend cachedBackend();

inline std::string backendName(const testing::TestParamInfo<Backend>& info) {
  return info.param.name;
}
// How GoogleTest shows the parameter in its list of tests.
inline void PrintTo(const Backend& backend, std::ostream* out) {
  *out << backend.name;
}

// A digest and a record that no other number has.
Digest digestOf(uint64_t number);
Record recordOf(uint64_t number, size_t object_bytes = 64);
Version versionOf(const Record& record);

// StoreClient is one store, its loop, and calls that wait for their answer.
class StoreClient {
 public:
  StoreClient(const Backend& backend, const std::string& folder, WallClock clock,
              BlockingOptions options = {})
      : store_(backend.make(folder, loop_.post(), std::move(clock), options)) {}

  Result<Stored> get(const Digest& digest);
  Result<Version> put(const Digest& digest, const Record& record, Version expected);
  Status remove(const Digest& digest, Version expected);
  Result<Page> list(const std::string& token, size_t limit);
  // Puts all under kNoVersion without waiting in between; the number of those that succeeded.
  size_t putAll(uint64_t first, uint64_t count, size_t object_bytes = 64);
  // All digests, page by page; the callback runs between pages.
  std::vector<Digest> listAll(size_t limit, const std::function<void()>& between = {});
  Status health();

  Store& store() { return *store_; }
  test::TestLoop& loop() { return loop_; }
  void close() { store_.reset(); }

 private:
  template <typename T>
  T wait(std::optional<T>& answer) {
    EXPECT_TRUE(loop_.runUntil([&] { return answer.has_value(); })) << "no answer";
    return answer ? std::move(*answer) : T(Status(Code::kTimeout, "no answer"));
  }

  test::TestLoop loop_;
  std::unique_ptr<Store> store_;
};

// Where many small files are quick: in memory, if there is room.
std::string quickFolder();

// A test for each backend that it is instantiated with.
class BackendTest : public testing::TestWithParam<Backend> {
 protected:
  std::unique_ptr<StoreClient> open(BlockingOptions options = {}) {
    return std::make_unique<StoreClient>(GetParam(), dir_.path(), clock_.clock(), options);
  }

  test::TempDir dir_{quickFolder()};
  ManualClock clock_;
};

}  // namespace vatmesh::store
