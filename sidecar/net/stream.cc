// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/stream.h"

#include <algorithm>
#include <utility>

namespace vatmesh::net {

namespace {

// Pieces offered to the transport at once: what one sendmsg takes.
constexpr size_t kPiecesPerWrite = 64;

// A busy reader at the other end must not keep us writing a long queue while others wait.
constexpr size_t kWriteBytesPerTurn = 1024 * 1024;

// Written frames at the front of the queue that are tolerated before it is moved up.
constexpr size_t kMaxDeadFrames = 64;

// A queue that was longer once gives its memory back when it is empty.
constexpr size_t kMaxIdleQueue = 4096;

}  // namespace

Stream::Stream(event::Loop& loop, wire::BufferPool& pool, wire::FrameLimits limits,
               std::unique_ptr<Transport> transport, StreamHandler& handler)
    : loop_(loop),
      pool_(pool),
      handler_(handler),
      transport_(std::move(transport)),
      reader_(pool, limits),
      last_progress_(loop.now()),
      io_(
          loop, transport_->fd(), [this] { readReady(); }, [this] { writeReady(); },
          [this] { endedUnread(); }),
      deadline_(loop, [this] { expired(); }),
      more_(loop, [this] { goOn(); }),
      tell_closed_(loop, [this] { handler_.onClosed(closed_status_); }),
      flush_(loop, [this] { flush(); }) {}

Stream::~Stream() = default;

void Stream::start(Duration handshake_timeout) {
  if (state_ != State::kIdle) return;
  state_ = State::kHandshake;
  handshake_timeout_ = handshake_timeout;
  deadline_.arm(handshake_timeout);
  more_.arm();  // a later turn: callbacks never come from inside the owner's call
}

void Stream::send(wire::FrameRef frame) {
  if (state_ == State::kClosing || state_ == State::kClosed) return;
  if (queued_bytes_ == 0) last_progress_ = loop_.now();
  queued_bytes_ += frame->sizeBytes();
  queue_.push_back(std::move(frame));
  if (state_ == State::kOpen) flush_.arm();
}

void Stream::closeAfterFlush(Duration deadline, Unsent unsent) {
  if (state_ == State::kIdle || state_ == State::kHandshake) {
    return finish(Status(Code::kDisconnected, "closed before the handshake was done"));
  }
  if (state_ != State::kOpen) return;
  if (unsent == Unsent::kLast) keepLast();
  state_ = State::kClosing;
  deadline_.arm(std::clamp(deadline, kMinCloseDeadline, kMaxCloseDeadline));
  flush_.arm();
  if (transport_->hasBufferedInput()) more_.arm();
  updateInterest();
}

void Stream::close(Status status) {
  finish(std::move(status));
}

void Stream::pauseReading() {
  reading_paused_ = true;
  updateInterest();
}

void Stream::resumeReading() {
  if (!std::exchange(reading_paused_, false)) return;
  updateInterest();
  // Whole messages may lie in the reader already.
  if (state_ == State::kOpen) more_.arm();
}

void Stream::readReady() {
  // What is cut into turns goes on by itself; the descriptor would give it a second share.
  if (!more_.armed()) goOn();
}

void Stream::goOn() {
  switch (state_) {
    case State::kHandshake:
      return advance();
    case State::kOpen:
      readFrames();
      return reportArriving();
    case State::kClosing:
      return discard();
    case State::kIdle:
    case State::kClosed:
      return;
  }
}

void Stream::writeReady() {
  if (state_ == State::kHandshake) return advance();
  write_blocked_ = false;
  flush();
}

void Stream::advance() {
  wanted_ = transport_->advance();
  if (wanted_ == Progress::kError) return finish(transport_->error());
  if (wanted_ != Progress::kDone) return updateInterest();
  state_ = State::kOpen;
  deadline_.cancel();
  updateInterest();
  // What the peer sent right behind its handshake may be in the transport already.
  more_.arm();
  flush_.arm();
  handler_.onOpen();
}

void Stream::readFrames() {
  size_t messages_left = kMessagesPerTurn;
  size_t bytes = 0;
  bool dry = false;  // the descriptor had nothing more
  for (;;) {
    switch (handOver(messages_left)) {
      case Drained::kStopped:
        return;
      case Drained::kBudgetSpent:
        return more_.arm();
      case Drained::kNeedsBytes:
        break;
    }
    // Idle streams hold no buffer.
    if (dry) return reader_.trim();
    if (bytes >= kBytesPerTurn) return more_.arm();
    const std::span<uint8_t> space = reader_.prepare();
    const IoResult result = transport_->read(space);
    switch (result.kind) {
      case IoResult::Kind::kBytes:
        reader_.commit(result.bytes);
        counters_.bytes_in += result.bytes;
        bytes += result.bytes;
        // A short read took everything: another one would only be told so.
        dry = result.bytes < space.size() && !transport_->hasBufferedInput();
        break;
      case IoResult::Kind::kWouldBlock:
        // Reading may have made the transport answer (a key update).
        if (transport_->unsentBytes() > 0) flush_.arm();
        return reader_.trim();
      case IoResult::Kind::kEof:
        return readEnded();
      case IoResult::Kind::kError:
        return finish(transport_->error());
    }
  }
}

void Stream::reportArriving() {
  const size_t held = reader_.heldBytes();
  const size_t bytes = held > wire::BufferPool::kChunkBytes ? held : 0;
  if (state_ != State::kOpen || bytes == arriving_) return;
  arriving_ = bytes;
  handler_.onArriving(bytes);
}

Stream::Drained Stream::handOver(size_t& messages_left) {
  for (;;) {
    if (state_ != State::kOpen || reading_paused_) return Drained::kStopped;
    if (messages_left == 0) return Drained::kBudgetSpent;
    Result<std::optional<wire::InMessage>> next = reader_.next();
    if (!next.ok()) {
      pauseReading();
      if (!handler_.onBadFrame(next.status())) finish(next.status());
      return Drained::kStopped;
    }
    if (!*next) return Drained::kNeedsBytes;
    --messages_left;
    ++counters_.messages_in;
    handler_.onMessage(*std::move(*next));
  }
}

void Stream::readEnded() {
  const size_t left = reader_.pendingBytes();
  Status status(Code::kDisconnected, "the peer closed the connection");
  if (left > 0) {
    status = Status(Code::kDisconnected, "the connection ended inside a message, of which " +
                                             std::to_string(left) + " bytes had arrived");
  }
  read_ended_ = true;
  if (!handler_.onPeerEnd(status)) finish(std::move(status));
}

void Stream::endedUnread() {
  finish(Status(Code::kDisconnected, "the peer closed the connection"));
}

void Stream::discard() {
  for (size_t bytes = 0; bytes < kBytesPerTurn;) {
    const IoResult result = transport_->read(reader_.prepare());
    switch (result.kind) {
      case IoResult::Kind::kBytes:
        bytes += result.bytes;
        break;
      case IoResult::Kind::kWouldBlock:
        return;
      case IoResult::Kind::kEof:
        read_ended_ = true;
        updateInterest();
        if (write_ended_) finish(Status());
        return;
      case IoResult::Kind::kError:
        // Once our end is written it doesn't matter how the peer leaves.
        return finish(write_ended_ ? Status() : transport_->error());
    }
  }
  more_.arm();
}

void Stream::flush() {
  if (state_ != State::kOpen && state_ != State::kClosing) return;
  if (!write_blocked_) {
    if (!writeQueue()) return finish(transport_->error());
    updateInterest();
  }
  if (write_blocked_) compactQueue();
  // Last: the owner hears of it and may close.
  reportFlushed();
  if (state_ == State::kClosing && write_ended_ && read_ended_) finish(Status());
}

bool Stream::writeQueue() {
  size_t bytes = 0;
  while (head_ < queue_.size() && !write_blocked_) {
    const IoResult result = transport_->write(gather());
    if (result.kind == IoResult::Kind::kError) return false;
    if (result.kind == IoResult::Kind::kWouldBlock) {
      write_blocked_ = true;
      break;
    }
    popWritten(result.bytes);
    bytes += result.bytes;
    // Not really blocked: the descriptor calls back in the next turn.
    if (bytes >= kWriteBytesPerTurn) write_blocked_ = true;
  }
  const bool last = head_ == queue_.size();
  if (last && state_ == State::kClosing) transport_->shutdownWrite();
  const Progress flushed = transport_->flush();
  if (flushed == Progress::kError) return false;
  if (flushed == Progress::kWantWrite) write_blocked_ = true;
  if (last && state_ == State::kClosing && flushed == Progress::kDone) write_ended_ = true;
  return true;
}

std::span<const Transport::Piece> Stream::gather() {
  pieces_.clear();
  size_t skip = head_offset_;
  for (size_t i = head_; i < queue_.size() && pieces_.size() < kPiecesPerWrite; ++i) {
    for (const Transport::Piece piece : queue_[i]->pieces()) {
      if (skip >= piece.size()) {
        skip -= piece.size();
        continue;
      }
      pieces_.push_back(piece.subspan(skip));
      skip = 0;
    }
  }
  return pieces_;
}

void Stream::popWritten(size_t bytes) {
  unreported_ += bytes;
  counters_.bytes_out += bytes;
  head_offset_ += bytes;
  while (head_ < queue_.size() && head_offset_ >= queue_[head_]->sizeBytes()) {
    head_offset_ -= queue_[head_]->sizeBytes();
    queue_[head_++] = wire::FrameRef();
    ++counters_.messages_out;
  }
  if (head_ == queue_.size()) {
    if (queue_.capacity() > kMaxIdleQueue) queue_ = {};
    queue_.clear();
    head_ = compacted_ = 0;
  } else if (head_ > kMaxDeadFrames && head_ * 2 > queue_.size()) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(head_));
    compacted_ -= std::min(compacted_, head_);
    head_ = 0;
  }
}

void Stream::compactQueue() {
  // The first one stays as it is once the transport has part of it.
  const size_t first = std::max(compacted_, head_ + (head_offset_ > 0 ? 1 : 0));
  for (size_t i = first; i < queue_.size(); ++i) queue_[i]->compact(pool_);
  compacted_ = std::max(first, queue_.size());
}

// The first one stays if the transport has a part of it.
void Stream::keepLast() {
  const size_t first = head_ + (head_offset_ > 0 ? 1 : 0);
  if (queue_.size() <= first + 1) return;
  for (size_t i = first; i + 1 < queue_.size(); ++i) queued_bytes_ -= queue_[i]->sizeBytes();
  queue_.erase(queue_.begin() + static_cast<ptrdiff_t>(first), queue_.end() - 1);
  compacted_ = std::min(compacted_, first);
}

void Stream::reportFlushed() {
  // What the transport holds counts as unsent; what it adds of its own only delays the report.
  const size_t unsent = transport_->unsentBytes();
  if (unreported_ <= unsent) return;
  const size_t bytes = unreported_ - unsent;
  unreported_ -= bytes;
  queued_bytes_ -= bytes;
  last_progress_ = loop_.now();
  handler_.onFlushed(bytes);
}

void Stream::finish(Status status) {
  if (state_ == State::kClosed) return;
  // Tell the peer that this is the end, as far as that goes without waiting.
  if (state_ == State::kOpen) {
    transport_->shutdownWrite();
    transport_->flush();
  }
  state_ = State::kClosed;
  closed_status_ = std::move(status);
  io_.watch(event::Interest::kNone);
  deadline_.cancel();
  more_.cancel();
  flush_.cancel();
  queue_.clear();
  head_ = head_offset_ = compacted_ = 0;
  tell_closed_.arm();
}

void Stream::updateInterest() {
  bool read = false;
  bool write = write_blocked_;
  bool end = false;
  switch (state_) {
    case State::kHandshake:
      read = wanted_ == Progress::kWantRead;
      write = wanted_ == Progress::kWantWrite;
      break;
    case State::kOpen:
      read = !reading_paused_;
      end = reading_paused_;
      break;
    case State::kClosing:
      read = !read_ended_;
      break;
    case State::kIdle:
    case State::kClosed:
      write = false;
      break;
  }
  io_.watch(static_cast<event::Interest>((read ? 1 : 0) | (write ? 2 : 0) | (end ? 4 : 0)));
}

void Stream::expired() {
  if (state_ == State::kHandshake) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(handshake_timeout_);
    return finish(Status(Code::kTimeout, "handshake not done within " + std::to_string(ms.count()) +
                                             " ms: does the peer speak TLS?"));
  }
  if (write_ended_) return finish(Status());
  finish(Status(Code::kTimeout, "closed with " + std::to_string(queued_bytes_) +
                                    " bytes that the peer didn't take"));
}

}  // namespace vatmesh::net
