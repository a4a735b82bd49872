// SPDX-License-Identifier: Apache-2.0
//
// The form, all numbers little-endian:
//
//   u8 format = 1 · u8 flags: what follows or is so · i64 created · [i64 expires] · [32 owner]
//   [32 sealed_for] · u64 generation · text label · u32 count · count × (i64 at · text)
//   text object_ref                                   text = u32 length, then the bytes
//
// One record has one form: a decoder takes no other flag, no trailing byte. Thus the version, a
// hash of these bytes, is the same wherever the record is kept.
#include "persistence/record.h"

#include <algorithm>
#include <type_traits>

#include "rpc/base/bytes.h"
#include "rpc/base/encoding.h"
#include "rpc/crypto/digest.h"

namespace vatmesh::store {

namespace {

constexpr uint8_t kFormat = 1;
constexpr uint8_t kHasExpires = 1, kHasOwner = 2, kHasSeal = 4, kIsCounter = 8;
constexpr uint8_t kKnownFlags = kHasExpires | kHasOwner | kHasSeal | kIsCounter;

template <typename T>
void putNumber(std::string& out, T number) {
  auto bits = static_cast<std::make_unsigned_t<T>>(number);
  for (size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>((bits >> (8 * i)) & 0xff);
}

void putTime(std::string& out, UnixTime time) {
  putNumber<int64_t>(out, time.time_since_epoch().count());
}

void putText(std::string& out, std::string_view text) {
  putNumber<uint32_t>(out, static_cast<uint32_t>(text.size()));
  out += text;
}

// Takes values off the front; once something is missing, everything is.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T number() {
    std::string_view raw = take(sizeof(T));
    uint64_t bits = 0;
    for (size_t i = 0; i < raw.size(); ++i) {
      bits |= static_cast<uint64_t>(static_cast<uint8_t>(raw[i])) << (8 * i);
    }
    return static_cast<T>(bits);
  }

  UnixTime time() { return UnixTime(std::chrono::milliseconds(number<int64_t>())); }

  std::optional<Digest> digest() { return Digest::fromBytes(take(32)); }

  std::string text(size_t limit) {
    const uint32_t size = number<uint32_t>();
    if (size > limit) good_ = false;
    return std::string(take(size));
  }

  bool good() const { return good_; }
  bool done() const { return good_ && rest_.empty(); }

 private:
  std::string_view take(size_t size) {
    if (!good_ || rest_.size() < size) {
      good_ = false;
      return {};
    }
    std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool good_ = true;
};

Status checkBounds(const Record& record) {
  auto tooLong = [](std::string_view what, size_t size, size_t limit) {
    return Status(Code::kInvalidArgument, std::string(what) + " of " + std::to_string(size) +
                                              " bytes; at most " + std::to_string(limit) +
                                              " can be stored");
  };
  if (record.object_ref.size() > kMaxObjectRefBytes)
    return tooLong("object ref", record.object_ref.size(), kMaxObjectRefBytes);
  if (record.label.size() > kMaxLabelBytes)
    return tooLong("label", record.label.size(), kMaxLabelBytes);
  if (record.notes.size() > kMaxNotes) {
    return Status(Code::kInvalidArgument,
                  "a record keeps at most " + std::to_string(kMaxNotes) + " audit notes");
  }
  for (const AuditNote& note : record.notes) {
    if (note.text.size() > kMaxNoteBytes)
      return tooLong("audit note", note.text.size(), kMaxNoteBytes);
  }
  return {};
}

}  // namespace

std::optional<Digest> Digest::fromBytes(std::string_view raw) {
  Digest digest;
  if (raw.size() != digest.bytes.size()) return std::nullopt;
  std::copy(raw.begin(), raw.end(), digest.bytes.begin());
  return digest;
}

std::optional<Digest> Digest::fromText(std::string_view text) {
  // 43 characters have two bits more than 32 bytes; in what we write these are zero.
  constexpr std::string_view kLast = "AEIMQUYcgkosw048";
  if (text.size() != 43 || kLast.find(text.back()) == std::string_view::npos) return std::nullopt;
  const std::optional<std::string> raw = base64UrlDecode(text);
  return raw ? fromBytes(*raw) : std::nullopt;
}

std::string Digest::toText() const {
  return base64UrlEncode(bytes);
}

Result<std::string> encodeRecord(const Record& record) {
  if (Status status = checkBounds(record); !status.ok()) return status;
  std::string out;
  out.reserve(128 + record.label.size() + record.object_ref.size());
  putNumber<uint8_t>(out, kFormat);
  putNumber<uint8_t>(
      out,
      static_cast<uint8_t>((record.expires ? kHasExpires : 0) | (record.owner ? kHasOwner : 0) |
                           (record.sealed_for ? kHasSeal : 0) | (record.counter ? kIsCounter : 0)));
  putTime(out, record.created);
  if (record.expires) putTime(out, *record.expires);
  if (record.owner) out += record.owner->view();
  if (record.sealed_for) out += record.sealed_for->view();
  putNumber<uint64_t>(out, record.generation);
  putText(out, record.label);
  putNumber<uint32_t>(out, static_cast<uint32_t>(record.notes.size()));
  for (const AuditNote& note : record.notes) {
    putTime(out, note.at);
    putText(out, note.text);
  }
  putText(out, record.object_ref);
  return out;
}

Result<Record> decodeRecord(std::string_view bytes) {
  Reader reader(bytes);
  const auto format = reader.number<uint8_t>();
  if (reader.good() && format > kFormat) {
    return Status(Code::kCorrupt, "record of format " + std::to_string(format) +
                                      "; this program knows formats up to " +
                                      std::to_string(kFormat));
  }
  const auto flags = reader.number<uint8_t>();
  const bool known = format == kFormat && (flags & ~kKnownFlags) == 0;
  Record record;
  record.created = reader.time();
  if (flags & kHasExpires) record.expires = reader.time();
  if (flags & kHasOwner) record.owner = reader.digest();
  if (flags & kHasSeal) record.sealed_for = reader.digest();
  record.generation = reader.number<uint64_t>();
  record.counter = (flags & kIsCounter) != 0;
  record.label = reader.text(kMaxLabelBytes);
  const auto notes = reader.number<uint32_t>();
  for (uint32_t i = 0; known && reader.good() && i < notes && i <= kMaxNotes; ++i) {
    const UnixTime at = reader.time();
    record.notes.push_back({at, reader.text(kMaxNoteBytes)});
  }
  record.object_ref = reader.text(kMaxObjectRefBytes);
  if (!known || notes > kMaxNotes || !reader.done()) {
    return Status(Code::kCorrupt, "damaged record of " + std::to_string(bytes.size()) + " bytes");
  }
  return record;
}

Version versionOf(std::string_view encoded) {
  Version version = 0;
  for (char c : crypto::sha256(encoded).substr(0, 8)) {
    version = (version << 8) | static_cast<uint8_t>(c);
  }
  return version == kNoVersion || version == kAnyVersion ? 1 : version;
}

size_t weightOf(const Record& record) {
  size_t weight = sizeof(Record) + record.object_ref.size() + record.label.size();
  for (const AuditNote& note : record.notes) weight += sizeof(AuditNote) + note.text.size();
  return weight;
}

}  // namespace vatmesh::store
