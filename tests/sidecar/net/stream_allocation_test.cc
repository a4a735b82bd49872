// SPDX-License-Identifier: Apache-2.0
//
// Its own program, since it replaces operator new.
#include <gtest/gtest.h>

#include "sidecar/net/socket.h"
#include "sidecar/net/stream.h"
#include "tests/fakes/allocations.h"
#include "tests/fakes/stream_recorder.h"

namespace vatmesh::net {
namespace {

using std::chrono::seconds;

TEST(Stream, AllocatesNothingForAMessageOnceWarm) {
  event::Loop loop;
  wire::BufferPool pool;
  wire::FramePool frames;
  Result<SocketPair> pair = makeSocketPair();
  ASSERT_TRUE(pair.ok());
  test::StreamRecorder near_recorder, far_recorder;
  near_recorder.keep = far_recorder.keep = false;
  Stream near(loop, pool, {}, std::make_unique<PlainTransport>(std::move(pair->first)),
              near_recorder);
  Stream far(loop, pool, {}, std::make_unique<PlainTransport>(std::move(pair->second)),
             far_recorder);
  // Each message is forwarded by the far end and counted by the near one.
  far_recorder.when_message = [&](wire::InMessage message) {
    far.send(wire::FrameBuilder(frames, std::move(message), 2).finish());
  };
  near_recorder.when_message = [&](wire::InMessage) {
    wire::FrameBuilder builder(frames, 8);
    near.send(builder.finish());
  };
  near.start(seconds(10));
  far.start(seconds(10));
  for (int i = 0; i < 10; ++i) near.send(test::frameOf(frames, {1, 2, 3}));

  size_t goal = 0;
  const std::function<bool()> done = [&] { return near_recorder.messages >= goal; };
  goal = 2000;
  ASSERT_TRUE(loop.runUntil(done, seconds(30)));
  const uint64_t before = test::allocationCount();
  goal = 12000;
  ASSERT_TRUE(loop.runUntil(done, seconds(60)));
  // runUntil itself makes a timer.
  EXPECT_LE(test::allocationCount() - before, 10u);
}

}  // namespace
}  // namespace vatmesh::net
