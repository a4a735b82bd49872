// SPDX-License-Identifier: Apache-2.0
#include "sidecar/config/served.h"

#include <string_view>

namespace vatmesh::config {

Status checkServed(const Config& config) {
  std::string keys;
  const auto add = [&keys](std::string_view key) {
    if (!keys.empty()) keys += ", ";
    keys += key;
  };
  const auto is_application = [](const App& app) {
    return app.interface == App::Interface::kApplication;
  };
  if (config.control) add("control");
  if (config.app && is_application(*config.app)) add("app.interface: application");
  for (const Export& each : config.exports) {
    const std::string name = "exports." + each.name;
    if (each.ref) add(name + ".ref");
    const bool own_app = each.app != config.app;
    if (own_app && is_application(each.app)) add(name + ".app.interface: application");
  }
  if (keys.empty()) return Status();
  return {Code::kInvalidArgument, keys + ": served by a later version only; leave it out"};
}

}  // namespace vatmesh::config
