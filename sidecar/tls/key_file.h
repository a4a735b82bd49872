// SPDX-License-Identifier: Apache-2.0
//
// Key files: read, or made once and never half written.
#pragma once

#include <string>

#include "rpc/base/status.h"
#include "sidecar/tls/key_pair.h"

namespace vatmesh::tls {

// Reads the PEM file at `path`; never waits, whatever kind of file it is. kNotFound, kRefused
// (permission), kInvalidArgument (no regular file, no key); each names the file.
Result<KeyPair> readKeyFile(const std::string& path);

// Whether the mode of the file lets its group or others read it, which no key should.
bool othersCanRead(const std::string& path);

// Writes `key` to a new file at `path` with mode 0600: a temporary file beside it, fsync, link. An
// existing file is never touched: kFailed. Missing parent folders are made (0755).
Status writeNewKeyFile(const std::string& path, const KeyPair& key);

struct LoadedKey {
  enum class Origin : uint8_t { kRead, kMade };
  KeyPair key;
  Origin origin = Origin::kRead;
};

// Reads the key file, or makes one when there is none; of several processes that do so together,
// all get the same key.
Result<LoadedKey> readOrMakeKeyFile(const std::string& path);

}  // namespace vatmesh::tls
