// SPDX-License-Identifier: Apache-2.0
//
// ForeignVat is a vat that is not of our kind: it has a key and a certificate that the OCaml
// library made (tests/vectors), and speaks TLS with them in both roles.
#pragma once

#include <memory>
#include <string>

#include <openssl/pool.h>
#include <openssl/ssl.h>

#include "sidecar/event/fd.h"
#include "sidecar/tls/key_pair.h"
#include "sidecar/tls/tls_transport.h"
#include "tests/vectors/vectors.h"

namespace vatmesh::test {

class ForeignVat {
 public:
  // `name` is one of key1 to key4. `pool` outlives the transports.
  ForeignVat(const std::string& name, wire::BufferPool& pool, uint16_t max_version = TLS1_3_VERSION)
      : pool_(pool),
        key_(*tls::KeyPair::fromPem(vectors::readBytes(vectors::kOcaml + "keys/" + name + ".pem"))),
        context_(SSL_CTX_new(TLS_with_buffers_method())) {
    const std::string der = vectors::readBytes(vectors::kOcaml + "keys/" + name + ".cert.der");
    bssl::UniquePtr<CRYPTO_BUFFER> certificate(
        CRYPTO_BUFFER_new(reinterpret_cast<const uint8_t*>(der.data()), der.size(), nullptr));
    CRYPTO_BUFFER* const chain[] = {certificate.get()};
    SSL_CTX_set_chain_and_key(context_.get(), chain, 1, key_.key(), nullptr);
    SSL_CTX_set_max_proto_version(context_.get(), max_version);
    SSL_CTX_set_custom_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                              &tls::TlsTransport::verify);
  }

  const std::string& fingerprint() const { return key_.fingerprint(); }

  std::unique_ptr<net::Transport> client(event::Fd fd, const std::string& expected) {
    return make(tls::Role::kClient, std::move(fd), expected);
  }
  std::unique_ptr<net::Transport> server(event::Fd fd) {
    return make(tls::Role::kServer, std::move(fd), {});
  }

 private:
  std::unique_ptr<net::Transport> make(tls::Role role, event::Fd fd, const std::string& expected) {
    return std::make_unique<tls::TlsTransport>(context_.get(), role, std::move(fd),
                                               tls::Expectation{expected, "the vat"},
                                               std::make_shared<tls::Scratch>(), pool_);
  }

  wire::BufferPool& pool_;
  tls::KeyPair key_;
  bssl::UniquePtr<SSL_CTX> context_;
};

}  // namespace vatmesh::test
