// SPDX-License-Identifier: Apache-2.0
//
// TestLoop stands for the process's event loop where only `post` is needed: callbacks from any
// thread run on the thread of the test, when it says so.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace vatmesh::test {

class TestLoop {
 public:
  std::function<void(std::function<void()>)> post() {
    return [shared = shared_](std::function<void()> callback) {
      std::lock_guard lock(shared->mutex);
      shared->callbacks.push_back(std::move(callback));
      shared->ready.notify_one();
    };
  }

  // Runs callbacks until `done` is true, or `limit` has passed. Returns `done()`.
  bool runUntil(const std::function<bool()>& done,
                std::chrono::milliseconds limit = std::chrono::minutes(1)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!done()) {
      std::unique_lock lock(shared_->mutex);
      if (!shared_->ready.wait_until(lock, end, [&] { return !shared_->callbacks.empty(); })) break;
      const auto callback = std::move(shared_->callbacks.front());
      shared_->callbacks.pop_front();
      lock.unlock();
      callback();
    }
    return done();
  }

  // Runs what waits now.
  void drain() {
    runUntil([this] {
      std::lock_guard lock(shared_->mutex);
      return shared_->callbacks.empty();
    });
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable ready;
    std::deque<std::function<void()>> callbacks;
  };
  // Outlives us in the hands of whoever posts.
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace vatmesh::test
