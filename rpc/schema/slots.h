// SPDX-License-Identifier: Apache-2.0
//
// Where the capabilities stand in the structs of vatmesh-control.capnp: their place among the
// pointers of the struct. Internal to rpc/schema.
#pragma once

#include <cstdint>

namespace vatmesh::schema::slots {

inline constexpr uint16_t kResultsCapability = 0;  // of import, lookup, bootstrap and restore
inline constexpr uint16_t kExportCapability = 0;
inline constexpr uint16_t kExportHandle = 1;  // of publish too
inline constexpr uint16_t kServeApplication = 0;

}  // namespace vatmesh::schema::slots
