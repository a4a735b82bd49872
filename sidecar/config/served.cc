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
  if (config.control) add("control");
  if (keys.empty()) return Status();
  return {Code::kInvalidArgument, keys + ": served by a later version only; leave it out"};
}

}  // namespace vatmesh::config
