// SPDX-License-Identifier: Apache-2.0
//
// Reads what Journal wrote, entry by entry. The bytes may be anything: they are bounds-checked, and
// a journal that was cut off anywhere is read up to there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rpc/vat/journal.h"

namespace vatmesh::vat {

struct JournalLink {
  LinkId id;  // what addLink gave
  LinkInfo info;
};
struct JournalGateway {
  LinkId link;
};
struct JournalMessage {
  LinkId link;
  std::vector<uint32_t> segments;  // sizes in words
  std::vector<uint64_t> words;
};
struct JournalLost {
  LinkId link;
  Status reason;
};
struct JournalClose {
  LinkId link;
  Status reason;
};
struct JournalCompletion {
  OpId op;
  Result<BootstrapOf> result = Status(Code::kFailed, "");  // an object id is zeros of its length
};
struct JournalTick {
  Instant now;
};
struct JournalFlushed {
  LinkId link;
  uint64_t bytes = 0;
};
struct JournalArriving {
  LinkId link;
  uint64_t bytes = 0;
};
// The journal had reached its limit: what came behind is not in it.
struct JournalFull {};
using JournalInput =
    std::variant<JournalLink, JournalGateway, JournalMessage, JournalLost, JournalClose,
                 JournalCompletion, JournalTick, JournalFlushed, JournalArriving, JournalFull>;

class JournalReader {
 public:
  // `bytes` outlive the reader. kInvalidArgument when they are no journal of a version that is
  // known.
  static Result<JournalReader> open(std::string_view bytes);

  bool hasPayloads() const { return (flags_ & kJournalPayloads) != 0; }
  // The bounds of the vat, and how it went about things.
  const captp::VatLimits& limits() const { return limits_; }
  Behaviour behaviour() const { return {.shortens_paths = (flags_ & kJournalOldPaths) == 0}; }
  // The next input; nothing at the end, and where the last entry was cut off. kInvalidArgument for
  // an entry that can't be one.
  Result<std::optional<JournalInput>> next();
  // Whether the last entry was cut off.
  bool cut() const { return cut_; }

 private:
  explicit JournalReader(std::string_view bytes) : left_(bytes) {}

  // Each notes in bad_ when `entry_` has no such thing.
  uint64_t number();
  uint32_t number32();
  LinkId link();
  Status status();
  JournalInput readLink();
  JournalInput readMessage();
  JournalInput readCompletion();
  void readWords(std::vector<uint64_t>& words, size_t count);
  std::optional<JournalInput> read(JournalEntry kind);

  std::string_view left_;
  std::string_view entry_;
  uint8_t flags_ = 0;
  captp::VatLimits limits_;
  bool bad_ = false;
  bool cut_ = false;
  Instant last_tick_{};
};

}  // namespace vatmesh::vat
