// SPDX-License-Identifier: Apache-2.0
//
// The one table between Status and what travels on the wire, and the texts that peers see.
#pragma once

#include <string_view>

#include "rpc/base/status.h"
#include "rpc/wire/envelope.h"

namespace vatmesh::captp {

wire::Exception exceptionFrom(const Status& status);
wire::Exception failed(std::string_view reason);
wire::Exception overloaded(std::string_view reason);
wire::Exception disconnected(std::string_view reason);
wire::Exception unimplemented(std::string_view reason);

}  // namespace vatmesh::captp
