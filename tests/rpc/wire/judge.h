// SPDX-License-Identifier: Apache-2.0
//
// The stock Cap'n Proto library as the judge of what we write: reads frames of ours, compares
// contents, and makes messages for us to read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <capnp/any.h>
#include <capnp/capability.h>
#include <capnp/message.h>
#include <capnp/rpc.capnp.h>

#include "tests/rpc/wire/messages.h"

namespace vatmesh::wire::test {

// Capabilities that can be told apart, so that an index read through the library is recognised.
class Hooks {
 public:
  explicit Hooks(size_t count);
  size_t size() const { return hooks_.size(); }
  capnp::Capability::Client client(size_t index) const;
  kj::Array<kj::Maybe<kj::Own<capnp::ClientHook>>> table() const;
  // The index of what `pointer` holds; nothing for null and foreign ones.
  std::optional<uint32_t> indexOf(capnp::AnyPointer::Reader pointer) const;

 private:
  mutable std::vector<kj::Own<capnp::ClientHook>> hooks_;  // counting changes them
};

// A message as its receiver sees it. Bounds violations are thrown by the library.
class Judge {
 public:
  Judge(Segments segments, const Hooks& hooks);
  Judge(const Frame& frame, const Hooks& hooks) : Judge(segmentsOf(frame), hooks) {}

  capnp::rpc::Message::Reader message();
  capnp::rpc::Payload::Reader payload();  // of a Call or Return
  capnp::AnyPointer::Reader content() { return payload().getContent(); }

 private:
  Segments segments_;
  std::vector<kj::ArrayPtr<const capnp::word>> views_;
  capnp::ReaderCapabilityTable table_;
  std::optional<capnp::SegmentArrayMessageReader> reader_;
};

// The first difference of two contents, empty when they are the same.
std::string difference(capnp::AnyPointer::Reader left, capnp::AnyPointer::Reader right,
                       const Hooks& hooks, int depth = 0);

// The capability at `path` as the library sees it.
std::optional<uint32_t> judgedCapability(capnp::AnyPointer::Reader content,
                                         std::span<const uint16_t> path, const Hooks& hooks);

// A builder whose segments have what is needed, but no less than `least` words, and up to `spread`
// words more, at random.
class RandomBuilder : public capnp::MessageBuilder {
 public:
  RandomBuilder(Random& random, uint32_t least, uint32_t spread)
      : random_(random), least_(least), spread_(spread) {}
  kj::ArrayPtr<capnp::word> allocateSegment(uint32_t minimum) override;
  Segments segments();

 private:
  Random& random_;
  uint32_t least_;
  uint32_t spread_;
  std::vector<std::vector<uint64_t>> memory_;
};

// Fills `to` with any content: structs, lists of every size, capabilities, nulls. Data is random
// bytes; capabilities are taken from `hooks` in order, `used` counts them.
void fillRandom(capnp::AnyPointer::Builder to, Random& random, const Hooks& hooks, size_t& used,
                int depth);

}  // namespace vatmesh::wire::test
