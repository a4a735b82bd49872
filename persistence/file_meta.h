// SPDX-License-Identifier: Apache-2.0
//
// The content of `<name>.meta`: what the file `<name>`, in the OCaml library's layout, has no room
// for. It is written before that file, so for a while it describes a ref that is not there yet
// beside the one that still is. Therefore it holds an entry for each, and the ref file itself, by
// its hash, says which of them counts.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/record.h"
#include "rpc/base/status.h"

namespace vatmesh::store {

struct MetaEntry {
  Digest ref_hash;  // SHA-256 of the object ref that the record belongs to
  Record record;    // without its object ref
};

// Larger files are none of ours.
inline constexpr size_t kMaxMetaBytes = 4 * 1024 * 1024;

// metaEntry takes `record` apart for its meta file.
MetaEntry metaEntry(Record record);

// encodeMeta writes one or two entries, the newest first. kInvalidArgument when a record is above a
// bound.
Result<std::string> encodeMeta(std::span<const MetaEntry> entries);

// decodeMeta reads what `encodeMeta` wrote; kCorrupt for anything else.
Result<std::vector<MetaEntry>> decodeMeta(std::string_view bytes);

// recordFor joins the object ref `ref`, as it lies in its file, with the entry that belongs to it.
// kCorrupt when none does: the ref was damaged, or written by a program that knows no meta files.
Result<Record> recordFor(std::string ref, std::span<const MetaEntry> entries);

}  // namespace vatmesh::store
