// SPDX-License-Identifier: Apache-2.0
#include "tests/rpc/wire/judge.h"

#include <algorithm>
#include <numeric>

namespace vatmesh::wire::test {

using capnp::AnyList;
using capnp::AnyPointer;
using capnp::AnyStruct;
using capnp::ElementSize;
using capnp::List;

Hooks::Hooks(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    hooks_.push_back(capnp::newBrokenCap(kj::StringPtr("a capability of the test")));
  }
}

capnp::Capability::Client Hooks::client(size_t index) const {
  return capnp::Capability::Client(hooks_[index]->addRef());
}

kj::Array<kj::Maybe<kj::Own<capnp::ClientHook>>> Hooks::table() const {
  auto table = kj::heapArrayBuilder<kj::Maybe<kj::Own<capnp::ClientHook>>>(hooks_.size());
  for (auto& hook : hooks_) table.add(hook->addRef());
  return table.finish();
}

std::optional<uint32_t> Hooks::indexOf(AnyPointer::Reader pointer) const {
  const auto hook = capnp::ClientHook::from(pointer.getAs<capnp::Capability>());
  for (uint32_t i = 0; i < hooks_.size(); ++i) {
    if (hooks_[i].get() == hook.get()) return i;
  }
  return std::nullopt;
}

Judge::Judge(Segments segments, const Hooks& hooks)
    : segments_(std::move(segments)), table_(hooks.table()) {
  for (const auto& segment : segments_) {
    views_.push_back(
        kj::arrayPtr(reinterpret_cast<const capnp::word*>(segment.data()), segment.size()));
  }
  reader_.emplace(kj::arrayPtr(views_.data(), views_.size()));
}

capnp::rpc::Message::Reader Judge::message() {
  return table_.imbue(reader_->getRoot<AnyPointer>()).getAs<capnp::rpc::Message>();
}

capnp::rpc::Payload::Reader Judge::payload() {
  const auto root = message();
  return root.isCall() ? root.getCall().getParams() : root.getReturn().getResults();
}

namespace {

std::string differentStructs(AnyStruct::Reader left, AnyStruct::Reader right, const Hooks& hooks,
                             int depth) {
  if (left.getDataSection() != right.getDataSection()) return "data";
  const auto a = left.getPointerSection();
  const auto b = right.getPointerSection();
  if (a.size() != b.size()) return "number of pointers";
  for (uint32_t i = 0; i < a.size(); ++i) {
    const std::string found = difference(a[i], b[i], hooks, depth);
    if (!found.empty()) return std::to_string(i) + "." + found;
  }
  return "";
}

std::string differentLists(AnyList::Reader left, AnyList::Reader right, const Hooks& hooks,
                           int depth) {
  if (left.getElementSize() != right.getElementSize()) return "element size";
  if (left.size() != right.size()) return "element count";
  if (left.getElementSize() == ElementSize::INLINE_COMPOSITE) {
    const auto a = left.as<List<AnyStruct>>();
    const auto b = right.as<List<AnyStruct>>();
    for (uint32_t i = 0; i < a.size(); ++i) {
      const std::string found = differentStructs(a[i], b[i], hooks, depth);
      if (!found.empty()) return "[" + std::to_string(i) + "]." + found;
    }
    return "";
  }
  if (left.getElementSize() == ElementSize::POINTER) {
    const auto a = left.as<List<AnyPointer>>();
    const auto b = right.as<List<AnyPointer>>();
    for (uint32_t i = 0; i < a.size(); ++i) {
      const std::string found = difference(a[i], b[i], hooks, depth);
      if (!found.empty()) return "[" + std::to_string(i) + "]." + found;
    }
    return "";
  }
  return left.getRawBytes() == right.getRawBytes() ? "" : "bytes";
}

}  // namespace

std::string difference(AnyPointer::Reader left, AnyPointer::Reader right, const Hooks& hooks,
                       int depth) {
  if (depth > 40) return "";
  if (left.getPointerType() != right.getPointerType()) return "pointer type";
  switch (left.getPointerType()) {
    case capnp::PointerType::NULL_:
      return "";
    case capnp::PointerType::STRUCT:
      return differentStructs(left.getAs<AnyStruct>(), right.getAs<AnyStruct>(), hooks, depth + 1);
    case capnp::PointerType::LIST:
      return differentLists(left.getAs<AnyList>(), right.getAs<AnyList>(), hooks, depth + 1);
    case capnp::PointerType::CAPABILITY:
      return hooks.indexOf(left) == hooks.indexOf(right) ? "" : "capability";
  }
  return "unknown pointer type";
}

std::optional<uint32_t> judgedCapability(AnyPointer::Reader content, std::span<const uint16_t> path,
                                         const Hooks& hooks) {
  for (const uint16_t field : path) {
    if (content.getPointerType() != capnp::PointerType::STRUCT) return std::nullopt;
    const auto pointers = content.getAs<AnyStruct>().getPointerSection();
    if (field >= pointers.size()) return std::nullopt;
    content = pointers[field];
  }
  if (content.getPointerType() != capnp::PointerType::CAPABILITY) return std::nullopt;
  return hooks.indexOf(content);
}

kj::ArrayPtr<capnp::word> RandomBuilder::allocateSegment(uint32_t minimum) {
  const uint32_t words = std::max(minimum, least_) + random_() % (spread_ + 1);
  auto& memory = memory_.emplace_back(words, 0);
  return {reinterpret_cast<capnp::word*>(memory.data()), words};
}

Segments RandomBuilder::segments() {
  Segments segments;
  for (const auto segment : getSegmentsForOutput()) {
    const auto* words = reinterpret_cast<const uint64_t*>(segment.begin());
    segments.emplace_back(words, words + segment.size());
  }
  return segments;
}

namespace {

void fillBytes(capnp::Data::Builder bytes, Random& random) {
  for (auto& byte : bytes) byte = static_cast<uint8_t>(random());
}

void fillPointers(List<AnyPointer>::Builder pointers, Random& random, const Hooks& hooks,
                  size_t& used, int depth) {
  // Not in order, so that objects lie before and behind each other.
  std::vector<uint32_t> order(pointers.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  for (const uint32_t i : order) fillRandom(pointers[i], random, hooks, used, depth + 1);
}

void fillStruct(AnyStruct::Builder to, Random& random, const Hooks& hooks, size_t& used,
                int depth) {
  fillBytes(to.getDataSection(), random);
  fillPointers(to.getPointerSection(), random, hooks, used, depth);
}

void fillList(AnyPointer::Builder to, Random& random, const Hooks& hooks, size_t& used, int depth) {
  const auto size = static_cast<ElementSize>(random() % 8);
  const uint32_t count = random() % 5;
  if (size == ElementSize::INLINE_COMPOSITE) {
    auto list = to.initAsListOfAnyStruct(static_cast<uint16_t>(random() % 3),
                                         static_cast<uint16_t>(random() % 3), count);
    for (auto element : list) fillStruct(element, random, hooks, used, depth);
    return;
  }
  if (size == ElementSize::BYTE) {
    fillBytes(to.initAs<capnp::Data>(count), random);
    return;
  }
  auto list = to.initAsAnyList(size, count);
  if (size == ElementSize::POINTER) {
    fillPointers(list.as<List<AnyPointer>>(), random, hooks, used, depth);
  } else if (size == ElementSize::EIGHT_BYTES) {
    auto words = list.as<List<uint64_t>>();
    for (uint32_t i = 0; i < count; ++i) words.set(i, random());
  }
}

}  // namespace

void fillRandom(AnyPointer::Builder to, Random& random, const Hooks& hooks, size_t& used,
                int depth) {
  switch (depth > 4 ? random() % 2 : random() % 6) {
    case 0:
      return;
    case 1:
      if (used < hooks.size()) to.setAs<capnp::Capability>(hooks.client(used++));
      return;
    case 2:
      fillList(to, random, hooks, used, depth);
      return;
    case 3:
      to.setAs<capnp::Text>(kj::str("text ", random() % 1000));
      return;
    default:
      fillStruct(to.initAsAnyStruct(static_cast<uint16_t>(random() % 3),
                                    static_cast<uint16_t>(random() % 4)),
                 random, hooks, used, depth);
  }
}

}  // namespace vatmesh::wire::test
