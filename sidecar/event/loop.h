// SPDX-License-Identifier: Apache-2.0
//
// Loop runs everything of one thread. Every handle (Timer, IoEvent, ...) belongs to one Loop, must
// die before it, and cancels when it is destroyed: a callback may capture `this` when the handle is
// a member of `this`.
//
// One turn is one wake-up. Its order:
//   1. ready descriptors, signals and expired timers, in no fixed order;
//   2. callbacks given to `post`, first in first out, those that were there when step 2 began;
//   3. NextTurn handles armed in an earlier turn, first in first out;
//   4. TurnEnd hooks, first in first out, and those armed meanwhile (a few rounds; what then is
//      left runs in the next turn);
//   5. objects given to `deferDelete` are destroyed.
// The loop sleeps only when nothing of 2 to 5 is waiting. So whatever the events of one wake-up
// queued towards one destination is written once, in step 4.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "rpc/base/instant.h"
#include "sidecar/event/fd.h"

struct event;
struct event_base;

namespace vatmesh::event {

class NextTurn;
class TurnEnd;

class Loop {
 public:
  using Callback = std::function<void()>;

  // Aborts the process when the system gives no event queue.
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs turns until `stop`. The thread that calls it owns the loop from then on.
  void run();
  // Ends `run` after the current turn, with its steps 2 to 5. Loop's thread only.
  void stop() { stopped_ = true; }
  // Runs turns until `done` is true after one of them, or `limit` has passed. Returns `done()`.
  // For tests and for programs that wait for one thing.
  bool runUntil(const std::function<bool()>& done, Duration limit);

  // Runs `callback` in a later turn. The only method that other threads may call. What is still
  // waiting when the loop is destroyed is destroyed without having run.
  void post(Callback callback);

  // Destroys `object` at the end of this turn: how an object dies inside its own callback.
  template <typename T>
  void deferDelete(std::unique_ptr<T> object) {
    if (object) deleted_.emplace_back(object.release(), [](void* p) { delete static_cast<T*>(p); });
  }

  // The monotonic clock, read now.
  Instant now() const { return std::chrono::steady_clock::now(); }

  // Turns so far.
  uint64_t turns() const { return turns_; }

  // For the handles of this folder and for libevent's own HTTP server.
  event_base* base() { return base_; }

 private:
  friend class NextTurn;
  friend class TurnEnd;
  using Deleted = std::unique_ptr<void, void (*)(void*)>;

  void turn(bool may_sleep);
  bool hasWork() const;
  void drainWakeup();
  void runPosts();
  void runNextTurns();
  void runTurnEnds();
  void deleteDeferred();

  event_base* base_;
  Fd wakeup_;  // eventfd that `post` writes to
  ::event* wakeup_event_ = nullptr;
  bool stopped_ = false;
  uint64_t turns_ = 0;
  std::thread::id thread_;

  std::mutex mutex_;  // guards posts_
  std::vector<Callback> posts_;
  std::vector<Callback> running_posts_;
  std::atomic<bool> has_posts_ = false;

  // Slots become null when a handle dies while it is armed.
  std::vector<NextTurn*> next_turns_;
  std::vector<NextTurn*> running_next_turns_;
  std::vector<TurnEnd*> turn_ends_;
  std::vector<TurnEnd*> running_turn_ends_;
  std::vector<Deleted> deleted_;
};

// NextTurn runs its callback once in the next turn, which doesn't sleep before it: for work that is
// cut into pieces so that others get their turn. Arming allocates nothing once warm.
class NextTurn {
 public:
  NextTurn(Loop& loop, Loop::Callback callback) : loop_(loop), callback_(std::move(callback)) {}
  ~NextTurn() { cancel(); }
  NextTurn(const NextTurn&) = delete;
  NextTurn& operator=(const NextTurn&) = delete;

  // No effect when it is armed already.
  void arm();
  void cancel();
  bool armed() const { return armed_; }

 private:
  friend class Loop;
  Loop& loop_;
  Loop::Callback callback_;
  bool armed_ = false;
};

// TurnEnd runs its callback once at the end of the turn in which it was armed (step 4 above).
// Arming allocates nothing once warm.
class TurnEnd {
 public:
  TurnEnd(Loop& loop, Loop::Callback callback) : loop_(loop), callback_(std::move(callback)) {}
  ~TurnEnd() { cancel(); }
  TurnEnd(const TurnEnd&) = delete;
  TurnEnd& operator=(const TurnEnd&) = delete;

  // No effect when it is armed already. Outside a turn: runs in the next one, which doesn't sleep.
  void arm();
  void cancel();
  bool armed() const { return armed_; }

 private:
  friend class Loop;
  Loop& loop_;
  Loop::Callback callback_;
  bool armed_ = false;
};

}  // namespace vatmesh::event
