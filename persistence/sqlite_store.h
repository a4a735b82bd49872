// SPDX-License-Identifier: Apache-2.0
//
// A store in one SQLite file: the embedded choice. Several processes may open it.
//
//   Q1  WAL with synchronous FULL: a commit returns when the log is on the disk. All writes that
//       wait share one transaction, and are acknowledged after its commit.
//   Q2  The version beside a record is a hash of it, hence a checksum too: a record that does not
//       fit is kCorrupt, alone.
//   Q3  `user_version` is the version of the schema. A newer one, or a database of another program,
//       is refused and left alone.
//   Q4  The file is made once, at the start. When it is gone or replaced later, what was written to
//       the old one is not acknowledged, and the store is unavailable until a file is there again.
#pragma once

#include <memory>
#include <string>

#include "persistence/blocking_store.h"

namespace vatmesh::store {

std::unique_ptr<Store> makeSqliteStore(std::string path, Post post, WallClock now,
                                       BlockingOptions options = {});

}  // namespace vatmesh::store
