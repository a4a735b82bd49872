// SPDX-License-Identifier: Apache-2.0
#include "tests/rpc/captp/draft.h"

#include <array>
#include <cstring>

#include "rpc/base/check.h"
#include "rpc/wire/pointer.h"
#include "rpc/wire/printer.h"

namespace vatmesh::captp {
namespace {

// Outlives every message made from it.
wire::BufferPool& pool() {
  static wire::BufferPool only;
  return only;
}

// Where the struct begins that the pointer word at `index` leads to.
size_t target(const std::vector<uint64_t>& words, size_t index) {
  return static_cast<size_t>(static_cast<int64_t>(index) + 1 + wire::nearOffset(words.at(index)));
}

}  // namespace

Draft::Draft(const wire::FrameRef& frame) {
  wire::InMessage message = wire::toMessage(*frame, pool());
  VATMESH_CHECK(message.segmentCount() == 1);
  words_.assign(message.words().begin(), message.words().end());
}

bool Draft::isReturn() const {
  return static_cast<wire::MessageKind>(words_.at(1) & 0xffff) == wire::MessageKind::kReturn;
}

// The Payload's first pointer, the content.
size_t Draft::payload() const {
  return target(words_, isReturn() ? 5 : 7);
}

// The first descriptor, behind the list's tag.
size_t Draft::descriptors() const {
  return target(words_, payload() + 1) + 1;
}

Draft& Draft::kind(uint16_t tag) {
  words_.at(1) = tag;
  return *this;
}
Draft& Draft::onlyPromisePipeline() {
  body(2) |= 4;
  return *this;
}
Draft& Draft::noPromisePipelining() {
  body(2) |= 2;
  return *this;
}
Draft& Draft::sendResultsTo(uint16_t tag) {
  body(0) = (body(0) & ~(0xffffull << 48)) | uint64_t{tag} << 48;
  return *this;
}
Draft& Draft::releaseParamCaps() {
  body(0) &= ~(1ull << 32);
  return *this;
}
Draft& Draft::noFinishNeeded() {
  body(0) |= 1ull << 33;
  return *this;
}
Draft& Draft::returnKind(uint16_t tag) {
  return sendResultsTo(tag);  // the same bits
}
Draft& Draft::withoutPayload() {
  body(2) = 0;
  return *this;
}
Draft& Draft::descriptorTag(size_t index, uint16_t tag) {
  uint64_t& word = words_.at(descriptors() + 2 * index);
  word = (word & ~0xffffull) | tag;
  return *this;
}
Draft& Draft::oneAnswer() {
  const size_t first = descriptors() + 1;
  const size_t answer = target(words_, first);
  const size_t count = words_.at(descriptors() - 1) >> 2 & 0x3fffffff;
  words_.resize(target(words_, first + 2));  // the others' are written behind it
  for (size_t i = 1; i < count; ++i) {
    const size_t at = first + 2 * i;
    words_.at(at) =
        wire::structWord(static_cast<int64_t>(answer) - static_cast<int64_t>(at) - 1, 1, 1);
  }
  return *this;
}
Draft& Draft::contentField(size_t field, uint64_t word) {
  words_.at(target(words_, payload()) + field) = word;
  return *this;
}
Draft& Draft::content(size_t words) {
  size_t at = payload();
  auto offset = static_cast<int64_t>(words_.size() - at - 1);
  constexpr unsigned kEightBytes = 5;
  words_.at(at) = wire::listWord(offset, kEightBytes, static_cast<uint32_t>(words));
  words_.resize(words_.size() + words);
  return *this;
}
Draft& Draft::badContent() {
  words_.at(payload()) = wire::structWord(1000, 1, 1);
  return *this;
}

wire::InMessage Draft::take() const {
  wire::BufferRef buffer = pool().get(words_.size() * 8);
  auto* begin = reinterpret_cast<uint64_t*>(buffer->data());
  std::memcpy(begin, words_.data(), words_.size() * 8);
  const std::array<uint32_t, 1> sizes = {static_cast<uint32_t>(words_.size())};
  return wire::InMessage(std::move(buffer), {begin, words_.size()}, sizes);
}

}  // namespace vatmesh::captp
