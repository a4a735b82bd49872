// SPDX-License-Identifier: Apache-2.0
//
// TestStore is a store in memory that a test can have fail, or keep waiting for its answers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "persistence/memory_store.h"

namespace vatmesh::test {

class TestStore : public store::Store {
 public:
  TestStore(store::Post post, store::WallClock now) : inner_(std::move(post), std::move(now)) {}

  void get(const store::Digest& digest, OnGet done) override {
    ++gets;
    inner_.get(digest, [this, digest, done = std::move(done)](Result<store::Stored> stored) {
      if (corrupt.contains(digest)) stored = Status(Code::kCorrupt, "damaged");
      answer([this, done, stored = std::move(stored)] {
        done(failing.ok() ? stored : Result<store::Stored>(failing));
      });
    });
  }
  void put(const store::Digest& digest, store::Record record, store::Version expected,
           OnPut done) override {
    if (!failing.ok()) {
      return inner_.health([why = failing, done](const Status&) { done(why); });
    }
    corrupt.erase(digest);
    inner_.put(digest, std::move(record), expected,
               [this, done = std::move(done)](const Result<store::Version>& version) {
                 answer([done, version] { done(version); });
               });
  }
  void remove(const store::Digest& digest, store::Version expected, OnRemove done) override {
    if (!failing.ok()) {
      return inner_.health([why = failing, done](const Status&) { done(why); });
    }
    inner_.remove(digest, expected, [this, done = std::move(done)](const Status& status) {
      answer([done, status] { done(status); });
    });
  }
  void list(std::string page_token, size_t limit, OnList done) override {
    inner_.list(std::move(page_token), limit, std::move(done));
  }
  std::unique_ptr<store::Watch> watch(OnChange on_change) override {
    if (!watched) return nullptr;
    return inner_.watch(std::move(on_change));
  }
  void health(OnHealth done) override {
    inner_.health(
        [this, done = std::move(done)](const Status&) { answer([this, done] { done(failing); }); });
  }

  // Gives what was held back.
  void release() {
    holding = false;
    for (const auto& each : std::exchange(held_, {})) each();
  }
  size_t held() const { return held_.size(); }

  Status failing;        // of every operation; ok: they succeed
  bool holding = false;  // back the answers
  bool watched = true;   // before anybody watches
  std::set<store::Digest> corrupt;
  int gets = 0;

 private:
  void answer(std::function<void()> give) {
    if (holding) {
      held_.push_back(std::move(give));
    } else {
      give();
    }
  }

  std::vector<std::function<void()>> held_;
  store::MemoryStore inner_;
};

}  // namespace vatmesh::test
