// SPDX-License-Identifier: Apache-2.0
//
// What every store needs to keep S1: a way back to the loop that ends with the store, and the list
// of those who watch.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "persistence/store.h"

namespace vatmesh::store {

// Completions runs callbacks on the loop's thread as long as it lives. Made and destroyed on that
// thread; `post` may be called from any.
class Completions {
 public:
  explicit Completions(Post post) : post_(std::move(post)) {}
  ~Completions() { *alive_ = false; }
  Completions(const Completions&) = delete;
  Completions& operator=(const Completions&) = delete;

  void post(std::function<void()> callback) const {
    post_([alive = alive_, callback = std::move(callback)] {
      if (*alive) callback();
    });
  }

  // Runs them in order in one turn; one may destroy us, and then the rest don't run.
  void postAll(std::vector<std::function<void()>> callbacks) const {
    post_([alive = alive_, callbacks = std::move(callbacks)] {
      for (const auto& callback : callbacks) {
        if (*alive) callback();
      }
    });
  }

 private:
  Post post_;
  // Read and written on the loop's thread only.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// WatchList belongs to the loop's thread.
class WatchList {
 public:
  std::unique_ptr<Watch> add(Store::OnChange on_change) {
    auto callback = std::make_shared<Store::OnChange>(std::move(on_change));
    std::erase_if(callbacks_, [](const auto& held) { return held.expired(); });
    callbacks_.push_back(callback);
    return std::make_unique<Held>(std::move(callback));
  }

  // Tells all; a callback may add and destroy watches.
  void tell(std::optional<Digest> digest) const {
    const auto callbacks = callbacks_;
    for (const auto& held : callbacks) {
      if (const auto callback = held.lock()) (*callback)(digest);
    }
  }

 private:
  struct Held : Watch {
    explicit Held(std::shared_ptr<Store::OnChange> held) : callback(std::move(held)) {}
    std::shared_ptr<Store::OnChange> callback;
  };

  std::vector<std::weak_ptr<Store::OnChange>> callbacks_;
};

}  // namespace vatmesh::store
