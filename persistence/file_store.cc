// SPDX-License-Identifier: Apache-2.0
#include "persistence/file_store.h"

#include <utility>

#include "persistence/file_session.h"

namespace vatmesh::store {

std::unique_ptr<Store> makeFileStore(std::string folder, Post post, WallClock now,
                                     BlockingOptions options) {
  auto shared = std::make_shared<FileFolder>(std::move(folder));
  return std::make_unique<BlockingStore>(
      std::move(post),
      [shared, now = std::move(now)] { return std::make_unique<FileSession>(shared, now); },
      options);
}

}  // namespace vatmesh::store
