// SPDX-License-Identifier: Apache-2.0
//
// The paths of the admin port and what they answer (contracts: exact paths, GET and HEAD only).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/admin/http.h"
#include "sidecar/metrics/exposition.h"

namespace vatmesh::admin {

// One thing that must be true before the sidecar is started or ready.
struct Check {
  // kTold holds nothing back: it is shown where all checks of readiness are.
  enum class Phase : uint8_t { kStartup, kReady, kTold };

  std::string name;
  Phase phase = Phase::kStartup;
  bool ok = false;
  std::string detail;  // why not; no ids, no keys
};

// What the rest of the process tells; called for each request that needs it.
struct Sources {
  std::function<std::vector<Check>()> checks;
  std::function<std::string(metrics::Format)> metrics;
  std::string version;  // the whole text of /version
};

// True when every check of `phase` and of the phases before it holds.
bool passes(const std::vector<Check>& checks, Check::Phase phase);

// Liveness, startup and readiness: what one socket is kept for.
bool isProbe(std::string_view path);

Response route(const Request& request, const Sources& sources);

}  // namespace vatmesh::admin
