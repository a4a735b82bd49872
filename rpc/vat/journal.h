// SPDX-License-Identifier: Apache-2.0
//
// Journal keeps the inputs of a Vat as bytes, from its first link on, so that the same run can be
// played again (journal_reader.h). Two of the same inputs in the same order have the same effects,
// since the engine knows no clock and no chance.
//
//   journal  = "VMJ" version(1 byte) flags(1 byte: 1 payloads, 2 keeps old paths)
//              total(8 bytes, the lowest first: VatLimits::total) entry*
//   entry    = kind(1 byte) size(varint: bytes of the rest) rest
//   varint   = 7 bits a byte, the lowest first; the high bit says that more follow
//   words    = for each word a byte whose bits tell which of its bytes are not 0, and these; a word
//              of zeros is followed by a byte that says how many more of them there are
//
// No secret is in it: object ids are zeros of their length, and so is everything that applications
// say to each other (parameters, results, texts), unless payloads are recorded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rpc/base/bytes.h"
#include "rpc/base/instant.h"
#include "rpc/base/status.h"
#include "rpc/vat/vat.h"
#include "rpc/wire/envelope.h"
#include "rpc/wire/message.h"

namespace vatmesh::vat {

inline constexpr std::string_view kJournalMagic = "VMJ";
inline constexpr uint8_t kJournalVersion = 1;
inline constexpr size_t kJournalHead = 13;  // bytes before the first entry
inline constexpr uint8_t kJournalPayloads = 1;
inline constexpr uint8_t kJournalOldPaths = 2;

enum class JournalEntry : uint8_t {
  kFull = 0,  // the last one: the limit was reached, or what came can't be recorded
  kAddLink = 1,
  kMessage = 2,
  kLost = 3,
  kCloseLink = 4,
  kComplete = 5,
  kTick = 6,
  kFlushed = 7,
  kArriving = 8,
  kGateway = 9,
};

// Calls f(field) for every number of LinkInfo that the engine acts on, in the journal's order.
template <typename Info, typename F>
void forEachNumber(Info& info, F f) {
  f(info.profile.max_message_words);
  f(info.profile.max_segments);
  f(info.profile.tail_calls);
  f(info.limits.message);
  f(info.limits.segments);
  f(info.limits.capabilities);
  f(info.limits.answers);
  f(info.limits.exports);
  f(info.limits.imports);
  f(info.limits.paths);
  f(info.limits.queued_messages);
  f(info.limits.queued_bytes);
  f(info.limits.embargoes);
  f(info.limits.references);
  f(info.limits.queue_soft);
  f(info.limits.queue_hard);
}
template <typename Info, typename F>
void forEachDuration(Info& info, F f) {
  f(info.limits.stall);
  f(info.limits.embargo_timeout);
}

class Journal {
 public:
  enum class Payloads : uint8_t { kOmitted, kRecorded };

  // Records at most `limit` bytes; then it is full and records nothing any more.
  Journal(Payloads payloads, uint64_t limit);

  // Begins the journal of a vat of this kind. From the Vat, as all inputs are.
  void begin(const captp::VatLimits& limits, const Behaviour& behaviour);

  // What was recorded since the last call.
  std::string take();
  bool full() const { return full_; }

  // The inputs, in their order.
  void addLink(LinkId id, const LinkInfo& info);
  void makeGateway(LinkId id);
  void message(LinkId link, const wire::InMessage& message);
  void lost(LinkId link, const Status& reason);
  void closeLink(LinkId link, const Status& reason);
  void complete(OpId op, const Result<Completion>& result);
  void tick(Instant now);
  void flushed(LinkId link, uint64_t bytes);
  void arriving(LinkId link, uint64_t bytes);
  // What comes from inside the vat, from its objects and gates, is not recorded, and nothing can be
  // played again without it: the journal ends here.
  void stop();

 private:
  void number(uint64_t value);
  void link(LinkId id);
  void status(const Status& status);
  void words(std::span<const uint64_t> words);
  void end(JournalEntry kind);

  Payloads payloads_;
  uint64_t limit_;
  uint64_t size_ = 0;  // of all that was recorded
  bool full_ = false;
  std::string entry_;  // the one that is being written
  std::string out_;
  Instant last_tick_{};
  wire::Envelope envelope_;
};

}  // namespace vatmesh::vat
