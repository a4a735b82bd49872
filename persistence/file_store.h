// SPDX-License-Identifier: Apache-2.0
//
// A store in the files of one folder, which the OCaml library's File_store can read and write too
// (ocaml-network 8): `<name>` holds an object ref, `<name>.meta` (file_meta.h) the rest of its
// record, where <name> is the digest in base64url. A ref without meta is a record of that library:
// without label, owner, seal and end, as old as its file.
//
//   F1  A put writes meta, then the ref; each is synced, renamed into its place, and the folder
//       synced, before the next step. A put that leaves the ref as it is ends with the meta.
//   F2  A remove takes the ref, syncs the folder, then takes the meta.
//   F3  What F1 or F2 left half done is no record; `sweep` takes it away.
//   F4  All of that happens under the exclusive lock of `.lock`, all reading under a shared one.
//       The OCaml library takes no lock, so it may lose against us, but breaks nothing.
//   F5  The folder is made once, at the start. When it is gone later, the store is unavailable
//       until it is back: a store that was lost must not look like an empty one.
#pragma once

#include <memory>
#include <string>

#include "persistence/blocking_store.h"

namespace vatmesh::store {

std::unique_ptr<Store> makeFileStore(std::string folder, Post post, WallClock now,
                                     BlockingOptions options = {});

}  // namespace vatmesh::store
