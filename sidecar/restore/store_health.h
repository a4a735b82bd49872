// SPDX-License-Identifier: Apache-2.0
//
// StoreHealth knows whether the store can be used: it asks now and then, more often while it can't,
// and at once when an operation has failed. Nobody restarts because of a store, and what is served
// without one goes on.
#pragma once

#include <functional>
#include <vector>

#include "persistence/store.h"
#include "rpc/base/log.h"
#include "rpc/base/status.h"
#include "sidecar/event/timer.h"

namespace vatmesh::restore {

// What peers and programs are told when a store's operation failed with `status`: the operator
// finds the cause in the log.
Status storeFailure(const Status& status);

class StoreHealth {
 public:
  struct Times {
    Duration well = std::chrono::seconds(5);      // between two questions
    Duration ill = std::chrono::seconds(1);       // the same, while it can't be used
    Duration patience = std::chrono::seconds(5);  // for an answer
  };

  // All references outlive it, or die in the same turn of the loop. Asks at once.
  StoreHealth(event::Loop& loop, Logger& log, store::Store& store, Times times);
  StoreHealth(event::Loop& loop, Logger& log, store::Store& store)
      : StoreHealth(loop, log, store, Times()) {}

  // Ok when it can be used, as far as is known; else why not, for operators. kTimeout: it doesn't
  // answer at all.
  const Status& status() const { return status_; }

  // Hears how an operation on the store went.
  void report(const Status& outcome);

  // Calls `on_back` whenever it can be used again, or for the first time.
  void observe(std::function<void()> on_back) { observers_.push_back(std::move(on_back)); }

 private:
  void ask();
  void answered(uint64_t question, const Status& status);
  void set(Status status);
  void expired();

  event::Loop& loop_;
  Logger& log_;
  store::Store& store_;
  const Times times_;
  Status status_{Code::kUnavailable, "not asked yet"};
  bool told_ = false;      // the log has said that it can't be used
  uint64_t question_ = 0;  // the last one
  bool waiting_ = false;   // for its answer
  std::vector<std::function<void()>> observers_;
  event::Timer timer_;  // the next question, or the end of our patience
  std::shared_ptr<StoreHealth*> self_;
};

}  // namespace vatmesh::restore
