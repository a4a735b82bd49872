// SPDX-License-Identifier: Apache-2.0
//
// Token buckets, kept as the time until which their tokens are spent.
#include "sidecar/link/log_limiter.h"

#include <algorithm>

namespace vatmesh::link {

LogLimiter::LogLimiter(event::Loop& loop, Logger& log, Rate rate)
    : loop_(loop), log_(log), rate_(rate), timer_(loop, [this] { writeHeld(); }) {}

LogLimiter::~LogLimiter() {
  writeHeld();
}

void LogLimiter::write(LogLevel level, std::string_view component, std::string_view cause,
                       std::string message) {
  if (!log_.enabled(level)) return;
  Bucket& bucket = buckets_[{std::string(component), std::string(cause)}];
  const bool has_token = bucket.paid_until <= loop_.now() + rate_.interval * (rate_.burst - 1);
  // Nothing overtakes what is held.
  if (bucket.held == 0 && has_token) {
    pay(bucket);
    log_.write(level, component, message);
    return;
  }
  ++bucket.held;
  bucket.level = level;
  bucket.last = std::move(message);
  if (!timer_.armed()) timer_.arm(rate_.interval);
}

void LogLimiter::pay(Bucket& bucket) {
  bucket.paid_until = std::max(bucket.paid_until, loop_.now()) + rate_.interval;
}

void LogLimiter::writeHeld() {
  for (auto& [key, bucket] : buckets_) {
    if (bucket.held == 0) continue;
    pay(bucket);
    const uint64_t others = std::exchange(bucket.held, 0) - 1;
    if (others > 0) bucket.last += " … " + std::to_string(others) + " more like this";
    log_.write(bucket.level, key.first, std::exchange(bucket.last, {}));
  }
}

}  // namespace vatmesh::link
