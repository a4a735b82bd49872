// SPDX-License-Identifier: Apache-2.0
//
// What a configuration may say but this version doesn't do yet: silence would be a lie.
#pragma once

#include "rpc/base/status.h"
#include "sidecar/config/config.h"

namespace vatmesh::config {

// kInvalidArgument with the keys of `config` that only a later version serves, all of them at once.
Status checkServed(const Config& config);

}  // namespace vatmesh::config
