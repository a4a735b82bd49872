// SPDX-License-Identifier: Apache-2.0
#include "sidecar/tls/tls_transport.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pool.h>

#include "rpc/base/bytes.h"
#include "rpc/base/check.h"
#include "rpc/base/encoding.h"
#include "rpc/crypto/digest.h"
#include "rpc/crypto/public_key.h"
#include "sidecar/tls/boringssl_compat.h"
#include "sidecar/tls/certificate.h"

namespace vatmesh::tls {

namespace {

using net::IoResult;
using net::Progress;

// Record types of TLS: what a peer that speaks it can begin with.
constexpr int kHandshakeRecord = 22;
constexpr int kAlertRecord = 21;

std::string shortName(std::string_view fingerprint) {
  return "sha-256:" + base64UrlEncode(bytesOf(fingerprint)).substr(0, 10) + "…";
}

}  // namespace

TlsTransport::TlsTransport(SSL_CTX* context, Role role, event::Fd fd, Expectation expected,
                           std::shared_ptr<Scratch> scratch, wire::BufferPool& pool)
    : role_(role),
      expected_(std::move(expected)),
      scratch_(std::move(scratch)),
      pipe_(std::move(fd), pool),
      ssl_(SSL_new(context)) {
  VATMESH_CHECK(ssl_ != nullptr);  // fails only without memory
  bssl::UniquePtr<BIO> bio = pipe_.makeBio();
  BIO_up_ref(bio.get());
  SSL_set0_rbio(ssl_.get(), bio.get());
  SSL_set0_wbio(ssl_.get(), bio.release());
  SSL_set_app_data(ssl_.get(), this);
  if (role == Role::kClient) {
    SSL_set_connect_state(ssl_.get());
  } else {
    SSL_set_accept_state(ssl_.get());
  }
}

ssl_verify_result_t TlsTransport::verify(SSL* ssl, uint8_t* out_alert) {
  auto* self = static_cast<TlsTransport*>(SSL_get_app_data(ssl));
  if (self->checkPeer()) return ssl_verify_ok;
  *out_alert = SSL_AD_BAD_CERTIFICATE;
  return ssl_verify_invalid;
}

bool TlsTransport::checkPeer() {
  const STACK_OF(CRYPTO_BUFFER)* chain = SSL_get0_peer_certificates(ssl_.get());
  if (chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0) {
    peer_error_ = Status(Code::kRefused, "the peer showed no certificate");
    return false;
  }
  const CRYPTO_BUFFER* leaf = sk_CRYPTO_BUFFER_value(chain, 0);
  const std::string_view certificate = textOf({CRYPTO_BUFFER_data(leaf), CRYPTO_BUFFER_len(leaf)});
  Result<std::string> fingerprint = crypto::fingerprintOfCertificate(certificate);
  if (!fingerprint.ok()) {
    peer_error_ = Status(Code::kRefused, fingerprint.status().message())
                      .withContext("the certificate that the peer showed");
    return false;
  }
  fingerprint_ = *std::move(fingerprint);
  instance_ = instanceOfCertificate(certificate);
  if (role_ == Role::kServer || crypto::equalConstantTime(fingerprint_, expected_.fingerprint)) {
    return true;
  }
  peer_error_ =
      Status(Code::kRefused, expected_.peer_name + " showed key " + shortName(fingerprint_) +
                                 ", the URI expects " + shortName(expected_.fingerprint) +
                                 ": its key was made anew or rotated; ask its owner for a new URI");
  return false;
}

Progress TlsTransport::advance() {
  pipe_.beginRead();
  const int result = SSL_do_handshake(ssl_.get());
  const int kind = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), result);
  pipe_.endRead();
  // Alerts must go out too.
  const Progress flushed = pipe_.flush();
  if (result == 1 && fingerprint_.empty()) {
    error_ = Status(Code::kRefused, "the peer showed no certificate");
    return Progress::kError;
  }
  if (result == 1) {
    handshake_done_ = true;
    return Progress::kDone;
  }
  if (kind == SSL_ERROR_WANT_READ && flushed != Progress::kError) {
    return flushed == Progress::kDone ? Progress::kWantRead : Progress::kWantWrite;
  }
  error_ = handshakeError();
  return Progress::kError;
}

Status TlsTransport::handshakeError() {
  if (!peer_error_.ok()) {
    ERR_clear_error();
    return peer_error_;
  }
  const int first = pipe_.firstByte();
  if (first >= 0 && first != kHandshakeRecord && first != kAlertRecord) {
    ERR_clear_error();
    return plaintextPeer(role_);
  }
  // An error in the queue came before the connection ended because of it.
  if (ERR_peek_error() != 0) return takeError("handshake").withContext("TLS handshake");
  if (pipe_.systemError() != 0) return net::connectionError(pipe_.systemError());
  if (pipe_.ended()) return endedInHandshake(role_, first >= 0);
  return takeError("handshake").withContext("TLS handshake");
}

std::string TlsTransport::agreed() const {
  if (!handshake_done_) return {};
  const char* group = groupName(ssl_.get());
  return std::string(SSL_get_version(ssl_.get())) + ", " + (group != nullptr ? group : "?");
}

IoResult TlsTransport::read(std::span<uint8_t> out) {
  pipe_.beginRead();
  end_at_hand_ = false;
  size_t total = 0;
  // More than one record while no system call is needed for it.
  do {
    const int want = static_cast<int>(std::min<size_t>(out.size() - total, INT32_MAX));
    const int n = SSL_read(ssl_.get(), out.data() + total, want);
    if (n <= 0) {
      pipe_.endRead();
      if (total == 0) return readError(n);
      // What stopped us shows again at the next read; the descriptor may stay silent about it.
      end_at_hand_ = SSL_get_error(ssl_.get(), n) != SSL_ERROR_WANT_READ;
      ERR_clear_error();
      break;
    }
    total += static_cast<size_t>(n);
  } while (total < out.size() && hasBufferedInput());
  pipe_.endRead();
  return {IoResult::Kind::kBytes, total};
}

IoResult TlsTransport::readError(int result) {
  const int kind = SSL_get_error(ssl_.get(), result);
  if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
    return {IoResult::Kind::kWouldBlock};
  }
  if (kind == SSL_ERROR_ZERO_RETURN) return {IoResult::Kind::kEof};
  if (pipe_.systemError() != 0) {
    ERR_clear_error();
    error_ = net::connectionError(pipe_.systemError());
    return {IoResult::Kind::kError};
  }
  // An end without close_notify is the habit of many peers. Frames tell whether it came too early.
  if (pipe_.ended() && ERR_peek_error() == 0) return {IoResult::Kind::kEof};
  error_ = takeError("the connection can't be read");
  return {IoResult::Kind::kError};
}

bool TlsTransport::hasBufferedInput() const {
  return end_at_hand_ || pipe_.hasInput() || SSL_pending(ssl_.get()) > 0;
}

IoResult TlsTransport::write(std::span<const Piece> pieces) {
  if (pipe_.unsent() >= kMaxUnsent) {
    const Progress flushed = flush();
    if (flushed == Progress::kError) return {IoResult::Kind::kError};
    if (pipe_.unsent() >= kMaxUnsent) return {IoResult::Kind::kWouldBlock};
  }
  Scratch& scratch = *scratch_;
  scratch.clear();
  size_t taken = 0;
  for (Piece piece : pieces) {
    while (!piece.empty() && pipe_.unsent() < kMaxUnsent) {
      const bool whole_record = scratch.empty() && piece.size() >= kRecordBytes;
      const size_t n = std::min(piece.size(), kRecordBytes - scratch.size());
      taken += n;
      if (whole_record) {
        if (!seal(piece.first(n))) return {IoResult::Kind::kError};
      } else {
        scratch.insert(scratch.end(), piece.begin(), piece.begin() + static_cast<ptrdiff_t>(n));
        if (scratch.size() == kRecordBytes) {
          if (!seal(scratch)) return {IoResult::Kind::kError};
          scratch.clear();
        }
      }
      piece = piece.subspan(n);
    }
    if (!piece.empty()) break;
  }
  if (!scratch.empty() && !seal(scratch)) return {IoResult::Kind::kError};
  scratch.clear();
  return {IoResult::Kind::kBytes, taken};
}

// Encrypts `bytes`, at most one record, into the pipe, which takes everything.
bool TlsTransport::seal(std::span<const uint8_t> bytes) {
  const int size = static_cast<int>(bytes.size());
  if (SSL_write(ssl_.get(), bytes.data(), size) == size) return true;
  error_ = takeError("the connection can't be written");
  return false;
}

Progress TlsTransport::flush() {
  const Progress progress = pipe_.flush();
  if (progress == Progress::kError) {
    error_ = net::connectionError(pipe_.systemError());
  } else if (progress == Progress::kDone && write_ended_ && !std::exchange(socket_ended_, true)) {
    ::shutdown(pipe_.fd(), SHUT_WR);
  }
  return progress;
}

void TlsTransport::shutdownWrite() {
  if (std::exchange(write_ended_, true) || !handshake_done_) return;
  // Once: a second call would wait for the peer's.
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

}  // namespace vatmesh::tls
