// SPDX-License-Identifier: Apache-2.0
//
// StreamRecorder keeps what a Stream told its handler.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "rpc/wire/frame_builder.h"
#include "sidecar/net/stream.h"

namespace vatmesh::test {

using Words = std::vector<uint64_t>;

// A frame of one segment: its root, then `tail`.
inline wire::FrameRef frameOf(wire::FramePool& pool, const Words& tail) {
  wire::FrameBuilder builder(pool, tail.size());
  std::copy(tail.begin(), tail.end(), builder.tail().begin());
  return builder.finish();
}

// The bytes of a frame with one segment of `words`.
inline std::vector<uint8_t> rawFrame(const Words& words) {
  const uint32_t header[2] = {0, static_cast<uint32_t>(words.size())};
  const auto* head = reinterpret_cast<const uint8_t*>(header);
  const auto* body = reinterpret_cast<const uint8_t*>(words.data());
  std::vector<uint8_t> out(head, head + sizeof(header));
  out.insert(out.end(), body, body + words.size() * sizeof(uint64_t));
  return out;
}

class StreamRecorder : public net::StreamHandler {
 public:
  void onOpen() override {
    ++opened;
    if (when_open) when_open();
  }
  void onMessage(wire::InMessage message) override {
    ++messages;
    if (keep) {
      const auto words = message.words();
      content.emplace_back(words.begin(), words.end());
    }
    if (when_message) when_message(std::move(message));
  }
  bool onPeerEnd(const Status&) override {
    if (when_peer_end) when_peer_end();
    return when_peer_end != nullptr;
  }
  void onArriving(size_t bytes) override { arriving.push_back(bytes); }
  void onFlushed(size_t bytes) override {
    flushed += bytes;
    ++flushes;
  }
  void onClosed(const Status& status) override {
    ++closed_calls;
    closed = status;
  }

  bool keep = true;
  std::vector<size_t> arriving;
  std::function<void()> when_open;
  std::function<void(wire::InMessage)> when_message;
  std::function<void()> when_peer_end;  // it ends the stream

  int opened = 0;
  size_t messages = 0;
  std::vector<Words> content;  // the words of each message
  size_t flushed = 0;
  int flushes = 0;
  int closed_calls = 0;
  std::optional<Status> closed;
};

}  // namespace vatmesh::test
