// SPDX-License-Identifier: Apache-2.0
//
// Record is what a store keeps for one sturdy ref, and its form as bytes. It holds no secret: the
// id of a ref is known to its holders alone, a store knows the ref by the id's digest.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/base/status.h"

namespace vatmesh::store {

// A point of the calendar, as it stands in records. Whoever needs "now" gets it from outside.
using UnixTime = std::chrono::sys_time<std::chrono::milliseconds>;

// Digest is the 32 raw bytes of a SHA-256: of a ref's id (the key of a store) or of a public key (a
// fingerprint).
struct Digest {
  std::array<uint8_t, 32> bytes{};

  // The digest with these raw bytes; nullopt unless there are 32 of them.
  static std::optional<Digest> fromBytes(std::string_view raw);
  // The digest that `text` stands for; nullopt unless it is exactly what `toText` writes.
  static std::optional<Digest> fromText(std::string_view text);

  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), 32}; }
  // 43 characters of base64url: the name of a ref's file.
  std::string toText() const;
  // The first 10 characters, by which logs and texts name it.
  std::string shortName() const { return toText().substr(0, 10); }

  auto operator<=>(const Digest&) const = default;
};

// AuditNote says what happened to a ref: by whom it was saved, why it was renewed.
struct AuditNote {
  UnixTime at;
  std::string text;

  bool operator==(const AuditNote&) const = default;
};

// Bounds of a record; `encodeRecord` refuses what is above.
inline constexpr size_t kMaxObjectRefBytes = 1024 * 1024;
inline constexpr size_t kMaxLabelBytes = 4096;
inline constexpr size_t kMaxNoteBytes = 4096;
inline constexpr size_t kMaxNotes = 256;

struct Record {
  // The application's own name for the object: one Cap'n Proto segment, whose first word is the
  // root pointer. Opaque here.
  std::string object_ref;
  std::string label;
  UnixTime created;
  // From then on the ref is not there any more.
  std::optional<UnixTime> expires;
  // Fingerprint of the peer that saved it; none for a peer without a key, or for ourselves.
  std::optional<Digest> owner;
  // Fingerprint of the only peer that may restore it; none: whoever has the id.
  std::optional<Digest> sealed_for;
  uint64_t generation = 0;
  // No ref, and nothing to list: remembers the last generation given out for an object (see
  // sidecar/restore/publisher.h), so that an id that was revoked is never made again.
  bool counter = false;
  std::vector<AuditNote> notes;

  bool operator==(const Record&) const = default;
};

// Version names the content of a record: equal records have equal versions. So a store needs no
// counter, copies keep their versions, and a change by another program is a change of the version.
using Version = uint64_t;
inline constexpr Version kNoVersion = 0;             // as expectation: there must be none
inline constexpr Version kAnyVersion = ~Version{0};  // as expectation: whatever is there

// encodeRecord returns the bytes of `record`; kInvalidArgument when it is above a bound.
Result<std::string> encodeRecord(const Record& record);

// decodeRecord reads what `encodeRecord` wrote. kCorrupt for anything else, also for a format that
// is newer than this program; reads no byte outside `bytes`, takes no more memory than a few times
// their number.
Result<Record> decodeRecord(std::string_view bytes);

// versionOf returns the version of the record with these encoded bytes: never kNoVersion or
// kAnyVersion. It is a checksum as well.
Version versionOf(std::string_view encoded);

// weightOf is about how many bytes `record` takes in memory, for bounds.
size_t weightOf(const Record& record);

// expired tells whether `record` is not there any more at `now`.
inline bool expired(const Record& record, UnixTime now) {
  return record.expires.has_value() && *record.expires <= now;
}

}  // namespace vatmesh::store
