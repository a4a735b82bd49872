// SPDX-License-Identifier: Apache-2.0
#include "rpc/schema/message.h"

#include <cstring>

#include <kj/debug.h>

#include "rpc/wire/image.h"
#include "rpc/wire/pointer.h"
#include "rpc/wire/root.h"

namespace vatmesh::schema {
namespace {

constexpr capnp::ReaderOptions kOptions{.traversalLimitInWords = kMaxWalkWords, .nestingLimit = 64};

bool hasRoot(const wire::InMessage& message) {
  return !message.empty() && !message.segment(0).empty();
}

}  // namespace

Reading::Reading(const wire::InMessage& message) {
  // The library wants a root to read; a null one is a struct without anything.
  static constexpr uint64_t kNull = 0;
  if (!hasRoot(message)) {
    segments_.push_back({reinterpret_cast<const capnp::word*>(&kNull), 1});
  } else {
    for (uint32_t i = 0; i < message.segmentCount(); ++i) {
      const auto words = message.segment(i);
      segments_.push_back({reinterpret_cast<const capnp::word*>(words.data()), words.size()});
    }
  }
  reader_.emplace(kj::arrayPtr(segments_.data(), segments_.size()), kOptions);
}

std::optional<uint32_t> capabilityIn(const wire::InMessage& message, uint16_t slot) {
  if (!hasRoot(message)) return std::nullopt;
  return wire::capabilityAt(message, wire::rootPayload(message), {&slot, 1});
}

// The library writes no capability pointers without its RPC half, but they are plain words.
wire::InMessage Writing::finish(wire::BufferPool& pool) {
  std::vector<std::span<const uint64_t>> segments;
  for (const auto segment : builder_.getSegmentsForOutput()) {
    segments.emplace_back(reinterpret_cast<const uint64_t*>(segment.begin()), segment.size());
  }
  wire::InMessage message = wire::messageOf(segments, pool);
  if (capability_) {
    const auto words = message.segment(0);
    const uint64_t root = words[0];
    VATMESH_CHECK(wire::pointerKind(root) == wire::PointerKind::kStruct &&
                  *capability_ < wire::structPointers(root));
    const auto first = static_cast<size_t>(1 + wire::nearOffset(root));
    words[first + wire::structDataWords(root) + *capability_] = wire::capabilityWord(0);
  }
  return message;
}

std::string objectRef(capnp::AnyPointer::Reader pointer, size_t max_bytes) {
  if (pointer.isNull()) return {};
  const capnp::MessageSize size = pointer.targetSize();
  KJ_REQUIRE(size.capCount == 0, "capabilities can't be kept");
  KJ_REQUIRE(size.wordCount < max_bytes / sizeof(capnp::word), "too large");
  // With room for all of it, there is one segment.
  capnp::MallocMessageBuilder copy(static_cast<uint>(size.wordCount + 1));
  copy.getRoot<capnp::AnyPointer>().set(pointer);
  const auto segments = copy.getSegmentsForOutput();
  KJ_ASSERT(segments.size() == 1);
  const auto bytes = segments[0].asBytes();
  KJ_REQUIRE(bytes.size() <= max_bytes, "too large");
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

void setObjectRef(capnp::AnyPointer::Builder pointer, std::string_view bytes) {
  if (bytes.empty()) return;
  KJ_REQUIRE(bytes.size() % sizeof(capnp::word) == 0, "no whole words");
  std::vector<uint64_t> words(bytes.size() / sizeof(uint64_t));  // aligned
  std::memcpy(words.data(), bytes.data(), bytes.size());
  const kj::ArrayPtr<const capnp::word> segment(reinterpret_cast<const capnp::word*>(words.data()),
                                                words.size());
  capnp::SegmentArrayMessageReader reader({&segment, 1}, kOptions);
  const auto root = reader.getRoot<capnp::AnyPointer>();
  KJ_REQUIRE(root.targetSize().capCount == 0, "capabilities can't be kept");
  pointer.set(root);
}

}  // namespace vatmesh::schema
