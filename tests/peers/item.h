// SPDX-License-Identifier: Apache-2.0
//
// ItemServer is the object that both ends pass around. It counts its calls, so that order can be
// checked, and its Population knows which items are alive and recognises them when they come back.
#pragma once

#include <cstdint>
#include <vector>

#include <capnp/capability.h>
#include <kj/refcount.h>

#include "probe.capnp.h"

namespace probe {

// Population is all items of one process. Outlives them.
struct Population {
  uint32_t alive = 0;
  capnp::CapabilityServerSet<Item> set;

  // A new item. If `seen` is given, the item appends the number of each call of `next` to it.
  Item::Client make(std::vector<uint32_t>* seen = nullptr);
};

class ItemServer final : public Item::Server {
 public:
  ItemServer(Population& population, std::vector<uint32_t>* seen)
      : population_(population), seen_(seen) {
    ++population_.alive;
  }
  ~ItemServer() noexcept(false) { --population_.alive; }

  kj::Promise<void> next(NextContext context) override {
    uint32_t number = context.getParams().getNumber();
    if (seen_ != nullptr) seen_->push_back(number);
    auto results = context.getResults();
    results.setNumber(number);
    results.setPosition(calls_++);
    return kj::READY_NOW;
  }

  kj::Promise<void> child(ChildContext context) override {
    auto box = context.getResults().initBox();
    box.setLabel("child");
    box.setItem(population_.make(seen_));
    return kj::READY_NOW;
  }

 private:
  Population& population_;
  std::vector<uint32_t>* seen_;
  uint32_t calls_ = 0;
};

inline Item::Client Population::make(std::vector<uint32_t>* seen) {
  return set.add(kj::heap<ItemServer>(*this, seen));
}

}  // namespace probe
