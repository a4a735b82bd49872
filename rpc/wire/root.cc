// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/root.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "rpc/base/check.h"
#include "rpc/wire/content.h"
#include "rpc/wire/pointer.h"

namespace vatmesh::wire {
namespace {

InMessage oneWord(uint64_t root, BufferPool& pool) {
  const std::span<const uint64_t> segment(&root, 1);
  return messageOf({&segment, 1}, pool);
}

}  // namespace

InMessage messageOf(std::span<const std::span<const uint64_t>> segments, BufferPool& pool) {
  if (segments.empty() || segments[0].empty()) return oneWord(0, pool);
  std::vector<uint32_t> sizes;
  size_t total = 0;
  for (const auto segment : segments) {
    sizes.push_back(static_cast<uint32_t>(segment.size()));
    total += segment.size();
  }
  BufferRef buffer = pool.get(total * sizeof(uint64_t));
  auto* words = reinterpret_cast<uint64_t*>(buffer->data());
  uint64_t* next = words;
  for (const auto segment : segments) next = std::ranges::copy(segment, next).out;
  return InMessage(std::move(buffer), {words, total}, sizes);
}

InMessage copyOf(const InMessage& message, BufferPool& pool) {
  std::vector<std::span<const uint64_t>> segments;
  for (uint32_t i = 0; i < message.segmentCount(); ++i) segments.push_back(message.segment(i));
  return messageOf(segments, pool);
}

InMessage capabilityMessage(BufferPool& pool) {
  return oneWord(capabilityWord(0), pool);
}

Payload rootPayload(const InMessage& message) {
  VATMESH_CHECK(!message.empty() && !message.segment(0).empty());
  Payload payload;
  payload.present = payload.has_content = true;
  payload.content_word = message.segment(0)[0];
  return payload;
}

void makeRoot(InMessage& message, const Payload& payload) {
  VATMESH_CHECK(!message.empty() && !message.segment(0).empty());
  message.segment(0)[0] = payload.has_content ? contentPointer(payload, 0) : 0;
}

}  // namespace vatmesh::wire
