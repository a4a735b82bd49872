// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <random>

#include <gtest/gtest.h>

#include "sidecar/net/socket.h"
#include "tests/fakes/stream_recorder.h"

namespace vatmesh::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::frameOf;
using test::rawFrame;
using test::StreamRecorder;
using test::Words;

// Counts system calls, and can refuse to finish its handshake.
class CountingTransport : public PlainTransport {
 public:
  using PlainTransport::PlainTransport;
  Progress advance() override { return stuck ? Progress::kWantRead : Progress::kDone; }
  IoResult write(std::span<const Piece> pieces) override {
    ++writes;
    return PlainTransport::write(pieces);
  }
  bool stuck = false;
  int writes = 0;
};

class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    Result<SocketPair> pair = makeSocketPair();
    EXPECT_TRUE(pair.ok());
    far_ = std::move(pair->second);
    auto transport = std::make_unique<CountingTransport>(std::move(pair->first));
    transport_ = transport.get();
    stream_.emplace(loop_, pool_, wire::FrameLimits{}, std::move(transport), recorder_);
  }

  void open() {
    stream_->start(seconds(10));
    ASSERT_TRUE(until([&] { return recorder_.opened == 1; }));
  }
  bool until(const std::function<bool()>& done) { return loop_.runUntil(done, seconds(20)); }
  // Runs `turns` more turns.
  void turns(uint64_t count) {
    const uint64_t end = loop_.turns() + count;
    event::NextTurn next(loop_, [&] { next.arm(); });
    next.arm();
    ASSERT_TRUE(until([&] { return loop_.turns() >= end; }));
  }
  void write(std::span<const uint8_t> bytes) {
    ASSERT_EQ(::send(far_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Appends what has arrived at the far end; false at its end.
  bool readFar(std::vector<uint8_t>& out) {
    uint8_t buffer[65536];
    for (;;) {
      const ssize_t n = ::recv(far_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
      if (n > 0) out.insert(out.end(), buffer, buffer + n);
      if (n == 0) return false;
      if (n < 0) return true;
    }
  }

  event::Loop loop_;
  wire::BufferPool pool_;
  wire::FramePool frames_;
  StreamRecorder recorder_;
  event::Fd far_;
  CountingTransport* transport_;
  std::optional<Stream> stream_;
};

std::vector<uint8_t> bytesOfFrame(const wire::FrameRef& frame) {
  std::vector<uint8_t> out;
  for (auto piece : frame->pieces()) out.insert(out.end(), piece.begin(), piece.end());
  return out;
}

TEST_F(StreamTest, DeliversFramesHoweverTheBytesAreCut) {
  open();
  std::mt19937 random(7);
  std::vector<Words> sent;
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < 60; ++i) {
    Words words(1 + random() % (i % 10 == 0 ? 3000 : 5));
    for (uint64_t& word : words) word = random();
    const auto frame = rawFrame(words);
    bytes.insert(bytes.end(), frame.begin(), frame.end());
    sent.push_back(std::move(words));
  }
  size_t at = 0;
  event::NextTurn feeder(loop_, [&] {
    const size_t most = random() % 3 == 0 ? 7 : 20000;
    const size_t n = std::min<size_t>(1 + random() % most, bytes.size() - at);
    write({bytes.data() + at, n});
    at += n;
    if (at < bytes.size()) feeder.arm();
  });
  feeder.arm();
  ASSERT_TRUE(until([&] { return recorder_.content.size() == sent.size(); }));
  EXPECT_EQ(recorder_.content, sent);
  EXPECT_EQ(stream_->counters().bytes_in, bytes.size());
  EXPECT_EQ(stream_->counters().messages_in, sent.size());
}

TEST_F(StreamTest, CallsNothingBackFromInsideTheOwnersCalls) {
  stream_->start(seconds(10));
  EXPECT_EQ(recorder_.opened, 0);
  open();
  stream_->send(frameOf(frames_, {1}));
  EXPECT_EQ(recorder_.flushes, 0);
  stream_->close(Status(Code::kFailed, "enough"));
  EXPECT_EQ(recorder_.closed_calls, 0);
  ASSERT_TRUE(until([&] { return recorder_.closed.has_value(); }));
  EXPECT_EQ(*recorder_.closed, Status(Code::kFailed, "enough"));
}

TEST_F(StreamTest, WritesEverythingOfATurnAtOnce) {
  open();
  size_t bytes = 0;
  loop_.post([&] {
    for (uint64_t i = 0; i < 10; ++i) {
      wire::FrameRef frame = frameOf(frames_, {i});
      bytes += frame->sizeBytes();
      stream_->send(std::move(frame));
    }
    EXPECT_EQ(transport_->writes, 0);
  });
  ASSERT_TRUE(until([&] { return bytes > 0 && recorder_.flushed == bytes; }));
  EXPECT_EQ(transport_->writes, 1);
  EXPECT_EQ(recorder_.flushes, 1);
  EXPECT_EQ(stream_->queuedBytes(), 0u);
  EXPECT_EQ(stream_->counters().messages_out, 10u);
}

TEST_F(StreamTest, SendsWhatWasQueuedBeforeItOpened) {
  wire::FrameRef frame = frameOf(frames_, {42});
  const auto expected = bytesOfFrame(frame);
  stream_->send(std::move(frame));
  open();
  std::vector<uint8_t> got;
  ASSERT_TRUE(until([&] { return readFar(got) && got.size() >= expected.size(); }));
  EXPECT_EQ(got, expected);
}

TEST_F(StreamTest, QueuesWhatThePeerDoesntTakeAndReportsEveryByteOnce) {
  open();
  std::vector<uint8_t> expected;
  for (uint64_t i = 0; i < 300; ++i) {
    wire::FrameRef frame = frameOf(frames_, Words(1 + 200 * (i % 30), i));
    const auto bytes = bytesOfFrame(frame);
    expected.insert(expected.end(), bytes.begin(), bytes.end());
    stream_->send(std::move(frame));
  }
  turns(20);
  EXPECT_GT(stream_->queuedBytes(), 0u);
  EXPECT_EQ(recorder_.flushed + stream_->queuedBytes(), expected.size());
  std::vector<uint8_t> got;
  ASSERT_TRUE(until([&] { return readFar(got) && got.size() >= expected.size(); }));
  EXPECT_EQ(got, expected);
  ASSERT_TRUE(until([&] { return stream_->queuedBytes() == 0; }));
  EXPECT_EQ(recorder_.flushed, expected.size());
}

TEST_F(StreamTest, DoesntSpinWhileThePeerTakesNothing) {
  open();
  stream_->send(frameOf(frames_, Words(1 << 20)));
  turns(5);
  const uint64_t before = loop_.turns();
  const int writes = transport_->writes;
  (void)loop_.runUntil([] { return false; }, milliseconds(30));
  EXPECT_LT(loop_.turns() - before, 4u);
  EXPECT_EQ(transport_->writes, writes);
}

TEST_F(StreamTest, DoesntPinLargeReadBuffersByFramesThatWait) {
  // What comes in is forwarded to a stream whose peer doesn't read.
  Result<SocketPair> pair = makeSocketPair();
  ASSERT_TRUE(pair.ok());
  StreamRecorder blocked_recorder;
  Stream blocked(loop_, pool_, {}, std::make_unique<PlainTransport>(std::move(pair->first)),
                 blocked_recorder);
  blocked.start(seconds(10));
  blocked.send(frameOf(frames_, Words(1 << 20)));
  open();
  recorder_.when_message = [&](wire::InMessage message) {
    if (message.sizeWords() > 100) return;
    blocked.send(wire::FrameBuilder(frames_, std::move(message), 1).finish());
  };
  // Large messages use up the read buffers, and each of the small ones between them stays queued.
  constexpr size_t kRounds = 100;
  for (size_t i = 0; i < kRounds; ++i) {
    write(rawFrame(Words(4)));
    write(rawFrame(Words(6000)));
    ASSERT_TRUE(until([&] { return recorder_.messages == 2 * i + 2; }));
  }
  turns(3);
  EXPECT_LT(pool_.bytesInUse(), kRounds * wire::BufferPool::kChunkBytes / 10);
}

TEST_F(StreamTest, LetsTheHandlerSayALastWordToAPeerThatStillReads) {
  open();
  recorder_.when_peer_end = [&] {
    stream_->send(frameOf(frames_, {9}));
    stream_->closeAfterFlush();
  };
  write(rawFrame({1, 2}));
  ASSERT_EQ(::shutdown(far_.get(), SHUT_WR), 0);
  ASSERT_TRUE(until([&] { return recorder_.closed.has_value(); }));
  EXPECT_TRUE(recorder_.closed->ok());
  EXPECT_EQ(recorder_.messages, 1u);
  std::vector<uint8_t> heard;
  EXPECT_FALSE(readFar(heard));
  EXPECT_GT(heard.size(), 8u);
}

TEST_F(StreamTest, TellsAnOrderlyEnd) {
  open();
  write(rawFrame({1, 2}));
  far_.reset();
  ASSERT_TRUE(until([&] { return recorder_.closed.has_value(); }));
  EXPECT_EQ(recorder_.messages, 1u);
  EXPECT_EQ(recorder_.closed->code(), Code::kDisconnected);
  EXPECT_EQ(recorder_.closed->message(), "the peer closed the connection");
  turns(3);
  EXPECT_EQ(recorder_.closed_calls, 1);
}

TEST_F(StreamTest, TellsAnEndInsideAMessage) {
  open();
  const auto frame = rawFrame({1, 2});
  write({frame.data(), frame.size() - 3});
  far_.reset();
  ASSERT_TRUE(until([&] { return recorder_.closed.has_value(); }));
  EXPECT_EQ(recorder_.messages, 0u);
  EXPECT_EQ(recorder_.closed->code(), Code::kDisconnected);
  EXPECT_EQ(recorder_.closed->message(),
            "the connection ended inside a message, of which 21 bytes had arrived");
}

TEST_F(StreamTest, TellsThatItCantWrite) {
  open();
  // The peer takes nothing more, but its own half stays open.
  ::shutdown(far_.get(), SHUT_RD);
  stream_->send(frameOf(frames_, {1}));
  ASSERT_TRUE(until([&] { return recorder_.closed.has_value(); }));
  EXPECT_EQ(recorder_.closed->code(), Code::kDisconnected);
}

TEST_F(StreamTest, EndsOnBadFraming) {
  open();
  write(std::vector<uint8_t>(64, 0xff));
  ASSERT_TRUE(until([&] { return recorder_.closed.has_value(); }));
  EXPECT_EQ(recorder_.closed->code(), Code::kProtocol);
  EXPECT_EQ(recorder_.messages, 0u);
}

TEST_F(StreamTest, GivesUpAHandshakeThatTakesTooLong) {
  transport_->stuck = true;
  stream_->start(milliseconds(20));
  ASSERT_TRUE(until([&] { return recorder_.closed.has_value(); }));
  EXPECT_EQ(recorder_.closed->code(), Code::kTimeout);
  EXPECT_EQ(recorder_.opened, 0);
}

TEST_F(StreamTest, LetsOthersInBetweenTheMessagesOfABusyPeer) {
  open();
  Result<SocketPair> pair = makeSocketPair();
  ASSERT_TRUE(pair.ok());
  StreamRecorder quiet;
  Stream other(loop_, pool_, {}, std::make_unique<PlainTransport>(std::move(pair->first)), quiet);
  other.start(seconds(10));
  ASSERT_TRUE(until([&] { return quiet.opened == 1; }));
  std::vector<uint8_t> flood;
  for (int i = 0; i < 1500; ++i) {
    const auto frame = rawFrame({1});
    flood.insert(flood.end(), frame.begin(), frame.end());
  }
  size_t flooded_before = 0;
  quiet.when_message = [&](wire::InMessage) { flooded_before = recorder_.messages; };
  // The quiet one speaks when the flood is being worked off.
  recorder_.when_message = [&](wire::InMessage) {
    if (recorder_.messages != 1) return;
    const auto frame = rawFrame({2});
    ASSERT_EQ(::send(pair->second.get(), frame.data(), frame.size(), 0),
              static_cast<ssize_t>(frame.size()));
  };
  write(flood);
  ASSERT_TRUE(until([&] { return recorder_.messages == 1500; }));
  EXPECT_EQ(quiet.messages, 1u);
  EXPECT_LE(flooded_before, 2 * Stream::kMessagesPerTurn);
}

TEST_F(StreamTest, HandsOverNothingWhilePaused) {
  open();
  recorder_.when_message = [&](wire::InMessage) { stream_->pauseReading(); };
  std::vector<uint8_t> three;
  for (uint64_t i = 0; i < 3; ++i) {
    const auto frame = rawFrame({i});
    three.insert(three.end(), frame.begin(), frame.end());
  }
  write(three);
  for (size_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(until([&] { return recorder_.messages == i; }));
    turns(3);
    EXPECT_EQ(recorder_.messages, i);
    stream_->resumeReading();
  }
}

TEST_F(StreamTest, TellsWhatALargeFrameKeepsWhileItArrives) {
  open();
  const std::vector<uint8_t> frame = rawFrame(Words(64 * 1024, 7));
  const std::span<const uint8_t> bytes(frame);
  write(bytes.first(1000));
  turns(3);
  EXPECT_TRUE(recorder_.arriving.empty());  // as much as any read buffer
  size_t sent = 1000;
  while (sent < frame.size()) {
    const ssize_t n = ::send(far_.get(), frame.data() + sent,
                             std::min<size_t>(32 * 1024, frame.size() - sent), MSG_NOSIGNAL);
    ASSERT_GT(n, 0);
    sent += static_cast<size_t>(n);
    turns(3);
  }
  ASSERT_TRUE(until([&] { return recorder_.messages == 1; }));
  turns(3);
  ASSERT_GE(recorder_.arriving.size(), 2u);
  EXPECT_GE(recorder_.arriving[recorder_.arriving.size() - 2], 256 * 1024u);
  EXPECT_EQ(recorder_.arriving.back(), 0u);
}

TEST_F(StreamTest, NoticesTheEndWhilePaused) {
  open();
  recorder_.when_message = [&](wire::InMessage) { stream_->pauseReading(); };
  write(rawFrame({1}));
  ASSERT_TRUE(until([&] { return recorder_.messages == 1; }));
  write(rawFrame({2}));
  turns(3);
  EXPECT_FALSE(stream_->isClosed());
  far_ = {};
  ASSERT_TRUE(until([&] { return recorder_.closed_calls == 1; }));
  EXPECT_EQ(recorder_.messages, 1u);
  EXPECT_EQ(recorder_.closed->code(), Code::kDisconnected);
}

TEST_F(StreamTest, GivesUpALongQueueForItsLastFrame) {
  open();
  constexpr size_t kFrames = 2000;
  for (uint64_t i = 0; i < kFrames; ++i) stream_->send(frameOf(frames_, Words(1000, i)));
  turns(3);  // the kernel takes some, one of them in part
  const size_t before = stream_->queuedBytes();
  ASSERT_GT(before, kFrames * 4000);
  stream_->send(frameOf(frames_, Words(1000, kFrames)));
  stream_->closeAfterFlush(Stream::kMaxCloseDeadline, Unsent::kLast);
  EXPECT_LT(stream_->queuedBytes(), 3 * 8016u);
  std::vector<uint8_t> arrived;
  ASSERT_TRUE(until([&] { return !readFar(arrived); }));
  // Whole frames in their order, the last one behind them.
  wire::FrameReader reader(pool_, wire::FrameLimits{});
  uint64_t expected = 0;
  uint64_t last = 0;
  for (size_t at = 0; at < arrived.size();) {
    const auto space = reader.prepare();
    const size_t part = std::min(space.size(), arrived.size() - at);
    std::copy_n(arrived.begin() + static_cast<ptrdiff_t>(at), part, space.begin());
    reader.commit(part);
    at += part;
    for (;;) {
      auto next = reader.next();
      ASSERT_TRUE(next.ok());
      if (!*next) break;
      last = (*next)->segment(0)[1];
      if (last != kFrames) {
        EXPECT_EQ(last, expected++);
      }
    }
  }
  EXPECT_EQ(reader.pendingBytes(), 0u);
  EXPECT_EQ(last, kFrames);
  EXPECT_LT(expected, kFrames / 2);
}

TEST_F(StreamTest, WritesEverythingBeforeItClosesEvenIfThePeerKeepsTalking) {
  open();
  std::vector<uint8_t> expected;
  for (uint64_t i = 0; i < 50; ++i) {
    wire::FrameRef frame = frameOf(frames_, Words(1000, i));
    const auto bytes = bytesOfFrame(frame);
    expected.insert(expected.end(), bytes.begin(), bytes.end());
    stream_->send(std::move(frame));
  }
  stream_->closeAfterFlush();
  write(rawFrame(Words(500)));
  std::vector<uint8_t> got;
  ASSERT_TRUE(until([&] { return !readFar(got); }));
  EXPECT_EQ(got, expected);
  // Closed only when the peer has ended its half too.
  turns(3);
  EXPECT_FALSE(recorder_.closed.has_value());
  far_.reset();
  ASSERT_TRUE(until([&] { return recorder_.closed.has_value(); }));
  EXPECT_TRUE(recorder_.closed->ok()) << recorder_.closed->toString();
  EXPECT_EQ(recorder_.messages, 0u);
  EXPECT_EQ(recorder_.flushed, expected.size());
}

TEST_F(StreamTest, ClosesAfterItsDeadlineWhenThePeerDoesntEndItsHalf) {
  open();
  stream_->send(frameOf(frames_, {1}));
  stream_->closeAfterFlush(milliseconds(1));  // clamped to 100 ms
  const Instant start = loop_.now();
  ASSERT_TRUE(until([&] { return recorder_.closed.has_value(); }));
  EXPECT_TRUE(recorder_.closed->ok());
  EXPECT_GE(loop_.now() - start, Stream::kMinCloseDeadline);
}

TEST_F(StreamTest, SaysThatThePeerDidntTakeTheRest) {
  open();
  stream_->send(frameOf(frames_, Words(1 << 20)));
  stream_->closeAfterFlush(milliseconds(100));
  ASSERT_TRUE(until([&] { return recorder_.closed.has_value(); }));
  EXPECT_EQ(recorder_.closed->code(), Code::kTimeout);
}

TEST_F(StreamTest, DropsWhatIsSentOnceItCloses) {
  open();
  stream_->closeAfterFlush();
  stream_->send(frameOf(frames_, {1}));
  EXPECT_EQ(stream_->queuedBytes(), 0u);
  std::vector<uint8_t> got;
  ASSERT_TRUE(until([&] { return !readFar(got); }));
  EXPECT_TRUE(got.empty());
}

TEST_F(StreamTest, IsSilentWhenDestroyed) {
  open();
  write(rawFrame({1}));
  stream_->send(frameOf(frames_, {1}));
  stream_->close(Status(Code::kFailed, "x"));
  stream_.reset();
  (void)loop_.runUntil([] { return false; }, milliseconds(10));
  EXPECT_EQ(recorder_.messages, 0u);
  EXPECT_EQ(recorder_.closed_calls, 0);
}

TEST_F(StreamTest, MayBeClosedInsideEachCallback) {
  recorder_.when_message = [&](wire::InMessage) { stream_->close(Status(Code::kFailed, "m")); };
  open();
  const auto frame = rawFrame({1});
  std::vector<uint8_t> two(frame);
  two.insert(two.end(), frame.begin(), frame.end());
  write(two);
  ASSERT_TRUE(until([&] { return recorder_.closed.has_value(); }));
  EXPECT_EQ(recorder_.messages, 1u);
  EXPECT_EQ(recorder_.closed->message(), "m");
}

}  // namespace
}  // namespace vatmesh::net
