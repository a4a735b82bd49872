// SPDX-License-Identifier: Apache-2.0
//
// The parts of the loader, one per area of the configuration, private to this folder. Each notes
// its errors in the context and leaves the default where a value is wrong.
#pragma once

#include <optional>
#include <string>

#include "sidecar/config/config.h"
#include "sidecar/config/section.h"

namespace vatmesh::config {

// load_app.cc: `app` of the top or of an export, short and long form.
std::optional<App> readApp(Context& context, const Node& node, const std::string& name);

// load_names.cc: `exports` and `imports`. An export without an app gets `app`; without either it is
// an error.
void readExports(Context& context, const Node& node, const std::optional<App>& app, Config& config);
void readImports(Context& context, const Node& node, Config& config);

// load_network.cc
void readListen(Context& context, const Node& node, Config& config);
void readTcp(Context& context, const Node& node, Tcp& tcp);
void readTimeouts(Context& context, const Node& node, Timeouts& timeouts);

// load_limits.cc. `limits` null: the defaults, which are bounded by the memory limit too.
void readLimits(Context& context, const Node* node, std::optional<uint64_t> memory_limit,
                Limits& limits);

// load_checks.cc: what must hold between the keys.
void checkTogether(Context& context, const Node& root, const Config& config);

}  // namespace vatmesh::config
