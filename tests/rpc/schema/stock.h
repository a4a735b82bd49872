// SPDX-License-Identifier: Apache-2.0
//
// Messages of the stock library, with capabilities, for our code to read, and ours for it to judge.
#pragma once

#include <optional>
#include <vector>

#include <capnp/schema.h>

#include "rpc/schema/vatmesh.capnp.h"
#include "rpc/wire/root.h"
#include "tests/rpc/wire/judge.h"

namespace vatmesh::schema::test {

using wire::test::Hooks;

// What the stock library writes: fill root(), then take message().
class StockWriter {
 public:
  StockWriter() = default;
  ~StockWriter() noexcept {}  // the library's builder may throw; a fixture may not

  template <typename T>
  typename T::Builder root() {
    return table_.imbue(builder_.getRoot<capnp::AnyPointer>()).initAs<T>();
  }

  wire::InMessage message(wire::BufferPool& pool) {
    std::vector<std::span<const uint64_t>> segments;
    for (const auto segment : builder_.getSegmentsForOutput()) {
      segments.emplace_back(reinterpret_cast<const uint64_t*>(segment.begin()), segment.size());
    }
    return wire::messageOf(segments, pool);
  }

 private:
  capnp::MallocMessageBuilder builder_;
  capnp::BuilderCapabilityTable table_;
};

// What the stock library reads of a message of ours, which outlives this; capabilities are those of
// `hooks`.
class StockReader {
 public:
  StockReader(const wire::InMessage& message, const Hooks& hooks) : table_(hooks.table()) {
    for (uint32_t i = 0; i < message.segmentCount(); ++i) {
      const auto words = message.segment(i);
      segments_.push_back({reinterpret_cast<const capnp::word*>(words.data()), words.size()});
    }
    reader_.emplace(kj::arrayPtr(segments_.data(), segments_.size()));
  }

  template <typename T>
  typename T::Reader root() {
    return table_.imbue(reader_->getRoot<capnp::AnyPointer>()).template getAs<T>();
  }

 private:
  std::vector<kj::ArrayPtr<const capnp::word>> segments_;
  capnp::ReaderCapabilityTable table_;
  std::optional<capnp::SegmentArrayMessageReader> reader_;
};

}  // namespace vatmesh::schema::test
