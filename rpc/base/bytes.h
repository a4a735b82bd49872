// SPDX-License-Identifier: Apache-2.0
//
// The two shapes of raw bytes: a borrowed view and an owned string of bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vatmesh {

using ByteView = std::span<const uint8_t>;

inline ByteView bytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

inline std::string_view textOf(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace vatmesh
