// SPDX-License-Identifier: Apache-2.0
//
// Loads texts as if they stood in /etc/mesh/sidecar.yaml.
#pragma once

#include <string>
#include <utility>

#include "sidecar/config/load.h"

namespace vatmesh::config {

inline Loaded loadText(std::string text, std::optional<uint64_t> memory_limit = {}) {
  return load({"sidecar.yaml", std::move(text), "/etc/mesh", memory_limit});
}

// The errors, each with its newline; empty when the text is right.
inline std::string errorsOf(std::string text) {
  std::string out;
  for (const std::string& error : loadText(std::move(text)).errors) out += error + "\n";
  return out;
}

// For texts that are right; else an empty configuration, so that the test's own comparison fails.
inline Config configOf(std::string text, std::optional<uint64_t> memory_limit = {}) {
  return loadText(std::move(text), memory_limit).config.value_or(Config{});
}

}  // namespace vatmesh::config
