// SPDX-License-Identifier: Apache-2.0
#include "rpc/schema/object_ref.h"

#include "rpc/schema/message.h"

namespace vatmesh::schema {

std::string textRef(std::string_view text) {
  // The pointer, the text and the NUL behind it.
  capnp::MallocMessageBuilder builder(static_cast<uint>(2 + text.size() / sizeof(capnp::word)));
  builder.getRoot<capnp::AnyPointer>().setAs<capnp::Text>(
      capnp::Text::Reader(std::string(text).c_str(), text.size()));
  const auto bytes = builder.getSegmentsForOutput()[0].asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

std::optional<std::string> textIn(std::string_view object_ref) {
  Result<std::string> text = guarded("not a text", [&] {
    capnp::MallocMessageBuilder copy;
    auto pointer = copy.getRoot<capnp::AnyPointer>();
    setObjectRef(pointer, object_ref);
    KJ_REQUIRE(!pointer.isNull());
    const capnp::Text::Reader read = pointer.asReader().getAs<capnp::Text>();
    return std::string(read.begin(), read.size());
  });
  if (!text.ok()) return std::nullopt;
  return std::move(*text);
}

}  // namespace vatmesh::schema
