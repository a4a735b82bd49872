// SPDX-License-Identifier: Apache-2.0
#include "rpc/base/log.h"

#include <cstdio>
#include <utility>

namespace vatmesh {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warning", "error"};

// Escapes what would break a line or a JSON string. Quotes only matter to JSON.
std::string escaped(std::string_view text, LogFormat format) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    auto u = static_cast<unsigned char>(c);
    if (c == '\\' || (c == '"' && format == LogFormat::kJson)) {
      out += '\\';
      out += c;
    } else if (u < 0x20 || u == 0x7f) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", u);
      out += code;
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string_view logLevelName(LogLevel level) {
  return kNames[static_cast<size_t>(level)];
}

std::optional<LogLevel> logLevelFromName(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

Logger::Logger(LogLevel level, LogFormat format, Sink sink, Clock clock)
    : level_(level), format_(format), sink_(std::move(sink)), clock_(std::move(clock)) {}

void Logger::write(LogLevel level, std::string_view component, std::string_view message) {
  if (!enabled(level)) return;
  ++counts_[static_cast<size_t>(level)];
  std::string time = clock_ ? clock_() : std::string();
  std::string text = escaped(message, format_);
  std::string line;
  if (format_ == LogFormat::kJson) {
    line = "{";
    if (!time.empty()) line += "\"ts\":\"" + time + "\",";
    line += "\"level\":\"" + std::string(logLevelName(level)) + "\",\"component\":\"" +
            std::string(component) + "\",\"msg\":\"" + text + "\"}";
  } else {
    if (!time.empty()) line = time + " ";
    line += std::string(logLevelName(level)) + " " + std::string(component) + ": " + text;
  }
  sink_(line);
}

}  // namespace vatmesh
