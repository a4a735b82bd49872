// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "sidecar/net/folder.h"

namespace vatmesh::net {

namespace {

Status bindError(const Address& address, int error_number) {
  const std::string text = address.toString() + ": " + errnoText(error_number);
  switch (error_number) {
    case EADDRINUSE:
      return Status(
          Code::kUnavailable,
          text + ": does another program listen there? stop it, or choose another address");
    case EADDRNOTAVAIL:
      return Status(Code::kInvalidArgument, text + ": no interface of this host has that address");
    case EACCES:
    case EPERM:
      return Status(Code::kRefused,
                    text + (address.isTcp() ? ": choose a port from 1024 on"
                                            : ": may this user write to the folder?"));
    default:
      return Status(Code::kUnavailable, text);
  }
}

// Removes the socket that a program which is gone left at `path`.
Status removeStale(const Address& address, const SocketAddress& where) {
  const std::string& path = address.path();
  struct stat st;
  if (::lstat(path.c_str(), &st) != 0) return {};  // nothing there, or bind will tell
  if (!S_ISSOCK(st.st_mode)) {
    return Status(Code::kInvalidArgument,
                  address.toString() +
                      ": there is a file that is no socket: remove it, or choose "
                      "another path");
  }
  Result<event::Fd> probe = makeSocket(AF_UNIX);
  if (!probe.ok()) return probe.status();
  if (::connect(probe->get(), where.get(), where.length) == 0)
    return bindError(address, EADDRINUSE);
  switch (errno) {
    case ECONNREFUSED:
      break;  // a file without a listener
    case ENOENT:
      return {};
    case EACCES:
    case EPERM:
      return bindError(address, EACCES);
    default:  // EAGAIN: a listener whose backlog is full
      return bindError(address, EADDRINUSE);
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return bindError(address, errno);
  return {};
}

Status makeParentFolders(const Address& address) {
  const std::filesystem::path folder = std::filesystem::path(address.path()).parent_path();
  if (folder.empty()) return {};
  const int error_number = makeFolders(folder.string());
  if (error_number == 0) return {};
  return Status(Code::kRefused,
                address.toString() + ": its folder can't be made: " + errnoText(error_number));
}

Status bindUnixPath(int fd, const Address& address, const SocketAddress& where, mode_t mode) {
  if (Status status = makeParentFolders(address); !status.ok()) return status;
  if (Status status = removeStale(address, where); !status.ok()) return status;
  // Before bind, so that the file is never open to more users than it should be; after it, since
  // the umask took part.
  if (::fchmod(fd, mode) != 0 || ::bind(fd, where.get(), where.length) != 0 ||
      ::chmod(address.path().c_str(), mode) != 0) {
    return bindError(address, errno);
  }
  return {};
}

Status bindTcp(int fd, const Address& address, const SocketAddress& where) {
  const int on = 1, off = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // [::] takes IPv4 too, whatever the system's default is.
  if (where.family() == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  if (::bind(fd, where.get(), where.length) != 0) return bindError(address, errno);
  return {};
}

Result<SocketAddress> resolveNow(const Address& address) {
  Result<std::optional<SocketAddress>> numeric = numericAddress(address);
  if (!numeric.ok()) return numeric.status();
  if (*numeric) return **numeric;
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port());
  const int error = ::getaddrinfo(address.host().c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    return Status(Code::kInvalidArgument, address.toString() + ": " + ::gai_strerror(error) +
                                              ": listen on an address of this host");
  }
  SocketAddress out;
  std::memcpy(&out.storage, found->ai_addr, found->ai_addrlen);
  out.length = found->ai_addrlen;
  ::freeaddrinfo(found);
  return out;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(event::Loop& loop, const Address& address,
                                                 const ListenOptions& options, OnAccept on_accept,
                                                 OnProblem on_problem) {
  Result<SocketAddress> where = resolveNow(address);
  if (!where.ok()) return where.status();
  Result<event::Fd> fd = makeSocket(where->family());
  if (!fd.ok()) return fd.status().withContext(address.toString());

  Status bound;
  if (address.isTcp()) {
    bound = bindTcp(fd->get(), address, *where);
  } else if (address.kind() == Address::Kind::kUnix) {
    bound = bindUnixPath(fd->get(), address, *where, options.mode);
  } else if (::bind(fd->get(), where->get(), where->length) != 0) {
    bound = bindError(address, errno);
  }
  if (!bound.ok()) return bound;
  if (::listen(fd->get(), options.backlog) != 0) return bindError(address, errno);

  Address actual = address;
  if (address.isTcp()) {
    Result<Address> name = net::boundAddress(fd->get());
    if (!name.ok()) return name.status().withContext(address.toString());
    actual = address.withPort(name->port());
  }
  return std::unique_ptr<Listener>(new Listener(loop, *std::move(fd), std::move(actual), options,
                                                std::move(on_accept), std::move(on_problem)));
}

Listener::Listener(event::Loop& loop, event::Fd fd, Address bound, const ListenOptions& options,
                   OnAccept on_accept, OnProblem on_problem)
    : fd_(std::move(fd)),
      bound_(std::move(bound)),
      options_(options),
      on_accept_(std::move(on_accept)),
      on_problem_(std::move(on_problem)),
      io_(loop, fd_.get(), [this] { acceptReady(); }),
      retry_(loop, [this] { resume(); }) {
  rememberFile();
  io_.watch(event::Interest::kRead);
}

Listener::~Listener() {
  if (bound_.kind() != Address::Kind::kUnix || file_inode_ == 0) return;
  struct stat st;
  // Another program may have replaced it by now.
  if (::lstat(bound_.path().c_str(), &st) == 0 && st.st_dev == file_device_ &&
      st.st_ino == file_inode_) {
    ::unlink(bound_.path().c_str());
  }
}

void Listener::rememberFile() {
  struct stat st;
  if (bound_.kind() != Address::Kind::kUnix || ::lstat(bound_.path().c_str(), &st) != 0) return;
  file_device_ = st.st_dev;
  file_inode_ = st.st_ino;
}

void Listener::pause() {
  paused_ = true;
  retry_.cancel();
  io_.watch(event::Interest::kNone);
}

void Listener::resume() {
  paused_ = false;
  retry_.cancel();
  io_.watch(event::Interest::kRead);
}

void Listener::acceptReady() {
  for (int i = 0; i < kAcceptsPerTurn && !paused_; ++i) {
    SocketAddress peer;
    peer.length = sizeof(peer.storage);
    event::Fd fd(::accept4(fd_.get(), peer.get(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      const int error_number = errno;
      if (error_number == EAGAIN || error_number == EWOULDBLOCK) return;
      if (error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS ||
          error_number == ENOMEM) {
        return failed(error_number);
      }
      continue;  // the connection that was waiting is gone already; not our listener's fault
    }
    in_trouble_ = false;
    // The peer may be gone, which its first read tells better.
    (void)applyTcpOptions(fd.get(), options_.tcp);
    std::optional<PeerCredentials> credentials = peerCredentials(fd.get());
    on_accept_(Accepted{std::move(fd), addressOf(peer), credentials});
  }
}

void Listener::failed(int error_number) {
  // Level-triggered: without a pause it would fire again at once, for ever.
  pause();
  retry_.arm(kPause);
  if (std::exchange(in_trouble_, true) || !on_problem_) return;
  on_problem_(Status(Code::kOverloaded, bound_.toString() +
                                            ": can't accept: " + errnoText(error_number) +
                                            ": raise the limit of open files (ulimit -n)"));
}

}  // namespace vatmesh::net
