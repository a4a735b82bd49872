// SPDX-License-Identifier: Apache-2.0
//
// Passes hostile messages on as the engine does, with an envelope that is known to the test, and
// looks whether anything of the old one can be seen in its place.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rpc/wire/build.h"
#include "rpc/wire/forward.h"
#include "rpc/wire/image.h"
#include "rpc/wire/printer.h"
#include "tests/rpc/wire/judge.h"

namespace vatmesh::wire::test {

inline constexpr uint32_t kNewId = 0xfeed0000;  // ids of the new envelope begin here

// The table that takes the place of one of `count` descriptors.
inline std::vector<OutDescriptor> newTable(size_t count) {
  static const uint16_t kPath[] = {1, 2};
  std::vector<OutDescriptor> table;
  for (uint32_t i = 0; i < count; ++i) {
    table.push_back({static_cast<DescriptorKind>(i % 5), kNewId + i, kPath});
  }
  return table;
}

// The frame that goes on, or null when the message can't be decoded, is no Call or results, or is
// refused. `compacted`: as when the message was retained in between.
inline FrameRef passOn(InMessage&& message, FramePool& frames, Envelope& envelope,
                       BufferPool* compacted = nullptr) {
  if (!decode(message, EnvelopeLimits{}, envelope).ok()) return {};
  const bool call = envelope.known && envelope.kind == MessageKind::kCall;
  const bool ret = envelope.known && envelope.kind == MessageKind::kReturn &&
                   !envelope.return_unknown && envelope.return_kind == ReturnKind::kResults;
  if (!call && !ret) return {};
  const size_t count = envelope.descriptors.size();
  if (!checkContent(message, envelope.payload).ok()) return {};
  if (!checkSize(message, count, count, count * 2, OutLimits{}).ok()) return {};
  if (compacted) message.compact(*compacted);
  scrub(message, envelope);
  const auto table = newTable(count);
  if (ret) {
    return forwardReturn(frames, std::move(message), envelope.payload, {kNewId, true}, table);
  }
  OutCall out;
  out.question_id = kNewId;
  out.target.id = kNewId;
  out.interface_id = envelope.interface_id;
  out.method_id = envelope.method_id;
  return forwardCall(frames, std::move(message), envelope.payload, out, table);
}

// What `frame`, made from `envelope` by passOn, must read as.
inline std::string expectedLine(const Envelope& envelope) {
  FramePool frames;
  const auto table = newTable(envelope.descriptors.size());
  if (envelope.kind == MessageKind::kReturn) {
    std::string line = describe(*buildReturnResults(frames, {kNewId, true}, table));
    return line;
  }
  OutCall out;
  out.question_id = kNewId;
  out.target.id = kNewId;
  out.interface_id = envelope.interface_id;
  out.method_id = envelope.method_id;
  return describe(*buildCall(frames, out, table));
}

// Reads everything that can be reached, as far as the library lets us. Returns the indices of
// capabilities that are not in the table of `hooks`, which must stay empty.
class Explorer {
 public:
  explicit Explorer(const Hooks& hooks) : hooks_(hooks) {}

  void explore(capnp::AnyPointer::Reader pointer, int depth = 0) {
    if (depth > 8 || ++visited_ > 2000) return;
    auto failed = kj::runCatchingExceptions([&] { visit(pointer, depth); });
    (void)failed;
  }
  int capabilities() const { return capabilities_; }
  int nulls() const { return nulls_; }
  // Whether a data section held one of the words.
  bool saw(uint64_t word) const {
    return std::find(words_.begin(), words_.end(), word) != words_.end();
  }

 private:
  void visit(capnp::AnyPointer::Reader pointer, int depth) {
    switch (pointer.getPointerType()) {
      case capnp::PointerType::NULL_:
        ++nulls_;
        return;
      case capnp::PointerType::CAPABILITY:
        // Either one of the table, or the library's broken one.
        if (hooks_.indexOf(pointer)) ++capabilities_;
        return;
      case capnp::PointerType::STRUCT:
        visit(pointer.getAs<capnp::AnyStruct>(), depth);
        return;
      case capnp::PointerType::LIST: {
        const auto list = pointer.getAs<capnp::AnyList>();
        if (list.getElementSize() == capnp::ElementSize::INLINE_COMPOSITE) {
          for (auto element : list.as<capnp::List<capnp::AnyStruct>>()) visit(element, depth);
        } else if (list.getElementSize() == capnp::ElementSize::POINTER) {
          for (auto element : list.as<capnp::List<capnp::AnyPointer>>()) {
            explore(element, depth + 1);
          }
        } else {
          keep(list.getRawBytes());
        }
        return;
      }
    }
  }

  void visit(capnp::AnyStruct::Reader object, int depth) {
    if (++visited_ > 2000) return;
    keep(object.getDataSection());
    for (auto pointer : object.getPointerSection()) explore(pointer, depth + 1);
  }

  void keep(kj::ArrayPtr<const kj::byte> bytes) {
    for (size_t at = 0; at + 8 <= bytes.size() && words_.size() < 100000; at += 8) {
      std::memcpy(&words_.emplace_back(), bytes.begin() + at, 8);
    }
  }

  const Hooks& hooks_;
  std::vector<uint64_t> words_;
  int visited_ = 0;
  int capabilities_ = 0;
  int nulls_ = 0;
};

}  // namespace vatmesh::wire::test
