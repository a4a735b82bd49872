// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/image.h"

#include <gtest/gtest.h>

#include "rpc/wire/build.h"
#include "rpc/wire/forward.h"
#include "tests/rpc/wire/messages.h"

namespace vatmesh::wire {
namespace {

using Path = std::vector<uint16_t>;
using Words = std::vector<uint64_t>;

// What stands at `path` of a Return with this content pointer, by both ways; they must agree.
std::optional<uint32_t> found(uint64_t content, const Words& more, const Path& path) {
  BufferPool buffers;
  FramePool frames;
  Words words{structWord(0, 1, 1), 3, structWord(0, 2, 1), 0, 0, structWord(0, 0, 2), content, 0};
  words.insert(words.end(), more.begin(), more.end());
  InMessage message = test::makeMessage(buffers, {words});
  const Envelope envelope = test::decoded(message);
  scrub(message, envelope);
  const auto retained = capabilityAt(message, envelope.payload, path);
  EXPECT_TRUE(checkContent(message, envelope.payload).ok());
  const FrameRef frame = forwardReturn(frames, std::move(message), envelope.payload, {}, {});
  EXPECT_EQ(capabilityAt(*frame, path), retained);
  return retained;
}

TEST(CapabilityAt, FindsTheContentItselfByAnEmptyPath) {
  EXPECT_EQ(found(capabilityWord(4), {}, {}), 4u);
  EXPECT_EQ(found(0, {}, {}), std::nullopt);
  EXPECT_EQ(found(structWord(-1, 0, 0), {}, {}), std::nullopt);
}

TEST(CapabilityAt, FollowsStructsToTheCapability) {
  const Words nested{9, structWord(1, 0, 1), capabilityWord(8), capabilityWord(6)};
  EXPECT_EQ(found(structWord(1, 1, 2), nested, {1}), 8u);
  EXPECT_EQ(found(structWord(1, 1, 2), nested, {0, 0}), 6u);
  EXPECT_EQ(found(structWord(1, 1, 2), nested, {0}), std::nullopt) << "a struct";
  EXPECT_EQ(found(structWord(1, 1, 2), nested, {2}), std::nullopt) << "no such pointer";
  EXPECT_EQ(found(structWord(1, 1, 2), nested, {0, 0, 0}), std::nullopt) << "through a capability";
  EXPECT_EQ(found(capabilityWord(4), {}, {0}), std::nullopt);
}

TEST(CapabilityAt, FindsNothingInOddContent) {
  EXPECT_EQ(found(listWord(1, 6, 1), {capabilityWord(1)}, {0}), std::nullopt) << "a list";
  EXPECT_EQ(found(structWord(1, 0, 1), {capabilityWord(1) | 4}, {0}), std::nullopt);
  EXPECT_EQ(found(structWord(1, 0, 1), {farWord({0, 9}), capabilityWord(1)}, {0}), std::nullopt)
      << "behind a far pointer";
  EXPECT_EQ(found(structWord(1, 0, 1), {structWord(-2, 0, 1)}, Path(64, 0)), std::nullopt)
      << "a loop";
}

TEST(CapabilityAt, GivesUpOnLongPaths) {
  Words chain;
  for (int i = 0; i < 70; ++i) chain.push_back(structWord(0, 0, 1));
  chain[63] = capabilityWord(3);
  EXPECT_EQ(found(structWord(1, 0, 1), chain, Path(64, 0)), 3u);
  chain[63] = structWord(0, 0, 1);
  chain[64] = capabilityWord(3);
  EXPECT_EQ(found(structWord(1, 0, 1), chain, Path(65, 0)), std::nullopt);
}

TEST(CapabilityAt, FindsNothingInMessagesWithoutContent) {
  FramePool frames;
  EXPECT_EQ(capabilityAt(*buildReturnCanceled(frames, 1), {}), std::nullopt);
  EXPECT_EQ(capabilityAt(*buildRelease(frames, 1, 1), {}), std::nullopt);
  EXPECT_EQ(capabilityAt(*buildCall(frames, {}, {}), {}), std::nullopt);
  EXPECT_EQ(capabilityAt(InMessage(), Payload{}, {}), std::nullopt);
}

}  // namespace
}  // namespace vatmesh::wire
