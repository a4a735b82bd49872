// SPDX-License-Identifier: Apache-2.0
//
// StoreSpec is a store as users name it: `none`, `memory`, `files:DIR`, `sqlite:FILE`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rpc/base/status.h"

namespace vatmesh::store {

enum class StoreKind : uint8_t { kNone, kMemory, kFiles, kSqlite };

struct StoreSpec {
  StoreKind kind = StoreKind::kNone;
  // The folder of kFiles, the file of kSqlite.
  std::string path;

  // Whether it can outlive the process.
  bool durable() const { return kind == StoreKind::kFiles || kind == StoreKind::kSqlite; }
  // As users write it.
  std::string toText() const;

  bool operator==(const StoreSpec&) const = default;
};

// parseStoreSpec reads what `toText` writes. kInvalidArgument: "is no store; write ...", to be put
// behind what was written.
Result<StoreSpec> parseStoreSpec(std::string_view text);

}  // namespace vatmesh::store
