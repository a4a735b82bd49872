// SPDX-License-Identifier: Apache-2.0
//
// What to say when a user names something that a schema doesn't have.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rpc/base/status.h"

namespace vatmesh::deploy {

// unknownName is kInvalidArgument: `unknown KIND "NAME" in PLACE; did you mean "NEAR"?` with all
// `known` names, of which a very long list is cut.
Status unknownName(std::string_view kind, std::string_view name, std::string_view place,
                   const std::vector<std::string>& known);

}  // namespace vatmesh::deploy
