// SPDX-License-Identifier: Apache-2.0
//
// Transport is the seam between a byte stream and what carries it: plain sockets here, TLS in
// sidecar/tls. Nothing blocks. It knows no frames and no loop; Stream drives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "rpc/base/status.h"
#include "sidecar/event/fd.h"

namespace vatmesh::net {

// Where a step of a handshake or of flushing stands.
enum class Progress : uint8_t { kDone, kWantRead, kWantWrite, kError };

// What a read or write did.
struct IoResult {
  enum class Kind : uint8_t { kBytes, kWouldBlock, kEof, kError };
  Kind kind = Kind::kWouldBlock;
  size_t bytes = 0;  // kBytes: how many, never 0
};

class Transport {
 public:
  using Piece = std::span<const uint8_t>;

  virtual ~Transport() = default;

  // The descriptor to watch; stays the same.
  virtual int fd() const = 0;

  // One step of the handshake: call it first, and again whenever the descriptor is ready for what
  // it wanted, until kDone. Nothing else may be called before.
  virtual Progress advance() = 0;

  // Reads up to out.size() bytes. kEof: the peer ended its half in an orderly way, or the
  // connection ended.
  virtual IoResult read(std::span<uint8_t> out) = 0;
  // Bytes that a read would give although the descriptor is not ready.
  virtual bool hasBufferedInput() const = 0;

  // Takes bytes from the front of `pieces`, perhaps not all. They are the transport's then, but may
  // wait in it for `flush`. kWouldBlock: flush first. Never kEof.
  virtual IoResult write(std::span<const Piece> pieces) = 0;
  // Hands what is waiting to the kernel. kDone, kWantWrite or kError.
  virtual Progress flush() = 0;
  // Bytes waiting for `flush`.
  virtual size_t unsentBytes() const = 0;

  // Ends our half, behind everything written: close_notify for TLS, and end of stream once flushed.
  // Reading goes on. Idempotent; call `flush` after it.
  virtual void shutdownWrite() = 0;

  // Why the last call gave kError.
  virtual const Status& error() const = 0;

  // The 32 raw bytes of the peer's fingerprint once the handshake is done; empty without TLS.
  virtual const std::string& peerFingerprint() const = 0;
  // The peer's instance (vat::PeerTable), known with the fingerprint; empty when it shows none.
  virtual std::string peerInstance() const { return {}; }
  // What both sides agreed on in the handshake, for logs: "TLSv1.3, X25519". Empty without TLS.
  virtual std::string agreed() const = 0;
  // Whether the handshake agreed on TLS 1.3 or later.
  virtual bool isTls13() const { return false; }
};

// The error of a connection that failed with `error_number`: kDisconnected.
Status connectionError(int error_number);

// The bytes as they are.
class PlainTransport : public Transport {
 public:
  // `fd` is a connected, non-blocking stream socket.
  explicit PlainTransport(event::Fd fd) : fd_(std::move(fd)) {}

  int fd() const override { return fd_.get(); }
  Progress advance() override { return Progress::kDone; }
  IoResult read(std::span<uint8_t> out) override;
  bool hasBufferedInput() const override { return false; }
  IoResult write(std::span<const Piece> pieces) override;
  Progress flush() override { return Progress::kDone; }
  size_t unsentBytes() const override { return 0; }
  void shutdownWrite() override;
  const Status& error() const override { return error_; }
  const std::string& peerFingerprint() const override { return no_fingerprint_; }
  std::string agreed() const override { return {}; }

 private:
  IoResult fail(int error_number);

  event::Fd fd_;
  Status error_;
  std::string no_fingerprint_;
};

}  // namespace vatmesh::net
