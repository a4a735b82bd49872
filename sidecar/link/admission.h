// SPDX-License-Identifier: Apache-2.0
//
// Admission bounds what strangers can make us hold: descriptors are few, and a connection takes one
// before anybody has said who they are. It counts the incoming links that are open; above a bound
// the listeners close a new connection at once, so descriptors are left for the admin port, for
// applications and for files.
#pragma once

#include <cstddef>
#include <string>

#include "sidecar/link/log_limiter.h"
#include "sidecar/link/settings.h"
#include "sidecar/metrics/counters.h"

namespace vatmesh::link {

class Admission {
 public:
  // All references outlive it. The bounds are those of `settings`.
  Admission(event::Loop& loop, Logger& log, metrics::Counters& counters, const Settings& settings);

  // Whether one more incoming connection may be opened, now that a listener has `handshakes` in
  // progress. If not, the refusal is counted and, now and then, logged; `component` and `who` are
  // for the text.
  bool allows(std::string_view component, const std::string& who, size_t handshakes = 0);

  // From the Hub: an incoming link begins, and is gone with its descriptor.
  void opened() { ++open_; }
  void closed() { --open_; }

 private:
  bool refuse(metrics::RefuseReason reason, std::string_view component, const std::string& text);

  metrics::Counters& counters_;
  const Settings& settings_;
  size_t open_ = 0;
  LogLimiter log_;
};

}  // namespace vatmesh::link
