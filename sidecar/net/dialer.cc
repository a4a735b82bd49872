// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/dialer.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "sidecar/event/io_event.h"
#include "sidecar/event/timer.h"

namespace vatmesh::net {

namespace {

// How long to wait for room in the backlog of a Unix listener, which connect doesn't tell about.
constexpr Duration kBacklogRetry = std::chrono::milliseconds(10);

std::string durationText(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms";
}

std::string ownerText(const std::string& path) {
  struct stat st;
  if (::lstat(path.c_str(), &st) != 0)
    return "a folder on the way is closed to us, we are " + std::to_string(::geteuid());
  char mode[8];
  std::snprintf(mode, sizeof(mode), "%04o", st.st_mode & 07777u);
  return "owner " + std::to_string(st.st_uid) + ", mode " + mode + ", we are " +
         std::to_string(::geteuid());
}

Status unixError(const Address& address, int error_number) {
  const std::string name = displayAddress(address);
  switch (error_number) {
    case EACCES:
    case EPERM:
      return Status(Code::kRefused, name + ": permission denied: " + ownerText(address.path()) +
                                        ": run both as one user, or use 127.0.0.1:PORT");
    case ENOENT:
      return Status(Code::kUnavailable,
                    name +
                        ": no such socket: is the program that listens there running, and is "
                        "the path right?");
    case ECONNREFUSED:
      return Status(Code::kUnavailable,
                    name +
                        ": connection refused: nobody listens there any more: is the program "
                        "running?");
    default:
      return Status(Code::kUnavailable, "connect to " + name + ": " + errnoText(error_number));
  }
}

Status connectError(const Address& address, int error_number) {
  if (!address.isTcp()) return unixError(address, error_number);
  const std::string text = "connect to " + displayAddress(address) + ": ";
  switch (error_number) {
    case ECONNREFUSED:
      return Status(Code::kUnavailable,
                    text + "connection refused: is the program running and listening there?");
    case ENETUNREACH:
    case EHOSTUNREACH:
      return Status(Code::kUnavailable,
                    text + errnoText(error_number) + ": is there a route to that network?");
    case EACCES:
    case EPERM:
      return Status(Code::kRefused, text + "not permitted: a firewall rule of this host?");
    default:
      return Status(Code::kUnavailable, text + errnoText(error_number));
  }
}

// A dial to an ephemeral port of this host may find its own source port and connect to itself.
bool connectedToItself(int fd) {
  SocketAddress local, remote;
  local.length = remote.length = sizeof(local.storage);
  return ::getsockname(fd, local.get(), &local.length) == 0 &&
         ::getpeername(fd, remote.get(), &remote.length) == 0 && local.family() != AF_UNIX &&
         local.length == remote.length &&
         std::memcmp(&local.storage, &remote.storage, local.length) == 0;
}

// One dial: resolving, then one address after the other, until success, the last failure or the
// deadline.
class Attempt {
 public:
  Attempt(event::Loop& loop, Address address, const DialOptions& options, Dialer::Callback callback)
      : loop_(loop),
        address_(std::move(address)),
        options_(options),
        callback_(std::move(callback)),
        deadline_(loop, [this] { timedOut(); }),
        retry_(loop, [this] { tryNext(); }),
        begin_(loop, [this] { begin(); }) {
    deadline_.arm(options_.timeout);
    begin_.arm();
  }

  void resolveWith(Resolver& resolver) { resolver_ = &resolver; }

  void cancel() {
    callback_ = {};
    stop();
  }

 private:
  void stop() {
    lookup_.reset();
    // Stopped, not destroyed: this may run inside its callback.
    if (io_) io_->watch(event::Interest::kNone);
    fd_.reset();
    deadline_.cancel();
    retry_.cancel();
    begin_.cancel();
  }

  void begin() {
    Result<std::optional<SocketAddress>> numeric = numericAddress(address_);
    if (!numeric.ok()) return finish(numeric.status());
    if (*numeric) {
      addresses_.push_back(**numeric);
      return tryNext();
    }
    lookup_ = resolver_->resolve(address_.host(), address_.port(),
                                 [this](Result<Resolver::Addresses> found) {
                                   if (!found.ok()) return finish(found.status());
                                   addresses_ = *std::move(found);
                                   tryNext();
                                 });
  }

  void tryNext() {
    while (next_ < addresses_.size()) {
      const SocketAddress& where = addresses_[next_];
      Result<event::Fd> fd = makeSocket(where.family());
      if (!fd.ok()) return finish(fd.status());
      fd_ = *std::move(fd);
      if (::connect(fd_.get(), where.get(), where.length) == 0) return connected();
      const int error_number = errno;
      if (error_number == EAGAIN && where.family() == AF_UNIX) return retry_.arm(kBacklogRetry);
      if (error_number == EINPROGRESS || error_number == EINTR) return waitForConnect();
      failedOne(error_number);
    }
    finish(last_error_);
  }

  void waitForConnect() {
    io_.emplace(loop_, fd_.get(), event::Loop::Callback(), [this] { connectEnded(); });
    io_->watch(event::Interest::kWrite);
  }

  void connectEnded() {
    // Not destroyed here: this runs inside its callback.
    io_->watch(event::Interest::kNone);
    int error_number = 0;
    socklen_t size = sizeof(error_number);
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error_number, &size);
    if (error_number == 0) return connected();
    failedOne(error_number);
    retry_.arm(Duration::zero());
  }

  void failedOne(int error_number) {
    last_error_ = connectError(address_, error_number);
    ++next_;
  }

  void connected() {
    if (connectedToItself(fd_.get())) {
      failedOne(ECONNREFUSED);
      return retry_.arm(Duration::zero());
    }
    if (Status status = applyTcpOptions(fd_.get(), options_.tcp); !status.ok()) {
      return finish(status.withContext("connect to " + displayAddress(address_)));
    }
    finish(std::move(fd_));
  }

  void timedOut() {
    const std::string text = "connect to " + displayAddress(address_) + " timed out after " +
                             durationText(options_.timeout);
    finish(Status(Code::kTimeout,
                  addresses_.empty() ? text + ": its name was not resolved: does DNS work here?"
                  : address_.isTcp() ? text + ": is the port exposed there, and does a network "
                                              "policy allow it?"
                                     : text + ": the program there accepts no connections"));
  }

  void finish(Result<event::Fd> result) {
    deadline_.cancel();
    if (io_) io_->watch(event::Interest::kNone);
    Dialer::Callback callback = std::exchange(callback_, {});
    if (callback) callback(std::move(result));
  }

  event::Loop& loop_;
  Address address_;
  DialOptions options_;
  Dialer::Callback callback_;
  Resolver* resolver_ = nullptr;
  std::unique_ptr<Resolver::Lookup> lookup_;
  std::vector<SocketAddress> addresses_;
  size_t next_ = 0;
  Status last_error_;
  event::Fd fd_;
  std::optional<event::IoEvent> io_;
  event::Timer deadline_;
  event::Timer retry_;
  event::NextTurn begin_;
};

// The owner's handle. It may die inside the attempt's own callback, so the attempt dies later.
class PendingDial : public Dial {
 public:
  PendingDial(event::Loop& loop, std::unique_ptr<Attempt> attempt)
      : loop_(loop), attempt_(std::move(attempt)) {}
  ~PendingDial() override {
    attempt_->cancel();
    loop_.deferDelete(std::move(attempt_));
  }

 private:
  event::Loop& loop_;
  std::unique_ptr<Attempt> attempt_;
};

}  // namespace

std::unique_ptr<Dial> Dialer::dial(const Address& address, const DialOptions& options,
                                   Callback callback) {
  auto attempt = std::make_unique<Attempt>(loop_, address, options, std::move(callback));
  attempt->resolveWith(resolver_);
  return std::make_unique<PendingDial>(loop_, std::move(attempt));
}

}  // namespace vatmesh::net
