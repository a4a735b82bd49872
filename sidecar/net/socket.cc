// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>

namespace vatmesh::net {

namespace {

constexpr size_t kPathOffset = offsetof(sockaddr_un, sun_path);

Result<std::optional<SocketAddress>> unixAddress(const Address& address) {
  SocketAddress out;
  auto* un = reinterpret_cast<sockaddr_un*>(&out.storage);
  un->sun_family = AF_UNIX;
  const bool abstract = address.kind() == Address::Kind::kUnixAbstract;
  const std::string& text = abstract ? address.name() : address.path();
  // A path needs room for its NUL, an abstract name for the one before it.
  if (text.size() + 1 > sizeof(un->sun_path)) {
    return Status(Code::kInvalidArgument, text + ": a socket's path has at most " +
                                              std::to_string(sizeof(un->sun_path) - 1) +
                                              " bytes, this one " + std::to_string(text.size()) +
                                              ": choose a shorter folder");
  }
  std::memcpy(un->sun_path + (abstract ? 1 : 0), text.data(), text.size());
  out.length = static_cast<socklen_t>(kPathOffset + text.size() + 1);
  return std::optional(out);
}

Address unixAddressOf(const SocketAddress& address) {
  const auto* un = reinterpret_cast<const sockaddr_un*>(&address.storage);
  const size_t size = address.length > kPathOffset ? address.length - kPathOffset : 0;
  if (size == 0) return Address::unixPath("");
  if (un->sun_path[0] == '\0')
    return Address::unixAbstract(std::string(un->sun_path + 1, size - 1));
  return Address::unixPath(std::string(un->sun_path, ::strnlen(un->sun_path, size)));
}

Status setOption(int fd, int level, int option, int value, std::string_view name) {
  if (::setsockopt(fd, level, option, &value, sizeof(value)) == 0) return Status();
  const int error_number = errno;
  return Status(Code::kFailed, "set " + std::string(name) + " to " + std::to_string(value) + ": " +
                                   errnoText(error_number));
}

template <typename Unit>
int countOf(Duration duration, int64_t least) {
  const int64_t count = std::chrono::ceil<Unit>(duration).count();
  return static_cast<int>(std::clamp<int64_t>(count, least, INT32_MAX));
}

}  // namespace

std::string errnoText(int error_number) {
  return std::error_code(error_number, std::generic_category()).message();
}

Result<std::optional<SocketAddress>> numericAddress(const Address& address) {
  if (!address.isTcp()) return unixAddress(address);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port());
  if (::getaddrinfo(address.host().c_str(), port.c_str(), &hints, &found) != 0) {
    return std::optional<SocketAddress>();
  }
  SocketAddress out;
  std::memcpy(&out.storage, found->ai_addr, found->ai_addrlen);
  out.length = found->ai_addrlen;
  ::freeaddrinfo(found);
  return std::optional(out);
}

Address addressOf(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.family() == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&address.storage);
    ::inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
    return Address::tcp(text, ntohs(in->sin_port));
  }
  if (address.family() == AF_INET6) {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    // A dual-stack listener shows IPv4 peers in this form; people know them by the other.
    if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr)) {
      ::inet_ntop(AF_INET, in->sin6_addr.s6_addr + 12, text, sizeof(text));
    } else {
      ::inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof(text));
    }
    return Address::tcp(text, ntohs(in->sin6_port));
  }
  return unixAddressOf(address);
}

std::string displayAddress(const Address& address) {
  switch (address.kind()) {
    case Address::Kind::kUnix:
      return address.path().empty() ? "a local program" : address.path();
    case Address::Kind::kUnixAbstract:
      return "@" + address.name();
    case Address::Kind::kTcp:
      break;
  }
  return address.toString().substr(4);
}

Status applyTcpOptions(int fd, const TcpOptions& options) {
  int family = 0;
  socklen_t size = sizeof(family);
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0 || family == AF_UNIX) return {};
  struct Option {
    int level, option, value;
    std::string_view name;
  };
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  const Option all[] = {
      {SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE"},
      {IPPROTO_TCP, TCP_KEEPIDLE, countOf<seconds>(options.keepalive_after, 1), "TCP_KEEPIDLE"},
      {IPPROTO_TCP, TCP_KEEPINTVL, countOf<seconds>(options.keepalive_interval, 1),
       "TCP_KEEPINTVL"},
      {IPPROTO_TCP, TCP_KEEPCNT, options.keepalive_probes, "TCP_KEEPCNT"},
      {IPPROTO_TCP, TCP_USER_TIMEOUT, countOf<milliseconds>(options.user_timeout, 0),
       "TCP_USER_TIMEOUT"},
      {IPPROTO_TCP, TCP_NODELAY, options.no_delay ? 1 : 0, "TCP_NODELAY"},
  };
  for (const Option& o : all) {
    if (Status status = setOption(fd, o.level, o.option, o.value, o.name); !status.ok())
      return status;
  }
  return {};
}

Result<event::Fd> makeSocket(int family) {
  event::Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return Status(Code::kUnavailable, "no socket from the system: " + errnoText(errno));
  return fd;
}

Result<SocketPair> makeSocketPair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    return Status(Code::kUnavailable, "no socketpair from the system: " + errnoText(errno));
  }
  return SocketPair{event::Fd(ends[0]), event::Fd(ends[1])};
}

Status adoptSocket(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  const std::string name = "descriptor " + std::to_string(fd);
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return Status(Code::kInvalidArgument, name + ": " + errnoText(errno) +
                                              ": pass one end of a connected stream socketpair");
  }
  if (type != SOCK_STREAM) {
    return Status(Code::kInvalidArgument, name + " is no stream socket: use SOCK_STREAM");
  }
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return Status(Code::kFailed, name + ": " + errnoText(errno));
  }
  return {};
}

Result<Address> boundAddress(int fd) {
  SocketAddress address;
  address.length = sizeof(address.storage);
  if (::getsockname(fd, address.get(), &address.length) != 0) {
    return Status(Code::kFailed, "address of a socket: " + errnoText(errno));
  }
  return addressOf(address);
}

}  // namespace vatmesh::net
