// SPDX-License-Identifier: Apache-2.0
#include "rpc/schema/object_ref.h"

#include "rpc/schema/message.h"

namespace vatmesh::schema {
namespace {

// The bytes of the T that `object_ref` is.
template <typename T>
std::optional<std::string> read(std::string_view object_ref) {
  Result<std::string> bytes = guarded("something else", [&] {
    capnp::MallocMessageBuilder copy;
    auto pointer = copy.getRoot<capnp::AnyPointer>();
    setObjectRef(pointer, object_ref);
    KJ_REQUIRE(!pointer.isNull());
    const typename T::Reader value = pointer.asReader().getAs<T>();
    return std::string(reinterpret_cast<const char*>(value.begin()), value.size());
  });
  if (!bytes.ok()) return std::nullopt;
  return std::move(*bytes);
}

}  // namespace

std::string textRef(std::string_view text) {
  // The pointer, the text and the NUL behind it.
  capnp::MallocMessageBuilder builder(static_cast<uint>(2 + text.size() / sizeof(capnp::word)));
  builder.getRoot<capnp::AnyPointer>().setAs<capnp::Text>(
      capnp::Text::Reader(std::string(text).c_str(), text.size()));
  const auto bytes = builder.getSegmentsForOutput()[0].asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

std::optional<std::string> textIn(std::string_view object_ref) {
  return read<capnp::Text>(object_ref);
}

std::optional<std::string> dataIn(std::string_view object_ref) {
  return read<capnp::Data>(object_ref);
}

}  // namespace vatmesh::schema
