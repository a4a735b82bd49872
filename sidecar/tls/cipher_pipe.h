// SPDX-License-Identifier: Apache-2.0
//
// CipherPipe is what BoringSSL reads records from and writes records to: buffers between it and the
// socket. One read takes what has come, up to 64 KiB, instead of two reads for each record; records
// pile up and leave with one write. Writing into it never blocks, so BoringSSL never wants to be
// called again with the same bytes. Buffers are borrowed from the pool only while they hold
// something.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <openssl/base.h>

#include "rpc/wire/buffer.h"
#include "sidecar/event/fd.h"
#include "sidecar/net/transport.h"

namespace vatmesh::tls {

class CipherPipe {
 public:
  CipherPipe(event::Fd fd, wire::BufferPool& pool) : fd_(std::move(fd)), pool_(pool) {}
  CipherPipe(const CipherPipe&) = delete;
  CipherPipe& operator=(const CipherPipe&) = delete;

  // A BIO over this pipe, which must outlive it.
  bssl::UniquePtr<BIO> makeBio();

  int fd() const { return fd_.get(); }
  // Call it before BoringSSL may read: the socket may have more again. After a read that took all
  // there was, the pipe doesn't ask the system once more until then.
  void beginRead() { drained_ = false; }
  // Call it when BoringSSL has read: gives an empty buffer back.
  void endRead() {
    if (!hasInput()) in_ = wire::BufferRef();
  }
  // Bytes received that BoringSSL hasn't taken.
  bool hasInput() const { return in_begin_ < in_end_; }
  size_t unsent() const { return unsent_; }
  // Sends what is waiting: kDone, kWantWrite, or kError (systemError()).
  net::Progress flush();

  // The peer's end of stream was read.
  bool ended() const { return ended_; }
  // errno of a failed read or write, else 0.
  int systemError() const { return system_error_; }
  // The first byte that the peer ever sent; -1 before that.
  int firstByte() const { return first_byte_; }

 private:
  struct Chunk {
    wire::BufferRef buffer;
    size_t begin = 0, end = 0;
  };

  static const BIO_METHOD* method();
  int bioRead(BIO* bio, std::span<uint8_t> out);
  int bioWrite(std::span<const uint8_t> in);
  // Receives once. False: nothing came.
  bool fill();
  void dropSent(size_t bytes);

  event::Fd fd_;
  wire::BufferPool& pool_;
  wire::BufferRef in_;
  size_t in_begin_ = 0, in_end_ = 0;
  bool drained_ = false;  // see beginRead
  std::vector<Chunk> out_;
  size_t out_head_ = 0;
  size_t unsent_ = 0;
  bool ended_ = false;
  int system_error_ = 0;
  int first_byte_ = -1;
};

}  // namespace vatmesh::tls
