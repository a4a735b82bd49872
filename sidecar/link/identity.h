// SPDX-License-Identifier: Apache-2.0
//
// Identity is who this vat is for as long as the process lives: its key, and the TLS contexts that
// are made from it. The key is read or made when it is first needed: a vat that neither listens nor
// dials with TLS never has one.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "rpc/base/log.h"
#include "rpc/base/status.h"
#include "rpc/wire/buffer.h"
#include "sidecar/config/config.h"
#include "sidecar/tls/context.h"
#include "sidecar/tls/key_pair.h"

namespace vatmesh::link {

class Identity {
 public:
  // `pool` outlives all connections, `log` this.
  Identity(const config::Config& config, wire::BufferPool& pool, Logger& log)
      : key_file_(config.key_file), expected_(config.fingerprint), pool_(pool), log_(log) {}
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;

  // Reads the key that the configuration names, or makes it, unless that is done; with a configured
  // fingerprint no key is made, and any other is kRefused. The log tells the fingerprint.
  Status load();
  bool loaded() const { return loaded_.has_value(); }
  // Whether load() made the key file.
  bool madeFile() const { return made_file_; }

  // The rest only once load() was ok.
  const tls::KeyPair& key() const { return loaded_->key; }
  // 32 raw bytes.
  const std::string& fingerprint() const { return key().fingerprint(); }
  std::shared_ptr<tls::TlsContext> context(config::TlsVersion min_version) const {
    return min_version == config::TlsVersion::k1_2 ? loaded_->from_1_2 : loaded_->from_1_3;
  }

 private:
  struct Loaded {
    tls::KeyPair key;
    std::shared_ptr<tls::TlsContext> from_1_3;
    std::shared_ptr<tls::TlsContext> from_1_2;
  };

  Result<tls::KeyPair> readOrMake();

  const std::string key_file_;
  const std::optional<std::string> expected_;
  wire::BufferPool& pool_;
  Logger& log_;
  std::optional<Loaded> loaded_;
  bool made_file_ = false;
};

}  // namespace vatmesh::link
