// SPDX-License-Identifier: Apache-2.0
//
// printConfig shows a configuration as YAML that `load` reads back to the same.
#pragma once

#include <string>

#include "sidecar/config/config.h"

namespace vatmesh::config {

// printConfig writes what differs from the defaults. An import's URI is written in full with its
// secret, so the text goes to the user and to the sidecar, never into a log.
std::string printConfig(const Config& config);

}  // namespace vatmesh::config
