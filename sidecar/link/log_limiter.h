// SPDX-License-Identifier: Apache-2.0
//
// LogLimiter keeps others from filling our log: of each (component, cause) it writes a burst of
// lines and then one for each interval, which tells how many there were. It only spares lines;
// whoever counts events does so beside it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "rpc/base/log.h"
#include "sidecar/event/loop.h"
#include "sidecar/event/timer.h"

namespace vatmesh::link {

class LogLimiter {
 public:
  struct Rate {
    int burst = 10;
    Duration interval = std::chrono::seconds(1);
  };

  // Both references outlive it.
  LogLimiter(event::Loop& loop, Logger& log, Rate rate);
  LogLimiter(event::Loop& loop, Logger& log) : LogLimiter(loop, log, Rate()) {}
  // Writes what it holds back.
  ~LogLimiter();
  LogLimiter(const LogLimiter&) = delete;
  LogLimiter& operator=(const LogLimiter&) = delete;

  // Logs `message` now, or holds it back. At the next interval the last one that was held back is
  // written, with the number of the others. A `cause` is one of a few words of ours, since each is
  // remembered.
  void write(LogLevel level, std::string_view component, std::string_view cause,
             std::string message);

 private:
  struct Bucket {
    Instant paid_until{};  // the lines written so far use up the time until then
    uint64_t held = 0;
    LogLevel level = LogLevel::kDebug;  // of the last that is held
    std::string last;
  };

  void pay(Bucket& bucket);
  void writeHeld();

  event::Loop& loop_;
  Logger& log_;
  const Rate rate_;
  std::map<std::pair<std::string, std::string>, Bucket> buckets_;  // by component and cause
  event::Timer timer_;                                             // armed while something is held
};

}  // namespace vatmesh::link
