// SPDX-License-Identifier: Apache-2.0
#include "rpc/vat/journal.h"

#include <utility>
#include <vector>

#include "rpc/wire/skeleton.h"

namespace vatmesh::vat {
namespace {

constexpr size_t kMaxReason = 256;  // bytes of a status's text

void appendNumber(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

// Whether a message may hold what is secret even to whoever wants payloads: object ids, and what no
// level that we speak knows.
bool isSecret(const wire::Envelope& envelope) {
  return !envelope.known || envelope.kind == wire::MessageKind::kBootstrap ||
         envelope.kind == wire::MessageKind::kUnimplemented;
}

}  // namespace

Journal::Journal(Payloads payloads, uint64_t limit) : payloads_(payloads), limit_(limit) {}

void Journal::begin(const captp::VatLimits& limits, const Behaviour& behaviour) {
  out_ = kJournalMagic;
  out_ += static_cast<char>(kJournalVersion);
  out_ += static_cast<char>((payloads_ == Payloads::kRecorded ? kJournalPayloads : 0) |
                            (behaviour.shortens_paths ? 0 : kJournalOldPaths));
  for (int byte = 0; byte < 8; ++byte) out_ += static_cast<char>(limits.total >> (8 * byte));
  size_ = out_.size();
}

std::string Journal::take() {
  return std::exchange(out_, {});
}

void Journal::number(uint64_t value) {
  appendNumber(entry_, value);
}

void Journal::link(LinkId id) {
  number(id.slot);
  number(id.generation);
}

void Journal::status(const Status& status) {
  number(static_cast<uint64_t>(status.code()));
  std::string_view text = std::string_view(status.message()).substr(0, kMaxReason);
  number(text.size());
  entry_ += text;
}

void Journal::words(std::span<const uint64_t> words) {
  for (size_t i = 0; i < words.size();) {
    if (words[i] == 0) {
      size_t begin = i++;
      while (i < words.size() && words[i] == 0 && i - begin <= 255) ++i;
      entry_ += '\0';
      entry_ += static_cast<char>(i - begin - 1);
      continue;
    }
    size_t tag_at = entry_.size();
    entry_ += '\0';
    uint8_t tag = 0;
    for (unsigned byte = 0; byte < 8; ++byte) {
      auto value = static_cast<uint8_t>(words[i] >> (8 * byte));
      if (value == 0) continue;
      tag |= static_cast<uint8_t>(1u << byte);
      entry_ += static_cast<char>(value);
    }
    entry_[tag_at] = static_cast<char>(tag);
    ++i;
  }
}

// Writes the entry out, if there is room for it and for kFull behind it.
void Journal::end(JournalEntry kind) {
  std::string rest = std::exchange(entry_, {});
  if (full_) return;
  std::string head(1, static_cast<char>(kind));
  appendNumber(head, rest.size());
  constexpr uint64_t kRoomForFull = 2;
  if (size_ + head.size() + rest.size() + kRoomForFull > limit_) {
    return stop();
  }
  size_ += head.size() + rest.size();
  out_ += head;
  out_ += rest;
}

void Journal::addLink(LinkId id, const LinkInfo& info) {
  link(id);
  number(static_cast<uint64_t>(info.kind));
  forEachNumber(info, [this](uint64_t value) { number(value); });
  forEachDuration(info, [this](Duration value) { number(static_cast<uint64_t>(value.count())); });
  end(JournalEntry::kAddLink);
}

void Journal::makeGateway(LinkId id) {
  link(id);
  end(JournalEntry::kGateway);
}

void Journal::message(LinkId id, const wire::InMessage& message) {
  if (full_) return;
  link(id);
  number(message.segmentCount());
  for (uint32_t i = 0; i < message.segmentCount(); ++i) number(message.segment(i).size());
  if (!wire::decode(message, {}, envelope_).ok()) {
    words(std::vector<uint64_t>(message.sizeWords()));
  } else if (payloads_ == Payloads::kOmitted || isSecret(envelope_)) {
    words(wire::skeletonOf(message, envelope_));
  } else {
    words(message.words());
  }
  end(JournalEntry::kMessage);
}

void Journal::lost(LinkId id, const Status& reason) {
  link(id);
  status(reason);
  end(JournalEntry::kLost);
}

void Journal::closeLink(LinkId id, const Status& reason) {
  link(id);
  status(reason);
  end(JournalEntry::kCloseLink);
}

void Journal::complete(OpId op, const Result<Completion>& result) {
  const auto* found = result.ok() ? std::get_if<BootstrapOf>(&*result) : nullptr;
  if (result.ok() && !found) return stop();
  number(op.value);
  status(result.status());
  if (found) {
    link(found->link);
    number(found->object_id.size());
  }
  end(JournalEntry::kComplete);
}

void Journal::stop() {
  if (full_) return;
  full_ = true;
  out_ += {static_cast<char>(JournalEntry::kFull), '\0'};
}

void Journal::tick(Instant now) {
  // Most wake-ups are close together.
  number(static_cast<uint64_t>((now - last_tick_).count()));
  last_tick_ = now;
  end(JournalEntry::kTick);
}

void Journal::flushed(LinkId id, uint64_t bytes) {
  link(id);
  number(bytes);
  end(JournalEntry::kFlushed);
}

void Journal::arriving(LinkId id, uint64_t bytes) {
  link(id);
  number(bytes);
  end(JournalEntry::kArriving);
}

}  // namespace vatmesh::vat
