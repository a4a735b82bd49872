// SPDX-License-Identifier: Apache-2.0
//
// Finds the names in a text of arguments that the schema lacks. The parser of libcapnp finds them
// too, but can't say what is there instead.
#pragma once

#include <string_view>

#include <capnp/schema.h>

#include "rpc/base/status.h"

namespace vatmesh::deploy {

// checkNames is kInvalidArgument for the first field or enumerant of `text` that `schema` lacks.
// Anything else that is wrong with the text is left to the parser.
Status checkNames(std::string_view text, capnp::StructSchema schema);

}  // namespace vatmesh::deploy
