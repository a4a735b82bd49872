// SPDX-License-Identifier: Apache-2.0
#include "sidecar/tls/context.h"

#include <utility>

#include <openssl/pool.h>
#include <openssl/ssl.h>

#include "rpc/base/check.h"
#include "sidecar/tls/boringssl_compat.h"
#include "sidecar/tls/errors.h"
#include "sidecar/tls/tls_transport.h"

namespace vatmesh::tls {

namespace {

// All kinds of keys that a vat may have. The default list lacks some of them, so that handshakes
// with such peers would fail; it must be set in both roles.
constexpr uint16_t kSignatures[] = {
    SSL_SIGN_ED25519,
    SSL_SIGN_ECDSA_SECP256R1_SHA256,
    SSL_SIGN_ECDSA_SECP384R1_SHA384,
    SSL_SIGN_ECDSA_SECP521R1_SHA512,
    SSL_SIGN_RSA_PSS_RSAE_SHA256,
    SSL_SIGN_RSA_PSS_RSAE_SHA384,
    SSL_SIGN_RSA_PSS_RSAE_SHA512,
    SSL_SIGN_RSA_PKCS1_SHA256,
    SSL_SIGN_RSA_PKCS1_SHA384,
    SSL_SIGN_RSA_PKCS1_SHA512,
};
constexpr size_t kSignatureCount = sizeof(kSignatures) / sizeof(kSignatures[0]);

// Of TLS 1.2; those of 1.3 can't be chosen.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

}  // namespace

void TlsContext::FreeContext::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::create(const KeyPair& key,
                                                       const TlsOptions& options,
                                                       wire::BufferPool& pool) {
  std::shared_ptr<TlsContext> context(new TlsContext(key, options.min_version, pool));
  if (Status status = context->init(options); !status.ok()) return status;
  return context;
}

Status TlsContext::init(const TlsOptions& options) {
  // "With buffers": no X.509 machinery, certificates stay bytes.
  context_.reset(SSL_CTX_new(TLS_with_buffers_method()));
  VATMESH_CHECK(context_ != nullptr);
  SSL_CTX* context = context_.get();
  const uint16_t lowest = options.min_version == MinTls::k12 ? TLS1_2_VERSION : TLS1_3_VERSION;
  const std::string& der = key_.certificate();
  bssl::UniquePtr<CRYPTO_BUFFER> certificate(
      CRYPTO_BUFFER_new(reinterpret_cast<const uint8_t*>(der.data()), der.size(), nullptr));
  CRYPTO_BUFFER* const chain[] = {certificate.get()};
  if (!SSL_CTX_set_min_proto_version(context, lowest) ||
      !SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) ||
      !SSL_CTX_set_strict_cipher_list(context, kCiphers) || !setGroups(context) ||
      !SSL_CTX_set_verify_algorithm_prefs(context, kSignatures, kSignatureCount) ||
      !SSL_CTX_set_signing_algorithm_prefs(context, kSignatures, kSignatureCount) ||
      !SSL_CTX_set_chain_and_key(context, chain, 1, key_.key(), nullptr)) {
    return takeError("set up").withContext("TLS");
  }
  // A resumed session would skip the verify callback, and with it the pin.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_custom_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                            &TlsTransport::verify);
  scratch_ = std::make_shared<std::vector<uint8_t>>();
  scratch_->reserve(TlsTransport::kRecordBytes);
  return {};
}

std::unique_ptr<net::Transport> TlsContext::client(event::Fd fd, std::string expected,
                                                   std::string peer_name) {
  return std::make_unique<TlsTransport>(context_.get(), Role::kClient, std::move(fd),
                                        Expectation{std::move(expected), std::move(peer_name)},
                                        scratch_, pool_);
}

std::unique_ptr<net::Transport> TlsContext::server(event::Fd fd) {
  return std::make_unique<TlsTransport>(context_.get(), Role::kServer, std::move(fd), Expectation{},
                                        scratch_, pool_);
}

}  // namespace vatmesh::tls
