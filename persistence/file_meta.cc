// SPDX-License-Identifier: Apache-2.0
//
// The form: "vatmesh-meta 1\n", then for each entry the 32 bytes of the hash, a u32 (little-endian)
// and as many bytes of the record; at the end the version (record.h) of all of that, as a checksum.
#include "persistence/file_meta.h"

#include <utility>

#include "rpc/crypto/digest.h"

namespace vatmesh::store {

namespace {

constexpr std::string_view kMagic = "vatmesh-meta 1\n";
constexpr size_t kHashBytes = 32, kSizeBytes = 4, kChecksumBytes = 8;

std::string littleEndian(uint64_t number, size_t size) {
  std::string out;
  for (size_t i = 0; i < size; ++i) out += static_cast<char>((number >> (8 * i)) & 0xff);
  return out;
}

size_t readSize(std::string_view bytes) {
  size_t size = 0;
  for (size_t i = 0; i < kSizeBytes; ++i) {
    size |= static_cast<size_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  }
  return size;
}

Status damaged() {
  return Status(Code::kCorrupt, "its meta file is damaged");
}

Digest hashOf(std::string_view ref) {
  return *Digest::fromBytes(crypto::sha256(ref));
}

}  // namespace

MetaEntry metaEntry(Record record) {
  const Digest hash = hashOf(record.object_ref);
  record.object_ref.clear();
  return {.ref_hash = hash, .record = std::move(record)};
}

Result<std::string> encodeMeta(std::span<const MetaEntry> entries) {
  std::string out(kMagic);
  for (const MetaEntry& entry : entries) {
    const Result<std::string> record = encodeRecord(entry.record);
    if (!record.ok()) return record.status();
    out += entry.ref_hash.view();
    out += littleEndian(record->size(), kSizeBytes);
    out += *record;
  }
  return out + littleEndian(versionOf(out), kChecksumBytes);
}

Result<std::vector<MetaEntry>> decodeMeta(std::string_view bytes) {
  if (bytes.size() < kMagic.size() + kChecksumBytes || !bytes.starts_with(kMagic)) return damaged();
  const std::string_view checksum = bytes.substr(bytes.size() - kChecksumBytes);
  bytes.remove_suffix(kChecksumBytes);
  if (littleEndian(versionOf(bytes), kChecksumBytes) != checksum) return damaged();
  bytes.remove_prefix(kMagic.size());

  std::vector<MetaEntry> entries;
  while (!bytes.empty()) {
    if (bytes.size() < kHashBytes + kSizeBytes || entries.size() == 2) return damaged();
    const std::optional<Digest> hash = Digest::fromBytes(bytes.substr(0, kHashBytes));
    const size_t size = readSize(bytes.substr(kHashBytes));
    bytes.remove_prefix(kHashBytes + kSizeBytes);
    if (bytes.size() < size) return damaged();
    Result<Record> record = decodeRecord(bytes.substr(0, size));
    if (!record.ok()) return record.status();
    entries.push_back({.ref_hash = *hash, .record = *std::move(record)});
    bytes.remove_prefix(size);
  }
  if (entries.empty()) return damaged();
  return entries;
}

Result<Record> recordFor(std::string ref, std::span<const MetaEntry> entries) {
  const Digest hash = hashOf(ref);
  for (const MetaEntry& entry : entries) {
    if (entry.ref_hash != hash) continue;
    Record record = entry.record;
    record.object_ref = std::move(ref);
    return record;
  }
  // Taken with default metadata it would be open to everybody, sealed or not.
  return Status(Code::kCorrupt,
                "its file does not fit its .meta file: it is damaged, or another program wrote "
                "it; to take it as it is, remove the .meta file");
}

}  // namespace vatmesh::store
