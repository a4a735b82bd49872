// SPDX-License-Identifier: Apache-2.0
//
// A connection reads one head, writes one answer, and waits for the other side to close.
#include "sidecar/admin/admin.h"

#include <errno.h>
#include <sys/socket.h>

namespace vatmesh::admin {

class Admin::Connection {
 public:
  Connection(Admin& admin, event::Fd fd)
      : admin_(admin),
        fd_(std::move(fd)),
        io_(
            admin.loop_, fd_.get(), [this] { readReady(); }, [this] { writeReady(); }),
        deadline_(admin.loop_, [this] { admin_.remove(place_); }) {
    deadline_.arm(admin_.deadline_);
    io_.watch(event::Interest::kRead);
  }

  void setPlace(Place place) { place_ = place; }

  // Calls back no more: its place may be another's soon.
  void stop() {
    io_.watch(event::Interest::kNone);
    deadline_.cancel();
  }

 private:
  void readReady() {
    char bytes[2048];
    const ssize_t got = recv(fd_.get(), bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      admin_.remove(place_);
      return;
    }
    if (answered_) return;  // what comes behind the request is dropped
    in_.append(bytes, static_cast<size_t>(got));
    Request request;
    const ParseResult parsed = parseRequest(in_, request);
    if (parsed == ParseResult::kIncomplete) return;
    answered_ = true;
    out_ = admin_.answer(parsed, request);
    writeReady();
  }

  void writeReady() {
    const ssize_t put =
        send(fd_.get(), out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN && errno != EINTR) {
      admin_.remove(place_);
      return;
    }
    written_ += put > 0 ? static_cast<size_t>(put) : 0;
    const bool done = written_ == out_.size();
    if (done) shutdown(fd_.get(), SHUT_WR);
    // Closing before the other side has read would reset the connection under the answer.
    io_.watch(done ? event::Interest::kRead : event::Interest::kReadWrite);
  }

  Admin& admin_;
  event::Fd fd_;
  Place place_;
  std::string in_;
  std::string out_;
  size_t written_ = 0;
  bool answered_ = false;
  event::IoEvent io_;
  event::Timer deadline_;
};

Result<std::unique_ptr<Admin>> Admin::open(event::Loop& loop, const net::Address& address,
                                           Sources sources, Duration deadline) {
  std::unique_ptr<Admin> admin(new Admin(loop, std::move(sources), deadline));
  Result<std::unique_ptr<net::Listener>> listener = net::Listener::open(
      loop, address, {},
      [self = admin.get()](net::Accepted connection) { self->accepted(std::move(connection)); });
  if (!listener.ok()) return listener.status().withContext("admin");
  admin->listener_ = std::move(*listener);
  return admin;
}

Admin::Admin(event::Loop& loop, Sources sources, Duration deadline)
    : loop_(loop), sources_(std::move(sources)), deadline_(deadline) {}

Admin::~Admin() = default;

void Admin::accepted(net::Accepted connection) {
  if (connections_.size() >= kMaxConnections) remove(connections_.begin());
  connections_.push_back(std::make_unique<Connection>(*this, std::move(connection.fd)));
  connections_.back()->setPlace(std::prev(connections_.end()));
}

std::string Admin::answer(ParseResult parsed, const Request& request) const {
  if (parsed == ParseResult::kMalformed) {
    return formatResponse({.status = 400, .body = "malformed request\n"}, Body::kSend);
  }
  if (parsed == ParseResult::kTooLarge) {
    return formatResponse({.status = 431, .body = "the request is too large\n"}, Body::kSend);
  }
  const Body body = request.method == "HEAD" ? Body::kOmit : Body::kSend;
  if (connections_.size() >= kMaxConnections && !isProbe(request.path)) {
    return formatResponse({.status = 503, .body = "too many connections\n"}, body);
  }
  return formatResponse(route(request, sources_), body);
}

void Admin::remove(Place place) {
  (*place)->stop();
  loop_.deferDelete(std::move(*place));
  connections_.erase(place);
}

}  // namespace vatmesh::admin
