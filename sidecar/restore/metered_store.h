// SPDX-License-Identifier: Apache-2.0
//
// MeteredStore counts and times what another store is asked for.
#pragma once

#include <memory>
#include <string>

#include "persistence/store.h"
#include "sidecar/event/loop.h"
#include "sidecar/metrics/counters.h"

namespace vatmesh::restore {

class MeteredStore : public store::Store {
 public:
  // `loop` and `counters` outlive it.
  MeteredStore(event::Loop& loop, metrics::Counters& counters, std::unique_ptr<store::Store> store)
      : loop_(loop), counters_(counters), store_(std::move(store)) {}

  void get(const store::Digest& digest, OnGet done) override;
  void getFresh(const store::Digest& digest, OnGet done) override;
  void put(const store::Digest& digest, store::Record record, store::Version expected,
           OnPut done) override;
  void remove(const store::Digest& digest, store::Version expected, OnRemove done) override;
  void list(std::string page_token, size_t limit, OnList done) override;
  std::unique_ptr<store::Watch> watch(OnChange on_change) override {
    return store_->watch(std::move(on_change));
  }
  void health(OnHealth done) override { store_->health(std::move(done)); }

 private:
  template <typename Done>
  Done metered(metrics::StoreOp op, Done done);

  event::Loop& loop_;
  metrics::Counters& counters_;
  const std::unique_ptr<store::Store> store_;  // after whose end no completion runs
};

}  // namespace vatmesh::restore
