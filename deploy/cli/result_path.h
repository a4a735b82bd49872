// SPDX-License-Identifier: Apache-2.0
//
// Where in the results of a method the capability lies that is meant.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <capnp/schema.h>

#include "rpc/base/status.h"

namespace vatmesh::deploy {

// capabilityPath gives the names of the fields that lead to the capability in `results`: the one at
// `field` (names with dots between them), or without it the only one there is. Those in lists are
// out of reach. kInvalidArgument says which there are.
Result<std::vector<std::string>> capabilityPath(capnp::StructSchema results,
                                                const std::optional<std::string>& field);

}  // namespace vatmesh::deploy
