// SPDX-License-Identifier: Apache-2.0
#include "sidecar/restore/store_health.h"

#include <utility>

namespace vatmesh::restore {

Status storeFailure(const Status& status) {
  switch (status.code()) {
    case Code::kInvalidArgument:
      return status;  // of the record that was given, not of the store
    case Code::kFull:
      return {Code::kOverloaded, "the store of sturdy refs is full; try again later"};
    default:
      return {Code::kOverloaded, "the store of sturdy refs can't be used now; try again later"};
  }
}

StoreHealth::StoreHealth(event::Loop& loop, Logger& log, store::Store& store, Times times)
    : loop_(loop),
      log_(log),
      store_(store),
      times_(times),
      timer_(loop, [this] { expired(); }),
      self_(std::make_shared<StoreHealth*>(this)) {
  ask();
}

void StoreHealth::ask() {
  const uint64_t question = ++question_;
  waiting_ = true;
  timer_.arm(times_.patience);
  store_.health([alive = std::weak_ptr<StoreHealth*>(self_), this, question](const Status& status) {
    if (!alive.expired()) answered(question, status);
  });
}

void StoreHealth::answered(uint64_t question, const Status& status) {
  if (question != question_) return;
  waiting_ = false;
  set(status);
  timer_.arm(status.ok() ? times_.well : times_.ill);
}

void StoreHealth::report(const Status& outcome) {
  const Code code = outcome.code();
  const bool tells = code == Code::kUnavailable || code == Code::kRefused || code == Code::kFull ||
                     code == Code::kTimeout;
  if (tells && status_.ok() && !waiting_) ask();
}

void StoreHealth::expired() {
  if (!waiting_) return ask();
  // Whatever it says in the end, it is asked no second time meanwhile.
  set(Status(Code::kTimeout, "it gives no answer"));
}

void StoreHealth::set(Status status) {
  const bool back = status.ok() && !status_.ok();
  if (!status.ok() && !std::exchange(told_, true)) {
    log_.warning("store", "the store can't be used: " + status.message() + "; trying again");
  }
  if (status.ok() && std::exchange(told_, false)) log_.info("store", "the store is back");
  status_ = std::move(status);
  if (!back) return;
  for (const auto& on_back : observers_) on_back();
}

}  // namespace vatmesh::restore
