// SPDX-License-Identifier: Apache-2.0
#include "persistence/store_spec.h"

#include <utility>

namespace vatmesh::store {

namespace {

constexpr std::string_view kFiles = "files:", kSqlite = "sqlite:";

}  // namespace

std::string StoreSpec::toText() const {
  switch (kind) {
    case StoreKind::kNone:
      return "none";
    case StoreKind::kMemory:
      return "memory";
    case StoreKind::kFiles:
      return std::string(kFiles) + path;
    case StoreKind::kSqlite:
      return std::string(kSqlite) + path;
  }
  return "none";
}

Result<StoreSpec> parseStoreSpec(std::string_view text) {
  StoreSpec spec;
  if (text == "none") return spec;
  if (text == "memory") {
    spec.kind = StoreKind::kMemory;
    return spec;
  }
  for (const auto& [prefix, kind] :
       {std::pair(kFiles, StoreKind::kFiles), std::pair(kSqlite, StoreKind::kSqlite)}) {
    if (!text.starts_with(prefix)) continue;
    spec = {.kind = kind, .path = std::string(text.substr(prefix.size()))};
    if (!spec.path.empty() && spec.path.find('\0') == std::string::npos) return spec;
    return Status(Code::kInvalidArgument, kind == StoreKind::kFiles
                                              ? "names no folder; write files:DIR"
                                              : "names no file; write sqlite:FILE");
  }
  return Status(Code::kInvalidArgument,
                "is no store; write none, memory, files:DIR or sqlite:FILE");
}

}  // namespace vatmesh::store
