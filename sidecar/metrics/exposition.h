// SPDX-License-Identifier: Apache-2.0
//
// Turns all counters of the process into the text that Prometheus scrapes. Every combination of
// labels is present from the start, and no label comes from a peer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rpc/captp/counters.h"
#include "sidecar/metrics/counters.h"

namespace vatmesh::metrics {

// Everything that one scrape shows. The references are read during the call only.
struct Readings {
  const Counters& sidecar;
  const captp::Counters& engine;
  captp::TableSizes tables;
  std::array<uint64_t, 4> log_messages{};  // by LogLevel
  double start_time_seconds = 0;           // since the epoch
  bool ready = false;
  std::optional<bool> store_up;  // none: no store is configured
  uint64_t buffered_bytes = 0;
  std::string_view version;
  std::string_view tls_library;
};

enum class Format : uint8_t { kText, kOpenMetrics };

// The format that the Accept header `accept` asks for: OpenMetrics when it is named there with a
// quality above zero, else text.
Format chooseFormat(std::string_view accept);

// The Content-Type of `format`.
std::string_view contentType(Format format);

// All families as text. Reads /proc/self for process_*; what can't be read is left out.
std::string render(const Readings& readings, Format format);

}  // namespace vatmesh::metrics
