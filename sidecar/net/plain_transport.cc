// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sidecar/net/socket.h"
#include "sidecar/net/transport.h"

namespace vatmesh::net {

namespace {

constexpr size_t kMaxPieces = 64;

}  // namespace

Status connectionError(int error_number) {
  switch (error_number) {
    case ECONNRESET:
      return Status(Code::kDisconnected, "the peer reset the connection");
    case EPIPE:
      return Status(Code::kDisconnected, "the peer closed the connection");
    case ETIMEDOUT:
      return Status(Code::kDisconnected,
                    "the peer stopped answering: keepalive or user timeout ended the connection");
    default:
      return Status(Code::kDisconnected, "connection lost: " + errnoText(error_number));
  }
}

IoResult PlainTransport::read(std::span<uint8_t> out) {
  ssize_t n;
  do {
    n = ::recv(fd_.get(), out.data(), out.size(), 0);
  } while (n < 0 && errno == EINTR);
  if (n > 0) return {IoResult::Kind::kBytes, static_cast<size_t>(n)};
  if (n == 0) return {IoResult::Kind::kEof};
  return fail(errno);
}

IoResult PlainTransport::write(std::span<const Piece> pieces) {
  std::array<iovec, kMaxPieces> vectors;
  const size_t count = std::min(pieces.size(), vectors.size());
  for (size_t i = 0; i < count; ++i) {
    vectors[i] = {const_cast<uint8_t*>(pieces[i].data()), pieces[i].size()};
  }
  msghdr message = {};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  ssize_t n;
  do {
    n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return {IoResult::Kind::kBytes, static_cast<size_t>(n)};
  return fail(errno);
}

void PlainTransport::shutdownWrite() {
  ::shutdown(fd_.get(), SHUT_WR);
}

IoResult PlainTransport::fail(int error_number) {
  if (error_number == EAGAIN || error_number == EWOULDBLOCK) return {IoResult::Kind::kWouldBlock};
  error_ = connectionError(error_number);
  return {IoResult::Kind::kError};
}

}  // namespace vatmesh::net
