// SPDX-License-Identifier: Apache-2.0
//
// RawVat is the other end of a link, played by hand: it says what a test tells it to, and keeps
// what it hears as decoded envelopes and as readable lines. Neither keeps tables nor answers by
// itself.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rpc/wire/build.h"
#include "rpc/wire/envelope.h"
#include "rpc/wire/printer.h"
#include "sidecar/net/stream.h"

namespace vatmesh::test {

class RawVat : private net::StreamHandler {
 public:
  RawVat(event::Loop& loop, event::Fd fd)
      : RawVat(loop, std::make_unique<net::PlainTransport>(std::move(fd))) {}
  RawVat(event::Loop& loop, std::unique_ptr<net::Transport> transport)
      : transport_(*transport), stream_(loop, buffers_, {}, std::move(transport), *this) {
    stream_.start(std::chrono::seconds(10));
  }

  void bootstrap(uint32_t question, std::string_view object_id = {}) {
    stream_.send(wire::buildBootstrap(frames_, question, object_id));
  }
  // Answers the Bootstrap `question` with our object 0.
  void offer(uint32_t question) {
    stream_.send(wire::buildReturnCapability(
        frames_, question, {.kind = wire::DescriptorKind::kSenderHosted, .id = 0, .path = {}}));
  }
  // Calls object `import` of the other side, without parameters; or ends what a question began.
  void call(uint32_t question, uint32_t import) {
    wire::OutCall call;
    call.question_id = question;
    call.target.id = import;
    stream_.send(wire::buildCall(frames_, call, {}));
  }
  // Calls what the answer to `asked` will be, without parameters.
  void callAnswer(uint32_t question, uint32_t asked) {
    wire::OutCall call;
    call.question_id = question;
    call.target = {.kind = wire::Target::Kind::kPromisedAnswer, .id = asked, .path = {}};
    stream_.send(wire::buildCall(frames_, call, {}));
  }
  void finish(uint32_t question, bool release_result_caps = false) {
    stream_.send(wire::buildFinish(frames_, question, release_result_caps, false));
  }
  void release(uint32_t import) { stream_.send(wire::buildRelease(frames_, import, 1)); }
  void abort(std::string_view reason) { stream_.send(wire::buildAbort(frames_, 0, reason)); }
  void send(wire::FrameRef frame) { stream_.send(std::move(frame)); }
  wire::FramePool& frames() { return frames_; }
  void hangUp() { stream_.closeAfterFlush(); }
  // Ends our half and goes on hearing. What was sent in this turn is lost.
  void endHalf() {
    transport_.shutdownWrite();
    transport_.flush();
  }

  bool open() const { return open_; }
  // Ended by the other side.
  bool over() const { return closed_; }
  const std::vector<std::string>& heard() const { return lines_; }
  // The first message of `kind`; null when none came.
  const wire::Envelope* find(wire::MessageKind kind) const {
    const auto found = std::find_if(heard_.begin(), heard_.end(),
                                    [kind](const auto& e) { return e->kind == kind; });
    return found == heard_.end() ? nullptr : found->get();
  }
  // All messages of `kind`, in their order.
  std::vector<const wire::Envelope*> all(wire::MessageKind kind) const {
    std::vector<const wire::Envelope*> found;
    for (const auto& envelope : heard_) {
      if (envelope->kind == kind) found.push_back(envelope.get());
    }
    return found;
  }
  int count(wire::MessageKind kind) const {
    return static_cast<int>(std::count_if(heard_.begin(), heard_.end(),
                                          [kind](const auto& e) { return e->kind == kind; }));
  }
  // The Return to `question`; null when none came.
  const wire::Envelope* returned(uint32_t question) const {
    const auto found = std::find_if(heard_.begin(), heard_.end(), [question](const auto& e) {
      return e->kind == wire::MessageKind::kReturn && e->id == question;
    });
    return found == heard_.end() ? nullptr : found->get();
  }
  // The message of an envelope that was heard.
  const wire::InMessage* message(const wire::Envelope& envelope) const {
    for (size_t i = 0; i < heard_.size(); ++i) {
      if (heard_[i].get() == &envelope) return &messages_[i];
    }
    return nullptr;
  }
  // The text of the exception that `kind` (Return or Abort) came with; empty when there is none.
  std::string reason(wire::MessageKind kind) const {
    const wire::Envelope* envelope = find(kind);
    return envelope == nullptr ? std::string() : envelope->exception.reason;
  }

 private:
  void onOpen() override { open_ = true; }
  void onMessage(wire::InMessage message) override {
    lines_.push_back(wire::describe(message));
    auto envelope = std::make_unique<wire::Envelope>();
    if (!wire::decode(message, {}, *envelope).ok()) return;
    heard_.push_back(std::move(envelope));
    messages_.push_back(std::move(message));
  }
  void onFlushed(size_t) override {}
  void onClosed(const Status&) override { closed_ = true; }

  wire::BufferPool buffers_;
  wire::FramePool frames_;
  bool open_ = false;
  bool closed_ = false;
  std::vector<std::string> lines_;
  std::vector<std::unique_ptr<wire::Envelope>> heard_;
  std::vector<wire::InMessage> messages_;  // likewise
  net::Transport& transport_;
  net::Stream stream_;
};

}  // namespace vatmesh::test
