// SPDX-License-Identifier: Apache-2.0
//
// TlsContext makes TLS transports for both roles from one key. There is no CA: a peer is its key.
// A server demands a certificate and reports its fingerprint; a client compares it with a pin.
// Immutable; one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rpc/base/status.h"
#include "rpc/wire/buffer.h"
#include "sidecar/event/fd.h"
#include "sidecar/net/transport.h"
#include "sidecar/tls/key_pair.h"

struct ssl_ctx_st;

namespace vatmesh::tls {

enum class MinTls : uint8_t { k13, k12 };

struct TlsOptions {
  MinTls min_version = MinTls::k13;
};

class TlsContext {
 public:
  // `pool` lends buffers to transports and outlives them all.
  static Result<std::shared_ptr<TlsContext>> create(const KeyPair& key, const TlsOptions& options,
                                                    wire::BufferPool& pool);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // `fd` is connected and non-blocking. The peer must show the key with fingerprint `expected` (32
  // raw bytes; other lengths never match), else the handshake fails with kRefused and the text of
  // contracts 7. `peer_name` names it there, e.g. "orders.shop:7000".
  std::unique_ptr<net::Transport> client(event::Fd fd, std::string expected, std::string peer_name);

  // Whoever dialled must show a certificate; its fingerprint is peerFingerprint().
  std::unique_ptr<net::Transport> server(event::Fd fd);

  const KeyPair& key() const { return key_; }
  MinTls minVersion() const { return min_version_; }

 private:
  TlsContext(const KeyPair& key, MinTls min_version, wire::BufferPool& pool)
      : key_(key), min_version_(min_version), pool_(pool) {}
  Status init(const TlsOptions& options);

  struct FreeContext {
    void operator()(ssl_ctx_st* context) const;
  };
  KeyPair key_;
  const MinTls min_version_;
  wire::BufferPool& pool_;
  std::unique_ptr<ssl_ctx_st, FreeContext> context_;
  // Lent to all transports: see TlsTransport.
  std::shared_ptr<std::vector<uint8_t>> scratch_;
};

}  // namespace vatmesh::tls
