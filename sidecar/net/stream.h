// SPDX-License-Identifier: Apache-2.0
//
// Stream carries whole frames over a Transport, on one loop.
//
//   kIdle -start-> kHandshake -> kOpen -closeAfterFlush-> kClosing -> kClosed
//   any of them -close, error, end of stream, deadline-> kClosed
//
// Reading: at most kBytesPerTurn and kMessagesPerTurn in one turn, then it goes on in the next one,
// so that one busy peer can't starve the others. Writing: `send` only queues; everything queued in
// a turn is written at its end. Frames that stay in the queue are compacted, so that they don't pin
// large read buffers. No allocation for a message once warm.
//
// Handler rules: callbacks come only from the loop, never from inside a method called by the owner.
// They may call every method. They may not destroy the Stream: give it to Loop::deferDelete.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rpc/base/instant.h"
#include "rpc/base/status.h"
#include "rpc/wire/buffer.h"
#include "rpc/wire/frame.h"
#include "rpc/wire/frame_reader.h"
#include "rpc/wire/message.h"
#include "sidecar/event/io_event.h"
#include "sidecar/event/loop.h"
#include "sidecar/event/timer.h"
#include "sidecar/net/transport.h"

namespace vatmesh::net {

class StreamHandler {
 public:
  virtual ~StreamHandler() = default;

  // The handshake is done, peerFingerprint() is known. Comes before every onMessage.
  virtual void onOpen() = 0;
  virtual void onMessage(wire::InMessage message) = 0;
  // The part of a frame that has come keeps `bytes` of memory, when that is more than a usual read
  // buffer, and 0 as soon as it is less.
  virtual void onArriving(size_t bytes) {}
  // What came is no frame. True: the handler ends the stream itself, with closeAfterFlush behind a
  // last message or with close; nothing more is read. False: it is closed with `status`.
  virtual bool onBadFrame(const Status& status) { return false; }
  // The peer ended its half; `status` is what onClosed would be given. True: the handler has called
  // closeAfterFlush, behind a last message: the peer may still read. False: it is closed with
  // `status`.
  virtual bool onPeerEnd(const Status& status) { return false; }
  // `bytes` of what was sent have reached the kernel. Over all calls they add up to the sizes of
  // the frames sent, if the stream lives long enough.
  virtual void onFlushed(size_t bytes) = 0;
  // The stream is over; comes exactly once unless the Stream is destroyed before, and last. Ok:
  // after closeAfterFlush, everything was written. kDisconnected: the peer ended or lost the
  // connection, with a text of its own when that was inside a frame. kProtocol: bad framing, or no
  // TLS. kTimeout: a deadline. kRefused: wrong or no key. Or what was given to `close`.
  virtual void onClosed(const Status& status) = 0;
};

enum class Unsent : uint8_t { kAll, kLast };

class Stream {
 public:
  static constexpr size_t kBytesPerTurn = 256 * 1024;
  static constexpr size_t kMessagesPerTurn = 64;
  static constexpr Duration kMinCloseDeadline = std::chrono::milliseconds(100);
  static constexpr Duration kMaxCloseDeadline = std::chrono::seconds(1);

  // `loop`, `pool` and `handler` outlive the stream.
  Stream(event::Loop& loop, wire::BufferPool& pool, wire::FrameLimits limits,
         std::unique_ptr<Transport> transport, StreamHandler& handler);
  // Closes the descriptor at once, without a callback.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Begins the handshake, which must be done within `handshake_timeout`; call it once.
  void start(Duration handshake_timeout);

  // Queues `frame` behind those sent before; before onOpen too. Dropped when closing or closed.
  void send(wire::FrameRef frame);

  // Writes what is queued, ends our half, waits for the peer's end (dropping what it still sends,
  // so that the kernel doesn't reset the connection under our last bytes), then closes. No
  // onMessage after it. `deadline` is clamped to 100 ms .. 1 s; what isn't written by then is lost,
  // but is no error of its own unless something was left unwritten. With Unsent::kLast a long queue
  // is given up at once: of the frames that are not on their way only the last one is written.
  void closeAfterFlush(Duration deadline = kMaxCloseDeadline, Unsent unsent = Unsent::kAll);

  // Closes in this turn without writing more; `status` goes to onClosed.
  void close(Status status);

  // While paused nothing is read from the peer. Its end is noticed all the same, and what it had
  // sent before is then lost.
  void pauseReading();
  void resumeReading();

  bool isOpen() const { return state_ == State::kOpen; }
  bool isClosed() const { return state_ == State::kClosed; }
  // Bytes sent and not yet reported by onFlushed.
  size_t queuedBytes() const { return queued_bytes_; }
  // When bytes last left the queue, or when it last became non-empty: for the owner's stall
  // deadline.
  Instant lastProgress() const { return last_progress_; }
  // 32 raw bytes; empty without TLS or before onOpen.
  const std::string& peerFingerprint() const { return transport_->peerFingerprint(); }
  std::string peerInstance() const { return transport_->peerInstance(); }
  std::string agreed() const { return transport_->agreed(); }
  bool isTls13() const { return transport_->isTls13(); }

  struct Counters {
    uint64_t bytes_in = 0, bytes_out = 0;  // of frames, without what TLS adds
    uint64_t messages_in = 0, messages_out = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  enum class State : uint8_t { kIdle, kHandshake, kOpen, kClosing, kClosed };

  // How one look at the reader ended.
  enum class Drained : uint8_t { kNeedsBytes, kBudgetSpent, kStopped };

  void readReady();
  void writeReady();
  void goOn();
  void advance();
  void readFrames();
  Drained handOver(size_t& messages_left);
  void reportArriving();
  void readEnded();
  void endedUnread();
  void discard();
  void flush();
  bool writeQueue();  // false: the transport failed
  std::span<const Transport::Piece> gather();
  void popWritten(size_t bytes);
  void compactQueue();
  void keepLast();
  void reportFlushed();
  void finish(Status status);
  void updateInterest();
  void expired();

  event::Loop& loop_;
  wire::BufferPool& pool_;
  StreamHandler& handler_;
  std::unique_ptr<Transport> transport_;
  wire::FrameReader reader_;
  State state_ = State::kIdle;
  bool reading_paused_ = false;
  bool write_blocked_ = false;
  bool read_ended_ = false;                // the peer's end has come
  bool write_ended_ = false;               // closing: our end is on its way
  Progress wanted_ = Progress::kWantRead;  // of the handshake
  Duration handshake_timeout_ = {};

  // Frames from head_ on are waiting; head_offset_ bytes of the first are the transport's already.
  std::vector<wire::FrameRef> queue_;
  size_t head_ = 0;
  size_t head_offset_ = 0;
  size_t compacted_ = 0;  // frames before it need no compacting any more
  size_t queued_bytes_ = 0;
  size_t unreported_ = 0;  // accepted by the transport, not yet reported
  size_t arriving_ = 0;    // as last told by onArriving
  std::vector<Transport::Piece> pieces_;
  Instant last_progress_;

  Status closed_status_;
  Counters counters_;
  event::IoEvent io_;
  event::Timer deadline_;
  event::NextTurn more_;  // bytes or messages are at hand without the descriptor
  event::NextTurn tell_closed_;
  event::TurnEnd flush_;
};

}  // namespace vatmesh::net
