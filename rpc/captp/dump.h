// SPDX-License-Identifier: Apache-2.0
//
// dump prints all tables of a vat, one entry a line, for people. Object ids never appear in it.
#pragma once

#include <string>

#include "rpc/captp/core.h"

namespace vatmesh::captp {

std::string dump(Core& core);

}  // namespace vatmesh::captp
