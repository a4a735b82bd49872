// SPDX-License-Identifier: Apache-2.0
//
// Messages for tests: made word by word, copied from frames, decoded or failed with a reason.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "rpc/wire/envelope.h"
#include "rpc/wire/frame.h"
#include "rpc/wire/message.h"
#include "rpc/wire/pointer.h"

namespace vatmesh::wire::test {

// mt19937 that says its 32 bits in its type.
using Random = std::mersenne_twister_engine<uint32_t, 32, 624, 397, 31, 0x9908b0df, 11, 0xffffffff,
                                            7, 0x9d2c5680, 15, 0xefc60000, 18, 1812433253>;

using Segments = std::vector<std::vector<uint64_t>>;

inline InMessage makeMessage(BufferPool& pool, const Segments& segments) {
  std::vector<uint32_t> sizes;
  size_t words = 0;
  for (const auto& segment : segments) {
    sizes.push_back(static_cast<uint32_t>(segment.size()));
    words += segment.size();
  }
  BufferRef buffer = pool.get(words * 8);
  auto* body = reinterpret_cast<uint64_t*>(buffer->data());
  uint64_t* next = body;
  for (const auto& segment : segments) next = std::copy(segment.begin(), segment.end(), next);
  return InMessage(std::move(buffer), {body, words}, sizes);
}

inline Segments segmentsOf(const InMessage& message) {
  Segments segments;
  for (uint32_t i = 0; i < message.segmentCount(); ++i) {
    const auto words = message.segment(i);
    segments.emplace_back(words.begin(), words.end());
  }
  return segments;
}

// What the words of the frame say, not its pieces.
inline Segments segmentsOf(const Frame& frame) {
  Segments segments;
  for (uint32_t i = 0; i < frame.segmentCount(); ++i) {
    auto& words = segments.emplace_back();
    for (uint32_t j = 0; j < frame.segmentWords(i); ++j) words.push_back(frame.word(i, j));
  }
  return segments;
}

inline std::vector<uint8_t> bytesOf(const Frame& frame) {
  std::vector<uint8_t> bytes;
  for (const auto piece : frame.pieces()) bytes.insert(bytes.end(), piece.begin(), piece.end());
  return bytes;
}

// The frame that carries `segments`, as bytes.
inline std::vector<uint8_t> frameBytes(const Segments& segments) {
  std::vector<uint32_t> header{static_cast<uint32_t>(segments.size() - 1)};
  for (const auto& segment : segments) header.push_back(static_cast<uint32_t>(segment.size()));
  if (header.size() % 2 != 0) header.push_back(0);
  std::vector<uint8_t> bytes(header.size() * 4);
  std::memcpy(bytes.data(), header.data(), bytes.size());
  for (const auto& segment : segments) {
    const auto* begin = reinterpret_cast<const uint8_t*>(segment.data());
    bytes.insert(bytes.end(), begin, begin + segment.size() * 8);
  }
  return bytes;
}

inline Envelope decoded(const InMessage& message) {
  Envelope envelope;
  const Status status = decode(message, EnvelopeLimits{}, envelope);
  EXPECT_TRUE(status.ok()) << status.toString();
  return envelope;
}

}  // namespace vatmesh::wire::test
