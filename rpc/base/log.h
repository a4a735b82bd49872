// SPDX-License-Identifier: Apache-2.0
//
// Logger writes one line per event to stderr, as text or JSON. Messages never hold ids, full URIs
// or key material: callers name a ref or a peer by the first characters of a digest.
//
//   log.info("link", "accepted from " + peer);      // component first
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace vatmesh {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning", "error".
std::string_view logLevelName(LogLevel level);
std::optional<LogLevel> logLevelFromName(std::string_view name);

enum class LogFormat : uint8_t { kText, kJson };

class Logger {
 public:
  // Gets each finished line without its newline. `main` passes one that writes to stderr.
  using Sink = std::function<void(std::string_view line)>;
  // Gives the current UTC time as RFC 3339; empty leaves time out.
  using Clock = std::function<std::string()>;

  Logger(LogLevel level, LogFormat format, Sink sink, Clock clock = {});

  bool enabled(LogLevel level) const { return level >= level_; }

  // Writes `message` for `component`; control characters are escaped, so a peer's text can't forge
  // a line.
  void write(LogLevel level, std::string_view component, std::string_view message);

  void debug(std::string_view component, std::string_view message) {
    write(LogLevel::kDebug, component, message);
  }
  void info(std::string_view component, std::string_view message) {
    write(LogLevel::kInfo, component, message);
  }
  void warning(std::string_view component, std::string_view message) {
    write(LogLevel::kWarning, component, message);
  }
  void error(std::string_view component, std::string_view message) {
    write(LogLevel::kError, component, message);
  }

  // Lines written so far by level, for vatmesh_log_messages_total.
  uint64_t count(LogLevel level) const { return counts_[static_cast<size_t>(level)]; }

 private:
  LogLevel level_;
  LogFormat format_;
  Sink sink_;
  Clock clock_;
  std::array<uint64_t, 4> counts_{};
};

}  // namespace vatmesh
