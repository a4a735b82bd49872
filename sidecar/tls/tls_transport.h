// SPDX-License-Identifier: Apache-2.0
//
// TlsTransport drives one BoringSSL connection over a non-blocking socket. TlsContext makes it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <openssl/base.h>
#include <openssl/ssl.h>

#include "sidecar/net/transport.h"
#include "sidecar/tls/cipher_pipe.h"
#include "sidecar/tls/errors.h"

namespace vatmesh::tls {

// What a client knows of the peer that it dialled.
struct Expectation {
  std::string fingerprint;
  std::string peer_name;
};

// Where small pieces are joined to one record before they are encrypted. Shared by all transports
// of a thread: it is empty between calls.
using Scratch = std::vector<uint8_t>;

class TlsTransport : public net::Transport {
 public:
  static constexpr size_t kRecordBytes = 16 * 1024;
  // Encrypted bytes that may wait for the socket before `write` takes no more.
  static constexpr size_t kMaxUnsent = 256 * 1024;

  TlsTransport(SSL_CTX* context, Role role, event::Fd fd, Expectation expected,
               std::shared_ptr<Scratch> scratch, wire::BufferPool& pool);

  int fd() const override { return pipe_.fd(); }
  net::Progress advance() override;
  net::IoResult read(std::span<uint8_t> out) override;
  bool hasBufferedInput() const override;
  net::IoResult write(std::span<const Piece> pieces) override;
  net::Progress flush() override;
  size_t unsentBytes() const override { return pipe_.unsent(); }
  void shutdownWrite() override;
  const Status& error() const override { return error_; }
  const std::string& peerFingerprint() const override { return fingerprint_; }
  std::string peerInstance() const override { return instance_; }
  std::string agreed() const override;
  bool isTls13() const override { return SSL_version(ssl_.get()) >= TLS1_3_VERSION; }

  // BoringSSL's verify callback: takes the peer's fingerprint and compares it with the expected
  // one.
  static ssl_verify_result_t verify(SSL* ssl, uint8_t* out_alert);

 private:
  bool checkPeer();
  Status handshakeError();
  net::IoResult readError(int result);
  bool seal(std::span<const uint8_t> bytes);

  Role role_;
  Expectation expected_;
  std::shared_ptr<Scratch> scratch_;
  CipherPipe pipe_;
  bssl::UniquePtr<SSL> ssl_;
  std::string fingerprint_;
  std::string instance_;
  Status error_;
  Status peer_error_;  // what checkPeer found wrong
  bool handshake_done_ = false;
  bool end_at_hand_ = false;   // the next read gives the end or an error without the descriptor
  bool write_ended_ = false;   // close_notify is in the pipe
  bool socket_ended_ = false;  // and behind it the end of the stream
};

}  // namespace vatmesh::tls
