// SPDX-License-Identifier: Apache-2.0
#include "rpc/vat/journal_reader.h"

#include <utility>

namespace vatmesh::vat {
namespace {

constexpr uint64_t kMaxWords = 1ull << 27;  // of one message: 1 GiB

// False when `from` ends inside the number, or it is too long for one.
bool takeNumber(std::string_view& from, uint64_t& out) {
  out = 0;
  for (size_t i = 0; i < from.size() && i < 10; ++i) {
    auto byte = static_cast<uint8_t>(from[i]);
    out |= uint64_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) {
      from.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

template <typename T>
T narrow(uint64_t value) {
  return static_cast<T>(value);
}

}  // namespace

Result<JournalReader> JournalReader::open(std::string_view bytes) {
  if (bytes.size() < kJournalHead || !bytes.starts_with(kJournalMagic)) {
    return Status(Code::kInvalidArgument, "this is no journal of a vat");
  }
  auto version = static_cast<uint8_t>(bytes[kJournalMagic.size()]);
  if (version != kJournalVersion) {
    return Status(Code::kInvalidArgument, "this journal has version " + std::to_string(version) +
                                              ", known is " + std::to_string(kJournalVersion));
  }
  JournalReader reader(bytes.substr(kJournalHead));
  reader.flags_ = static_cast<uint8_t>(bytes[kJournalMagic.size() + 1]);
  reader.limits_.total = 0;
  for (size_t i = kJournalHead; i-- > kJournalHead - 8;) {
    reader.limits_.total = reader.limits_.total << 8 | static_cast<uint8_t>(bytes[i]);
  }
  return reader;
}

uint64_t JournalReader::number() {
  uint64_t value = 0;
  if (!takeNumber(entry_, value)) bad_ = true;
  return bad_ ? 0 : value;
}

uint32_t JournalReader::number32() {
  uint64_t value = number();
  if (value > UINT32_MAX) bad_ = true;
  return bad_ ? 0 : static_cast<uint32_t>(value);
}

LinkId JournalReader::link() {
  LinkId id;
  id.slot = number32();
  id.generation = number32();
  return id;
}

Status JournalReader::status() {
  auto code = static_cast<Code>(number());
  uint64_t size = number();
  if (bad_ || code > Code::kUnavailable || size > entry_.size()) {
    bad_ = true;
    return Status();
  }
  Status read(code, std::string(entry_.substr(0, size)));
  entry_.remove_prefix(size);
  return read;
}

Result<std::optional<JournalInput>> JournalReader::next() {
  if (left_.empty() || cut_) return std::optional<JournalInput>();
  auto kind = static_cast<JournalEntry>(left_[0]);
  std::string_view rest = left_.substr(1);
  uint64_t size = 0;
  if (!takeNumber(rest, size) || size > rest.size()) {
    cut_ = true;
    return std::optional<JournalInput>();
  }
  entry_ = rest.substr(0, size);
  left_ = rest.substr(size);
  auto input = read(kind);
  if (bad_ || !input || !entry_.empty()) {
    return Status(Code::kInvalidArgument, "the journal has an entry that can't be one");
  }
  return input;
}

std::optional<JournalInput> JournalReader::read(JournalEntry kind) {
  switch (kind) {
    case JournalEntry::kFull:
      return JournalFull{};
    case JournalEntry::kAddLink:
      return readLink();
    case JournalEntry::kMessage:
      return readMessage();
    case JournalEntry::kLost: {
      LinkId id = link();
      return JournalLost{id, status()};
    }
    case JournalEntry::kCloseLink: {
      LinkId id = link();
      return JournalClose{id, status()};
    }
    case JournalEntry::kComplete:
      return readCompletion();
    case JournalEntry::kTick:
      last_tick_ += Duration(static_cast<int64_t>(number()));
      return JournalTick{last_tick_};
    case JournalEntry::kFlushed: {
      LinkId id = link();
      return JournalFlushed{id, number()};
    }
    case JournalEntry::kGateway:
      return JournalGateway{link()};
    case JournalEntry::kArriving: {
      LinkId id = link();
      return JournalArriving{id, number()};
    }
  }
  return std::nullopt;
}

JournalInput JournalReader::readLink() {
  JournalLink added;
  added.id = link();
  added.info.kind = static_cast<captp::LinkKind>(number());
  if (static_cast<int>(added.info.kind) >= captp::kLinkKinds) bad_ = true;
  forEachNumber(added.info,
                [this](auto& field) { field = narrow<std::decay_t<decltype(field)>>(number()); });
  forEachDuration(added.info,
                  [this](Duration& value) { value = Duration(static_cast<int64_t>(number())); });
  return added;
}

JournalInput JournalReader::readMessage() {
  JournalMessage message;
  message.link = link();
  uint64_t segments = number();
  uint64_t words = 0;
  for (uint64_t i = 0; i < segments && !bad_; ++i) {
    message.segments.push_back(number32());
    words += message.segments.back();
  }
  if (segments == 0 || words > kMaxWords) bad_ = true;
  if (!bad_) readWords(message.words, words);
  return message;
}

void JournalReader::readWords(std::vector<uint64_t>& words, size_t count) {
  while (words.size() < count) {
    if (entry_.empty()) {
      bad_ = true;
      return;
    }
    auto tag = static_cast<uint8_t>(entry_[0]);
    entry_.remove_prefix(1);
    if (tag == 0) {
      size_t zeros = entry_.empty() ? SIZE_MAX : static_cast<uint8_t>(entry_[0]) + size_t{1};
      bad_ = zeros > count - words.size();
      if (bad_) return;
      entry_.remove_prefix(1);
      words.resize(words.size() + zeros);
      continue;
    }
    uint64_t word = 0;
    for (unsigned byte = 0; byte < 8; ++byte) {
      if ((tag >> byte & 1) == 0) continue;
      if (entry_.empty()) {
        bad_ = true;
        return;
      }
      word |= uint64_t{static_cast<uint8_t>(entry_[0])} << (8 * byte);
      entry_.remove_prefix(1);
    }
    words.push_back(word);
  }
}

JournalInput JournalReader::readCompletion() {
  JournalCompletion completion;
  completion.op = OpId{number()};
  Status status = this->status();
  if (!status.ok()) {
    completion.result = status;
    return completion;
  }
  BootstrapOf found;
  found.link = link();
  uint64_t id_size = number();
  if (id_size > wire::kMaxObjectId) bad_ = true;
  // Zeros would be cut off as the end of a text.
  if (!bad_) found.object_id.assign(id_size, '?');
  completion.result = found;
  return completion;
}

}  // namespace vatmesh::vat
