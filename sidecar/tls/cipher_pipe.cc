// SPDX-License-Identifier: Apache-2.0
#include "sidecar/tls/cipher_pipe.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <openssl/bio.h>

#include "rpc/base/check.h"
#include "sidecar/tls/boringssl_compat.h"

namespace vatmesh::tls {

namespace {

constexpr size_t kChunksPerWrite = 16;

}  // namespace

const BIO_METHOD* CipherPipe::method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(0, "vatmesh");
    VATMESH_CHECK(made != nullptr);
    BIO_meth_set_read(made, [](BIO* bio, char* out, int size) {
      auto* pipe = static_cast<CipherPipe*>(BIO_get_data(bio));
      return pipe->bioRead(bio, {reinterpret_cast<uint8_t*>(out), static_cast<size_t>(size)});
    });
    BIO_meth_set_write(made, [](BIO* bio, const char* in, int size) {
      auto* pipe = static_cast<CipherPipe*>(BIO_get_data(bio));
      return pipe->bioWrite({reinterpret_cast<const uint8_t*>(in), static_cast<size_t>(size)});
    });
    // BoringSSL flushes the BIO after each flight; ours is flushed by the transport.
    BIO_meth_set_ctrl(made, [](BIO*, int command, long, void*) -> long {
      return command == BIO_CTRL_FLUSH ? 1 : 0;
    });
    return made;
  }();
  return method;
}

bssl::UniquePtr<BIO> CipherPipe::makeBio() {
  bssl::UniquePtr<BIO> bio(BIO_new(method()));
  VATMESH_CHECK(bio != nullptr);
  BIO_set_data(bio.get(), this);
  BIO_set_init(bio.get(), 1);
  return bio;
}

int CipherPipe::bioRead(BIO* bio, std::span<uint8_t> out) {
  BIO_clear_retry_flags(bio);
  if (!hasInput() && !fill()) {
    if (ended_ || system_error_ != 0) return 0;
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t n = std::min(out.size(), in_end_ - in_begin_);
  std::memcpy(out.data(), in_->data() + in_begin_, n);
  in_begin_ += n;
  return static_cast<int>(n);
}

bool CipherPipe::fill() {
  if (ended_ || system_error_ != 0) return false;
  if (std::exchange(drained_, false)) return false;
  if (!in_) in_ = pool_.get();
  in_begin_ = in_end_ = 0;
  ssize_t n;
  do {
    n = ::recv(fd_.get(), in_->data(), in_->capacity(), 0);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    in_end_ = static_cast<size_t>(n);
    drained_ = in_end_ < in_->capacity();
    if (first_byte_ < 0) first_byte_ = in_->data()[0];
    return true;
  }
  if (n == 0) {
    ended_ = true;
  } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
    system_error_ = errno;
  }
  return false;
}

int CipherPipe::bioWrite(std::span<const uint8_t> in) {
  size_t done = 0;
  while (done < in.size()) {
    if (out_.empty() || out_.back().end == out_.back().buffer->capacity()) {
      out_.push_back({pool_.get()});
    }
    Chunk& chunk = out_.back();
    const size_t n = std::min(in.size() - done, chunk.buffer->capacity() - chunk.end);
    std::memcpy(chunk.buffer->data() + chunk.end, in.data() + done, n);
    chunk.end += n;
    done += n;
  }
  unsent_ += done;
  return static_cast<int>(done);
}

net::Progress CipherPipe::flush() {
  while (unsent_ > 0) {
    std::array<iovec, kChunksPerWrite> vectors;
    size_t count = 0;
    for (size_t i = out_head_; i < out_.size() && count < vectors.size(); ++i) {
      Chunk& chunk = out_[i];
      vectors[count++] = {chunk.buffer->data() + chunk.begin, chunk.end - chunk.begin};
    }
    msghdr message = {};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ssize_t n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return net::Progress::kWantWrite;
      system_error_ = errno;
      return net::Progress::kError;
    }
    dropSent(static_cast<size_t>(n));
  }
  return net::Progress::kDone;
}

void CipherPipe::dropSent(size_t bytes) {
  unsent_ -= bytes;
  while (bytes > 0) {
    Chunk& chunk = out_[out_head_];
    const size_t n = std::min(bytes, chunk.end - chunk.begin);
    chunk.begin += n;
    bytes -= n;
    if (chunk.begin < chunk.end) return;
    chunk.buffer = wire::BufferRef();
    ++out_head_;
  }
  if (out_head_ == out_.size()) {
    out_.clear();
    out_head_ = 0;
  }
}

}  // namespace vatmesh::tls
