// SPDX-License-Identifier: Apache-2.0
//
// Identity is who this vat is for as long as the process lives: its key, and the TLS contexts that
// are made from it.
#pragma once

#include <memory>
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
  // Reads the key that `config` names, or makes it; with `config.fingerprint` no key is made, and
  // any other is kRefused. The log tells the fingerprint. `pool` outlives all connections.
  static Result<Identity> load(const config::Config& config, wire::BufferPool& pool, Logger& log);

  const tls::KeyPair& key() const { return key_; }
  // 32 raw bytes.
  const std::string& fingerprint() const { return key_.fingerprint(); }
  std::shared_ptr<tls::TlsContext> context(config::TlsVersion min_version) const {
    return min_version == config::TlsVersion::k1_2 ? from_1_2_ : from_1_3_;
  }

 private:
  Identity(tls::KeyPair key, std::shared_ptr<tls::TlsContext> from_1_3,
           std::shared_ptr<tls::TlsContext> from_1_2)
      : key_(std::move(key)), from_1_3_(std::move(from_1_3)), from_1_2_(std::move(from_1_2)) {}

  tls::KeyPair key_;
  std::shared_ptr<tls::TlsContext> from_1_3_;
  std::shared_ptr<tls::TlsContext> from_1_2_;
};

}  // namespace vatmesh::link
