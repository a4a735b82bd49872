// SPDX-License-Identifier: Apache-2.0
#include "persistence/store_factory.h"

#include <gtest/gtest.h>

#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_loop.h"
#include "tests/persistence/backends.h"

namespace vatmesh::store {
namespace {

TEST(StoreSpec, ReadsWhatItWrites) {
  for (const char* text : {"none", "memory", "files:some/folder", "sqlite:/var/lib/vatmesh/refs",
                           "files:with:colon", "sqlite:files:odd"}) {
    const Result<StoreSpec> spec = parseStoreSpec(text);
    ASSERT_TRUE(spec.ok()) << spec.status().toString();
    EXPECT_EQ(spec->toText(), text);
  }
  EXPECT_EQ(parseStoreSpec("files:a:b")->path, "a:b");
}

TEST(StoreSpec, SaysWhatWouldBeRight) {
  for (const char* text : {"", "sqlite", "sqlite:", "files:", "None", "postgres:x", " memory"}) {
    const Status status = parseStoreSpec(text).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << text;
    EXPECT_NE(status.message().find("; write "), std::string::npos) << status.message();
  }
}

TEST(StoreSpec, KnowsWhatOutlivesTheProcess) {
  EXPECT_FALSE(parseStoreSpec("none")->durable());
  EXPECT_FALSE(parseStoreSpec("memory")->durable());
  EXPECT_TRUE(parseStoreSpec("files:x")->durable());
  EXPECT_TRUE(parseStoreSpec("sqlite:x")->durable());
}

TEST(StoreFactory, MakesEachStoreThatCanBeNamed) {
  const test::TempDir dir(quickFolder());
  test::TestLoop loop;
  for (const std::string& text :
       {std::string("memory"), "files:" + (dir / "f"), "sqlite:" + (dir / "s")}) {
    const auto store = makeStore(*parseStoreSpec(text), loop.post());
    ASSERT_NE(store, nullptr) << text;
    std::optional<Result<Version>> answer;
    store->put(digestOf(1), recordOf(1), kNoVersion,
               [&](Result<Version> result) { answer = std::move(result); });
    ASSERT_TRUE(loop.runUntil([&] { return answer.has_value(); }));
    EXPECT_TRUE(answer->ok()) << answer->status().toString();
  }
  EXPECT_EQ(makeStore(StoreSpec(), loop.post()), nullptr);
}

TEST(StoreFactory, MakesAStoreWhoseDiskIsAway) {
  test::TestLoop loop;
  const auto store = makeStore(*parseStoreSpec("sqlite:/proc/nowhere/store"), loop.post());
  ASSERT_NE(store, nullptr);
  std::optional<Status> health;
  store->health([&](Status status) { health = std::move(status); });
  ASSERT_TRUE(loop.runUntil([&] { return health.has_value(); }));
  EXPECT_FALSE(health->ok());
}

TEST(StoreFactory, ReadsTheSystemsClock) {
  const auto before = std::chrono::system_clock::now() - std::chrono::seconds(1);
  const UnixTime now = systemClock()();
  EXPECT_GT(now, before);
  EXPECT_LT(now, before + std::chrono::minutes(1));
}

}  // namespace
}  // namespace vatmesh::store
