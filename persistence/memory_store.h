// SPDX-License-Identifier: Apache-2.0
//
// MemoryStore forgets everything with the process: for tests, and for refs that need not survive.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "persistence/completions.h"
#include "persistence/store.h"
#include "persistence/texts.h"

namespace vatmesh::store {

class MemoryStore : public Store {
 public:
  MemoryStore(Post post, WallClock now) : completions_(std::move(post)), now_(std::move(now)) {}

  void get(const Digest& digest, OnGet done) override;
  void put(const Digest& digest, Record record, Version expected, OnPut done) override;
  void remove(const Digest& digest, Version expected, OnRemove done) override;
  void list(std::string page_token, size_t limit, OnList done) override;
  std::unique_ptr<Watch> watch(OnChange on_change) override;
  void health(OnHealth done) override;

 private:
  Page page(const PageStart& start) const;
  void dropExpired();
  void drop(std::map<Digest, Stored>::iterator entry);
  Status checkVersion(const Digest& digest, Version expected) const;
  void told(const Digest& digest);

  Completions completions_;
  WallClock now_;
  WatchList watches_;
  std::map<Digest, Stored> refs_;
  std::set<std::pair<UnixTime, Digest>> expiring_;
};

}  // namespace vatmesh::store
