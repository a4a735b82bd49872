// SPDX-License-Identifier: Apache-2.0
//
// The loader makes a Config from YAML text, or says everything that is wrong with it at once, each
// as `FILE:LINE:COLUMN: what is wrong; what would be right` with lines and columns from 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/base/status.h"
#include "sidecar/config/capnp_options.h"
#include "sidecar/config/config.h"

namespace vatmesh::config {

// Longer texts are refused unread; so is nesting deeper than anything that we know.
inline constexpr size_t kMaxConfigSize = 1 << 20;

struct Source {
  std::string file_name;    // as errors show it; "-" for standard input
  std::string text;         // YAML
  std::string base_folder;  // absolute; what relative paths are relative to
  // Bytes that this process may use; `limits.total` is at most half of it. Absent: no bound.
  std::optional<uint64_t> memory_limit;
  // Options of the command line; they win over the text, which may be empty. Their paths are
  // relative to `options_folder`, and their errors name the command line.
  CapnpOptions options = {};
  std::string options_folder = {};
};

// load never fails half: either `config`, or one or more `errors` in the order of their places.
struct Loaded {
  std::optional<Config> config;
  std::vector<std::string> errors;
};
Loaded load(const Source& source);

// sourceWithoutFile is for a configuration that stands on the command line alone. kFailed.
Result<Source> sourceWithoutFile();

// readSource reads the file `path` ("-": standard input; its base folder is the current one) and
// the cgroup's memory limit. kNotFound, kRefused, kInvalidArgument with a text for the user.
Result<Source> readSource(const std::string& path);

}  // namespace vatmesh::config
