// SPDX-License-Identifier: Apache-2.0
//
// What a cache keeps and what it forgets, before a store that answers when the test says so.
#include "persistence/cached_store.h"

#include <deque>
#include <utility>

#include <gtest/gtest.h>

#include "persistence/texts.h"
#include "tests/fakes/test_loop.h"
#include "tests/persistence/backends.h"

namespace vatmesh::store {
namespace {

// Has one record for each digest, and answers in the order of the questions.
class SlowStore : public Store {
 public:
  enum class CanWatch : uint8_t { kNo, kYes };
  explicit SlowStore(CanWatch can_watch = CanWatch::kYes) : can_watch_(can_watch) {}

  void get(const Digest& digest, OnGet done) override {
    ++reads;
    // What is there now is what the answer will say.
    const auto found = records.find(digest);
    const Result<Stored> result =
        found == records.end() ? Result<Stored>(notFound(digest)) : Result<Stored>(found->second);
    answers_.push_back([done = std::move(done), result] { done(result); });
  }
  void put(const Digest& digest, Record record, Version, OnPut done) override {
    answers_.push_back([this, digest, record = std::move(record), done = std::move(done)] {
      if (write_error.ok()) set(digest, record);
      done(write_error.ok() ? Result<Version>(versionOf(record)) : Result<Version>(write_error));
    });
  }
  void remove(const Digest& digest, Version, OnRemove done) override {
    answers_.push_back([this, digest, done = std::move(done)] {
      if (write_error.ok()) records.erase(digest);
      done(write_error);
    });
  }
  void list(std::string, size_t, OnList done) override { done(Page()); }
  std::unique_ptr<Watch> watch(OnChange on_change) override {
    return can_watch_ == CanWatch::kYes ? watches_.add(std::move(on_change)) : nullptr;
  }
  void health(OnHealth done) override { done(Status()); }

  void set(const Digest& digest, const Record& record) {
    records[digest] = {.version = versionOf(record), .record = record};
  }
  void answerOne() {
    const auto answer = std::move(answers_.front());
    answers_.pop_front();
    answer();
  }
  void answerAll() {
    while (!answers_.empty()) answerOne();
  }
  void tell(std::optional<Digest> digest) { watches_.tell(digest); }

  std::map<Digest, Stored> records;
  Status write_error;
  int reads = 0;

 private:
  const CanWatch can_watch_;
  std::deque<std::function<void()>> answers_;
  WatchList watches_;
};

class CachedStoreTest : public testing::Test {
 protected:
  CachedStoreTest() { open(CachedStore::kMaxBytes); }

  void open(size_t max_bytes) {
    auto inner = std::make_unique<SlowStore>();
    inner_ = inner.get();
    store_ = CachedStore::wrap(std::move(inner), loop_.post(), clock_.clock(), max_bytes);
    for (uint64_t i = 1; i <= 20; ++i) inner_->set(digestOf(i), recordOf(i));
  }
  // Asks, and lets the store answer if it was asked.
  Result<Stored> get(uint64_t key) {
    std::optional<Result<Stored>> answer;
    store_->get(digestOf(key), [&](Result<Stored> result) { answer = std::move(result); });
    EXPECT_FALSE(answer) << "inside the call";
    inner_->answerAll();
    loop_.drain();
    return answer ? *answer : Result<Stored>(Status(Code::kTimeout, "no answer"));
  }
  // Whether reading `key` does not ask the store.
  bool kept(uint64_t key) {
    const int before = inner_->reads;
    EXPECT_TRUE(get(key).ok());
    return inner_->reads == before;
  }
  void ask(uint64_t key) {
    store_->get(digestOf(key), [](auto) {});
  }
  void put(uint64_t key) {
    store_->put(digestOf(key), recordOf(key + 100), kAnyVersion, [](auto) {});
  }
  void remove(uint64_t key) {
    store_->remove(digestOf(key), kAnyVersion, [](auto) {});
  }

  test::TestLoop loop_;
  ManualClock clock_;
  SlowStore* inner_ = nullptr;
  std::unique_ptr<Store> store_;
};

TEST_F(CachedStoreTest, AsksTheStoreOnceForWhatIsReadAgain) {
  const Result<Stored> first = get(1);
  EXPECT_EQ(first->record, recordOf(1));
  EXPECT_EQ(*get(1), *first);
  EXPECT_EQ(inner_->reads, 1);
  EXPECT_FALSE(kept(2));
}

TEST_F(CachedStoreTest, ForgetsWhatIsWrittenFromTheCallOnWhateverComesOfIt) {
  for (const Status& error : {Status(), Status(Code::kConflict, "x"), Status(Code::kFull, "x"),
                              Status(Code::kUnavailable, "x")}) {
    inner_->write_error = error;
    for (const bool removes : {false, true}) {
      inner_->set(digestOf(1), recordOf(1));
      ASSERT_TRUE(get(1).ok() && get(2).ok());
      removes ? remove(1) : put(1);
      ask(1);
      const int reads = inner_->reads;
      inner_->answerAll();
      inner_->set(digestOf(1), recordOf(3));
      EXPECT_EQ(get(1)->record, recordOf(3)) << error.toString();
      EXPECT_EQ(inner_->reads, reads + 1);
      EXPECT_TRUE(kept(2));
    }
  }
}

TEST_F(CachedStoreTest, FreshReadSeesWhatOthersChangedBeforeTheStoreTellsOfIt) {
  const auto fresh = [this](uint64_t key) {
    std::optional<Result<Stored>> answer;
    store_->getFresh(digestOf(key), [&](Result<Stored> result) { answer = std::move(result); });
    inner_->answerAll();
    loop_.drain();
    return *answer;
  };
  ASSERT_TRUE(get(1).ok());
  inner_->set(digestOf(1), recordOf(9));
  EXPECT_EQ(fresh(1)->record, recordOf(9));
  EXPECT_EQ(get(1)->record, recordOf(9));
  inner_->records.erase(digestOf(1));
  EXPECT_EQ(fresh(1).status().code(), Code::kNotFound);
  EXPECT_EQ(get(1).status().code(), Code::kNotFound);
}

TEST_F(CachedStoreTest, NeverGivesWhatWasRemovedThroughIt) {
  // Read before, asked before, and asked while the removal was under way.
  ASSERT_TRUE(get(1).ok());
  inner_->tell(digestOf(1));
  ask(1);
  remove(1);
  ask(1);
  inner_->answerAll();
  EXPECT_EQ(get(1).status().code(), Code::kNotFound);
}

TEST_F(CachedStoreTest, KeepsNothingThatWasReadWhileAWriteWasUnderWay) {
  put(1);
  put(1);
  ask(1);
  inner_->answerOne();  // the first put
  ask(1);
  inner_->answerAll();
  EXPECT_FALSE(kept(1));
  EXPECT_TRUE(kept(1));
}

TEST_F(CachedStoreTest, ForgetsWhatTheStoreSaysHasChanged) {
  ASSERT_TRUE(get(1).ok() && get(2).ok() && get(3).ok());
  inner_->tell(digestOf(2));
  EXPECT_TRUE(kept(1));
  EXPECT_FALSE(kept(2));
  inner_->tell(std::nullopt);
  for (uint64_t key = 1; key <= 3; ++key) EXPECT_FALSE(kept(key)) << key;
}

TEST_F(CachedStoreTest, KeepsNothingThatWasReadBeforeAChangeWasTold) {
  for (const auto& told : {std::optional<Digest>(digestOf(1)), std::optional<Digest>()}) {
    ask(1);
    inner_->set(digestOf(1), recordOf(9));
    inner_->tell(told);
    inner_->answerAll();
    EXPECT_EQ(get(1)->record, recordOf(9));
    inner_->set(digestOf(1), recordOf(1));
    inner_->tell(told);
  }
}

TEST_F(CachedStoreTest, TellsOfAChangeWhenItHasForgotten) {
  ASSERT_TRUE(get(1).ok());
  bool told = false;
  const auto watch = store_->watch([&](auto) {
    told = true;
    EXPECT_FALSE(kept(1));
  });
  inner_->tell(digestOf(1));
  EXPECT_TRUE(told);
}

TEST_F(CachedStoreTest, AsksAgainWhenARecordHasExpired) {
  Record record = recordOf(1);
  record.expires = clock_.now() + std::chrono::seconds(1);
  inner_->set(digestOf(1), record);
  EXPECT_FALSE(kept(1));
  EXPECT_TRUE(kept(1));
  clock_.advance(std::chrono::seconds(1));
  inner_->records.erase(digestOf(1));
  EXPECT_EQ(get(1).status().code(), Code::kNotFound);
}

TEST_F(CachedStoreTest, NeverKeepsThatARefIsNotThere) {
  EXPECT_EQ(get(50).status().code(), Code::kNotFound);
  inner_->set(digestOf(50), recordOf(50));
  EXPECT_TRUE(get(50).ok());
}

TEST_F(CachedStoreTest, DropsWhatWasNotReadForLongestAboveItsBytes) {
  open(3 * (weightOf(recordOf(11)) + 160));
  for (const uint64_t key : {11, 12, 13}) ASSERT_TRUE(get(key).ok());
  EXPECT_TRUE(kept(11));
  EXPECT_FALSE(kept(14));
  EXPECT_FALSE(kept(12));
  EXPECT_TRUE(kept(11));
  EXPECT_FALSE(kept(13));
}

TEST_F(CachedStoreTest, KeepsNoRecordThatIsLargerThanAllOfIt) {
  open(20'000);
  inner_->set(digestOf(1), recordOf(1, 20'000));
  EXPECT_FALSE(kept(2));
  EXPECT_FALSE(kept(1));
  EXPECT_FALSE(kept(1));
  EXPECT_TRUE(kept(2));
}

TEST_F(CachedStoreTest, AnswersNobodyAfterItsEnd) {
  ASSERT_TRUE(get(1).ok());
  int answers = 0;
  for (int i = 0; i < 3; ++i) {
    store_->get(digestOf(1), [&](auto) {
      ++answers;
      store_.reset();
    });
  }
  loop_.drain();
  EXPECT_EQ(answers, 1);
}

TEST(CachedStore, IsNotPutBeforeAStoreThatCannotWatch) {
  test::TestLoop loop;
  auto inner = std::make_unique<SlowStore>(SlowStore::CanWatch::kNo);
  Store* const bare = inner.get();
  EXPECT_EQ(CachedStore::wrap(std::move(inner), loop.post(), ManualClock().clock()).get(), bare);
}

}  // namespace
}  // namespace vatmesh::store
