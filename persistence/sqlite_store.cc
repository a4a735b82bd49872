// SPDX-License-Identifier: Apache-2.0
#include "persistence/sqlite_store.h"

#include <utility>

#include "persistence/sqlite_session.h"

namespace vatmesh::store {

std::unique_ptr<Store> makeSqliteStore(std::string path, Post post, WallClock now,
                                       BlockingOptions options) {
  auto file = std::make_shared<SqliteFile>(std::move(path));
  return std::make_unique<BlockingStore>(
      std::move(post),
      [file, now = std::move(now)] { return std::make_unique<SqliteSession>(file, now); }, options);
}

}  // namespace vatmesh::store
