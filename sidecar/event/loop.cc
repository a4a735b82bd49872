// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include <event2/event.h>

#include "rpc/base/check.h"
#include "sidecar/event/timer.h"

namespace vatmesh::event {

namespace {

// Hooks that arm each other for ever must not keep the loop from its descriptors.
constexpr int kTurnEndRounds = 16;

template <typename Handle>
void removeHandle(std::vector<Handle*>& from, Handle* handle) {
  std::replace(from.begin(), from.end(), handle, static_cast<Handle*>(nullptr));
}

}  // namespace

Loop::Loop()
    : base_(event_base_new()),
      wakeup_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      thread_(std::this_thread::get_id()) {
  VATMESH_CHECK(base_ != nullptr && wakeup_.valid());
  auto drain = [](int, short, void* loop) { static_cast<Loop*>(loop)->drainWakeup(); };
  wakeup_event_ = event_new(base_, wakeup_.get(), EV_READ | EV_PERSIST, drain, this);
  VATMESH_CHECK(wakeup_event_ != nullptr && event_add(wakeup_event_, nullptr) == 0);
}

Loop::~Loop() {
  deleteDeferred();
  // Callbacks may own handles of this loop, which need the base.
  posts_.clear();
  event_free(wakeup_event_);
  event_base_free(base_);
}

void Loop::run() {
  thread_ = std::this_thread::get_id();
  while (!stopped_) turn(true);
  stopped_ = false;
}

bool Loop::runUntil(const std::function<bool()>& done, Duration limit) {
  thread_ = std::this_thread::get_id();
  bool expired = false;
  Timer timer(*this, [&expired] { expired = true; });
  timer.arm(limit);
  while (!done() && !expired) turn(true);
  return done();
}

void Loop::post(Callback callback) {
  {
    std::lock_guard lock(mutex_);
    posts_.push_back(std::move(callback));
  }
  if (has_posts_.exchange(true)) return;
  const uint64_t one = 1;
  // Can't fail: the counter is far from its end, and the descriptor is ours.
  [[maybe_unused]] ssize_t n = ::write(wakeup_.get(), &one, sizeof(one));
}

void Loop::turn(bool may_sleep) {
  VATMESH_DCHECK(thread_ == std::this_thread::get_id());
  ++turns_;
  const bool sleeps = may_sleep && !hasWork();
  std::swap(next_turns_, running_next_turns_);
  event_base_loop(base_, sleeps ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
  runPosts();
  runNextTurns();
  runTurnEnds();
  deleteDeferred();
}

bool Loop::hasWork() const {
  return has_posts_ || !next_turns_.empty() || !turn_ends_.empty() || !deleted_.empty();
}

void Loop::drainWakeup() {
  uint64_t count;
  [[maybe_unused]] ssize_t n = ::read(wakeup_.get(), &count, sizeof(count));
}

void Loop::runPosts() {
  if (!has_posts_.exchange(false)) return;
  {
    std::lock_guard lock(mutex_);
    std::swap(posts_, running_posts_);
  }
  for (Callback& callback : running_posts_) callback();
  running_posts_.clear();
}

void Loop::runNextTurns() {
  // By index: a callback may cancel others, which nulls their slots.
  for (size_t i = 0; i < running_next_turns_.size(); ++i) {
    NextTurn* next = std::exchange(running_next_turns_[i], nullptr);
    if (next == nullptr) continue;
    next->armed_ = false;
    next->callback_();
  }
  running_next_turns_.clear();
}

void Loop::runTurnEnds() {
  for (int round = 0; round < kTurnEndRounds && !turn_ends_.empty(); ++round) {
    std::swap(turn_ends_, running_turn_ends_);
    for (size_t i = 0; i < running_turn_ends_.size(); ++i) {
      TurnEnd* hook = std::exchange(running_turn_ends_[i], nullptr);
      if (hook == nullptr) continue;
      hook->armed_ = false;
      hook->callback_();
    }
    running_turn_ends_.clear();
  }
}

void Loop::deleteDeferred() {
  while (!deleted_.empty()) {
    // Destructors may defer more.
    std::vector<Deleted> now = std::exchange(deleted_, {});
    now.clear();
  }
}

void NextTurn::arm() {
  if (armed_) return;
  armed_ = true;
  loop_.next_turns_.push_back(this);
}

void NextTurn::cancel() {
  if (!armed_) return;
  armed_ = false;
  removeHandle(loop_.next_turns_, this);
  removeHandle(loop_.running_next_turns_, this);
}

void TurnEnd::arm() {
  if (armed_) return;
  armed_ = true;
  loop_.turn_ends_.push_back(this);
}

void TurnEnd::cancel() {
  if (!armed_) return;
  armed_ = false;
  removeHandle(loop_.turn_ends_, this);
  removeHandle(loop_.running_turn_ends_, this);
}

}  // namespace vatmesh::event
