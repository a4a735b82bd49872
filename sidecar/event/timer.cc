// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/timer.h"

#include <algorithm>
#include <utility>

#include <event2/event.h>

#include "rpc/base/check.h"

namespace vatmesh::event {

Timer::Timer(Loop& loop, Loop::Callback callback) : loop_(loop), callback_(std::move(callback)) {
  auto expired = [](int, short, void* timer) { static_cast<Timer*>(timer)->expired(); };
  event_ = event_new(loop.base(), -1, 0, expired, this);
  VATMESH_CHECK(event_ != nullptr);
}

Timer::~Timer() {
  event_free(event_);
}

void Timer::armAt(Instant when) {
  if (when == kNever) return cancel();
  when_ = when;
  add(when - loop_.now());
}

void Timer::cancel() {
  if (!armed()) return;
  when_ = kNever;
  event_del(event_);
}

void Timer::add(Duration delay) {
  // Rounded up, so that it isn't early by a fraction.
  const auto us = std::chrono::ceil<std::chrono::microseconds>(std::max(delay, Duration::zero()));
  timeval tv;
  tv.tv_sec = static_cast<time_t>(us.count() / 1'000'000);
  tv.tv_usec = static_cast<suseconds_t>(us.count() % 1'000'000);
  VATMESH_CHECK(event_add(event_, &tv) == 0);
}

void Timer::expired() {
  // libevent counts from the time it cached at the beginning of a wake-up, so it may be early.
  const Duration left = when_ - loop_.now();
  if (left > Duration::zero()) return add(left);
  when_ = kNever;
  callback_();
}

}  // namespace vatmesh::event
