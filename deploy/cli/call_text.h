// SPDX-License-Identifier: Apache-2.0
//
// Arguments and results of a call as Cap'n Proto text, the form of constants in a schema.
// libcapnp's exceptions stop here.
#pragma once

#include <string>
#include <string_view>

#include <capnp/dynamic.h>

#include "rpc/base/status.h"

namespace vatmesh::deploy {

// readStruct reads `text` into `out`; empty text is no field at all. kInvalidArgument names the
// place, and for an unknown field or enumerant says what is there.
Status readStruct(std::string_view text, capnp::DynamicStruct::Builder out);

// printStruct writes `value` on one line, or on several indented ones when it is long. A capability
// is shown by its interface, as in `<Value>`, and a pointer to anything as `<anything>`.
// kFailed when a peer sent what can't be read.
Result<std::string> printStruct(capnp::DynamicStruct::Reader value);

}  // namespace vatmesh::deploy
