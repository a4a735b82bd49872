// SPDX-License-Identifier: Apache-2.0
//
// MeteredStore counts and times what another store is asked for, and tells how it went.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "persistence/store.h"
#include "sidecar/event/loop.h"
#include "sidecar/metrics/counters.h"

namespace vatmesh::restore {

class MeteredStore : public store::Store {
 public:
  using OnOutcome = std::function<void(const Status&)>;

  // `loop` and `counters` outlive it. `on_outcome` may be null; it hears of all but health.
  MeteredStore(event::Loop& loop, metrics::Counters& counters, std::unique_ptr<store::Store> store,
               OnOutcome on_outcome)
      : loop_(loop),
        counters_(counters),
        on_outcome_(std::move(on_outcome)),
        store_(std::move(store)) {}

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
  const OnOutcome on_outcome_;
  const std::unique_ptr<store::Store> store_;  // after whose end no completion runs
};

}  // namespace vatmesh::restore
