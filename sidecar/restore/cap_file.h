// SPDX-License-Identifier: Apache-2.0
//
// Cap files on disk: one URI in each. Written whole or not at all, since others watch them.
// Blocking; used at start and when a file has changed.
#pragma once

#include <optional>
#include <string>

#include "rpc/base/log.h"
#include "rpc/base/status.h"
#include "rpc/sturdy/uri.h"

namespace vatmesh::restore {

// readCapFile reads the URI in the file `path`. No file, or an empty one that somebody is about to
// write: nullopt. An unreadable or malformed one: kRefused or kInvalidArgument, and the text names
// it.
Result<std::optional<sturdy::SturdyUri>> readCapFile(const std::string& path);

// writeCapFile makes `path` hold `uri`. It leaves an equal file untouched; a different one is
// replaced, keeping its mode, with a warning that names both fingerprints. A new one gets 0600, and
// missing parent folders are made (0755). The text of an error names the file.
Status writeCapFile(const std::string& path, const sturdy::SturdyUri& uri, Logger& log);

}  // namespace vatmesh::restore
