// SPDX-License-Identifier: Apache-2.0
//
// The version of this build, from CMake's project().
#pragma once

#include <string_view>

namespace vatmesh {

inline constexpr std::string_view kVersion = VATMESH_VERSION;

}  // namespace vatmesh
