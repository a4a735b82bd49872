// SPDX-License-Identifier: Apache-2.0
#include "sidecar/link/admission.h"

namespace vatmesh::link {

namespace {

constexpr LogLimiter::Rate kRefusalLines = {.burst = 1, .interval = std::chrono::seconds(5)};

}  // namespace

Admission::Admission(event::Loop& loop, Logger& log, metrics::Counters& counters,
                     const Settings& settings)
    : counters_(counters), settings_(settings), log_(loop, log, kRefusalLines) {}

bool Admission::allows(std::string_view component, const std::string& who, size_t handshakes) {
  using metrics::RefuseReason;
  if (open_ >= settings_.max_incoming) {
    return refuse(RefuseReason::kConnections, component,
                  who + ": refused: " + std::to_string(open_) +
                      " incoming connections are open, more would use up the descriptors: raise "
                      "the hard limit of open files (ulimit -Hn)");
  }
  if (handshakes >= settings_.max_handshakes) {
    return refuse(RefuseReason::kHandshakes, component,
                  who + ": refused: " + std::to_string(handshakes) +
                      " handshakes are in progress at its listener");
  }
  return true;
}

bool Admission::refuse(metrics::RefuseReason reason, std::string_view component,
                       const std::string& text) {
  ++counters_.refused[metrics::at(reason)];
  log_.write(LogLevel::kWarning, component, metrics::kRefuseReasonNames[metrics::at(reason)], text);
  return false;
}

}  // namespace vatmesh::link
