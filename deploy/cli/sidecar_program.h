// SPDX-License-Identifier: Apache-2.0
//
// `expose` and `open` are the sidecar with a configuration made from flags.
#pragma once

#include <string>
#include <vector>

#include "deploy/cli/arguments.h"
#include "sidecar/config/config.h"
#include "sidecar/event/fd.h"

namespace vatmesh::deploy {

// checkConfig checks `config` as if it had stood in a file of the current folder, and fills in what
// follows from it, such as absolute paths. kInvalidArgument with every error on a line of its own.
Result<config::Config> checkConfig(const config::Config& config);

// sidecarPath is the path of the `vatmesh-sidecar` that lies beside this program. kUnavailable.
Result<std::string> sidecarPath();

// memoryFile is an anonymous file with `text` in it, read from its beginning. Rather than a pipe:
// it holds any size without a process that writes.
Result<event::Fd> memoryFile(const std::string& text);

// becomeSidecar replaces this process by the `vatmesh-sidecar` that lies beside it, with `config`
// on its standard input, so that no URI stands among its arguments. Returns an exit code when that
// fails.
int becomeSidecar(const config::Config& config, const std::vector<std::string>& more_arguments);

}  // namespace vatmesh::deploy
