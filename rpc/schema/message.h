// SPDX-License-Identifier: Apache-2.0
//
// Messages of ours as the stock library sees them, and back. Its exceptions stop here. Internal to
// rpc/schema.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <capnp/any.h>
#include <capnp/message.h>
#include <kj/exception.h>

#include "rpc/base/status.h"
#include "rpc/wire/message.h"

namespace vatmesh::schema {

// What the library may walk through in one message: twice what honest ones need.
inline constexpr uint64_t kMaxWalkWords = 1024 * 1024;

// Calls `f` and returns what it returns; kFailed with `what` when the library finds a fault.
template <typename F>
auto guarded(std::string_view what, F f) -> Result<decltype(f())> {
  std::optional<decltype(f())> value;
  const auto fault = kj::runCatchingExceptions([&] { value.emplace(f()); });
  if (fault == nullptr && value) return std::move(*value);
  return Status(Code::kFailed, std::string(what));
}

// A message of ours, for reading; it outlives this.
class Reading {
 public:
  explicit Reading(const wire::InMessage& message);

  template <typename T>
  typename T::Reader root() {
    return reader_->getRoot<T>();
  }

 private:
  std::vector<kj::ArrayPtr<const capnp::word>> segments_;
  std::optional<capnp::SegmentArrayMessageReader> reader_;
};

// The index of the capability that pointer `slot` of the root struct is.
std::optional<uint32_t> capabilityIn(const wire::InMessage& message, uint16_t slot);

// A message being built. Its root struct is the first thing that is made in it.
class Writing {
 public:
  template <typename T>
  typename T::Builder root() {
    return builder_.initRoot<T>();
  }

  // Makes pointer `slot` of the root struct capability 0.
  void setCapability(uint16_t slot) { capability_ = slot; }

  wire::InMessage finish(wire::BufferPool& pool);

 private:
  capnp::MallocMessageBuilder builder_;
  std::optional<uint16_t> capability_;
};

// The object ref that `pointer` is. Throws as the library does, also when it has capabilities or
// would be of more than `max_bytes`.
std::string objectRef(capnp::AnyPointer::Reader pointer, size_t max_bytes);
// Makes `pointer` what the object ref `bytes` is. Throws when it is none.
void setObjectRef(capnp::AnyPointer::Builder pointer, std::string_view bytes);

}  // namespace vatmesh::schema
