// SPDX-License-Identifier: Apache-2.0
//
// checkInvariants looks over every table of a vat and tells the first thing that can't be: the
// rules of captp-engine 2.10, by their numbers. Tests call it after every step.
#pragma once

#include <optional>
#include <string>

#include "rpc/captp/core.h"

namespace vatmesh::captp {

std::optional<std::string> checkInvariants(Core& core);

}  // namespace vatmesh::captp
