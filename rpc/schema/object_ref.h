// SPDX-License-Identifier: Apache-2.0
//
// An object ref is an application's own name for an object, of any type: what an AnyPointer leads
// to, as the bytes of one Cap'n Proto segment whose first word is the pointer. So it stands in
// stores and in files of the OCaml library. Empty bytes: a null pointer. Equal names give equal
// bytes when they were built alike; nothing is made canonical.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace vatmesh::schema {

// textRef is the object ref that a Text is.
std::string textRef(std::string_view text);

// textIn returns the Text that `object_ref` is; nullopt when it is something else, or null.
std::optional<std::string> textIn(std::string_view object_ref);

// dataIn returns the Data that `object_ref` is; nullopt when it is something else, or null. A Text
// is Data too, with a NUL at its end.
std::optional<std::string> dataIn(std::string_view object_ref);

}  // namespace vatmesh::schema
