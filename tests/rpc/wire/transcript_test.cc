// SPDX-License-Identifier: Apache-2.0
//
// Recorded connections of the OCaml library: read, decoded, and forwarded as they are.
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "rpc/wire/forward.h"
#include "rpc/wire/frame_reader.h"
#include "rpc/wire/printer.h"
#include "tests/rpc/wire/judge.h"

namespace vatmesh::wire {
namespace {

const std::string kFolder = "tests/vectors/ocaml-capnp-rpc/transcripts/";

std::map<std::string, std::vector<std::string>> expectedLines() {
  std::map<std::string, std::vector<std::string>> streams;
  std::ifstream file(kFolder + "lines.txt");
  std::vector<std::string>* stream = nullptr;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    if (line.starts_with("== ")) {
      stream = &streams[line.substr(3)];
    } else {
      stream->push_back(line);
    }
  }
  return streams;
}

std::vector<InMessage> messagesOf(const std::string& name, BufferPool& pool) {
  std::ifstream file(kFolder + name, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  const std::string stream = bytes.str();
  std::vector<InMessage> messages;
  FrameReader reader(pool, {});
  for (size_t at = 0; at < stream.size();) {
    const auto room = reader.prepare();
    const size_t count = std::min({room.size(), stream.size() - at, size_t{1000}});
    std::memcpy(room.data(), stream.data() + at, count);
    at += count;
    reader.commit(count);
    for (;;) {
      auto next = reader.next();
      EXPECT_TRUE(next.ok());
      if (!next.ok() || !*next) break;
      messages.push_back(std::move(**next));
    }
  }
  EXPECT_EQ(reader.pendingBytes(), 0u);
  return messages;
}

TEST(Transcripts, ReadAsTheyWereRecorded) {
  const auto streams = expectedLines();
  EXPECT_EQ(streams.size(), 36u);
  for (const auto& [name, lines] : streams) {
    BufferPool pool;
    std::vector<std::string> got;
    for (const auto& message : messagesOf(name, pool)) got.push_back(describe(message));
    EXPECT_EQ(got, lines) << name;
  }
}

TEST(Transcripts, KeepTheirContentWhenForwarded) {
  const test::Hooks hooks(8);
  int forwarded = 0;
  for (const auto& [name, lines] : expectedLines()) {
    BufferPool pool;
    FramePool frames;
    for (auto& message : messagesOf(name, pool)) {
      const Envelope envelope = test::decoded(message);
      if (!envelope.payload.present) continue;
      test::Judge original(test::segmentsOf(message), hooks);
      ASSERT_TRUE(checkContent(message, envelope.payload).ok());
      scrub(message, envelope);
      const std::vector<OutDescriptor> table(envelope.descriptors.size());
      const FrameRef frame =
          envelope.kind == MessageKind::kCall
              ? forwardCall(frames, std::move(message), envelope.payload, {}, table)
              : forwardReturn(frames, std::move(message), envelope.payload, {}, table);
      test::Judge arrived(*frame, hooks);
      EXPECT_EQ(test::difference(original.content(), arrived.content(), hooks), "") << name;
      ++forwarded;
    }
  }
  EXPECT_GE(forwarded, 60);
}

}  // namespace
}  // namespace vatmesh::wire
