// SPDX-License-Identifier: Apache-2.0
//
// StrongId makes integers of different meaning different types, so that an export id can never be
// used where a question id is meant.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace vatmesh {

template <typename Tag, typename Value = uint32_t>
struct StrongId {
  using Underlying = Value;
  Value value = 0;

  constexpr auto operator<=>(const StrongId&) const = default;
};

}  // namespace vatmesh

template <typename Tag, typename Value>
struct std::hash<vatmesh::StrongId<Tag, Value>> {
  size_t operator()(const vatmesh::StrongId<Tag, Value>& id) const noexcept {
    return std::hash<Value>()(id.value);
  }
};
