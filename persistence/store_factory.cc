// SPDX-License-Identifier: Apache-2.0
#include "persistence/store_factory.h"

#include <utility>

#include "persistence/cached_store.h"
#include "persistence/file_store.h"
#include "persistence/memory_store.h"
#include "persistence/sqlite_store.h"

namespace vatmesh::store {

WallClock systemClock() {
  return [] {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  };
}

std::unique_ptr<Store> makeStore(const StoreSpec& spec, Post post, WallClock now) {
  switch (spec.kind) {
    case StoreKind::kNone:
      return nullptr;
    case StoreKind::kMemory:
      return std::make_unique<MemoryStore>(std::move(post), std::move(now));
    case StoreKind::kFiles:
      return CachedStore::wrap(makeFileStore(spec.path, post, now), post, now);
    case StoreKind::kSqlite:
      return CachedStore::wrap(makeSqliteStore(spec.path, post, now), post, now);
  }
  return nullptr;
}

}  // namespace vatmesh::store
