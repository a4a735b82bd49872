// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/resolver.h"

#include <netdb.h>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace vatmesh::net {

// What the threads and the resolver share. The threads are detached, because getaddrinfo can't be
// interrupted and nobody wants to wait for DNS when the process ends; so this outlives the
// resolver.
struct Resolver::Shared {
  struct Request {
    std::string host;
    uint16_t port;
    std::shared_ptr<Lookup*> lookup;  // looked into on the loop's thread only
  };

  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<Request> queue;
  event::Loop* loop;  // null once the resolver is gone
  int threads = 0;
  int idle = 0;

  static void work(std::shared_ptr<Shared> shared);
  void deliver(Request request, Result<Addresses> result);
};

namespace {

Result<Resolver::Addresses> lookUp(const std::string& host, uint16_t port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return Status(Code::kUnavailable, "resolve " + host + ": " + ::gai_strerror(error) +
                                          ": is the name right, and does DNS work here?");
  }
  Resolver::Addresses addresses;
  for (addrinfo* one = found; one != nullptr; one = one->ai_next) {
    SocketAddress& address = addresses.emplace_back();
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.length = one->ai_addrlen;
  }
  ::freeaddrinfo(found);
  return addresses;
}

}  // namespace

void Resolver::Shared::work(std::shared_ptr<Shared> shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    ++shared->idle;
    shared->arrived.wait(lock, [&] { return shared->loop == nullptr || !shared->queue.empty(); });
    --shared->idle;
    if (shared->loop == nullptr) return;
    Request request = std::move(shared->queue.front());
    shared->queue.pop_front();
    lock.unlock();
    Result<Addresses> result = lookUp(request.host, request.port);
    lock.lock();
    shared->deliver(std::move(request), std::move(result));
  }
}

// With the mutex held, so that the loop can't go meanwhile.
void Resolver::Shared::deliver(Request request, Result<Addresses> result) {
  if (loop == nullptr) return;
  loop->post([lookup = std::move(request.lookup), result = std::move(result)]() mutable {
    if (*lookup == nullptr) return;
    Callback callback = std::move((*lookup)->callback_);
    callback(std::move(result));
  });
}

Resolver::Resolver(event::Loop& loop) : shared_(std::make_shared<Shared>()) {
  shared_->loop = &loop;
}

Resolver::~Resolver() {
  {
    std::lock_guard lock(shared_->mutex);
    shared_->loop = nullptr;
    shared_->queue.clear();
  }
  shared_->arrived.notify_all();
}

Resolver::Lookup::~Lookup() {
  *self_ = nullptr;
}

// With the mutex held.
void Resolver::startThread() {
  try {
    std::thread(&Shared::work, shared_).detach();
    ++shared_->threads;
  } catch (const std::system_error&) {
    // Those that run go on; resolve() tells when there is none.
  }
}

std::unique_ptr<Resolver::Lookup> Resolver::resolve(std::string host, uint16_t port,
                                                    Callback callback) {
  std::unique_ptr<Lookup> lookup(new Lookup);
  lookup->callback_ = std::move(callback);
  lookup->self_ = std::make_shared<Lookup*>(lookup.get());
  {
    std::lock_guard lock(shared_->mutex);
    shared_->queue.push_back({std::move(host), port, lookup->self_});
    if (shared_->idle < static_cast<int>(shared_->queue.size()) && shared_->threads < kMaxThreads) {
      startThread();
    }
    if (shared_->threads == 0) {
      Shared::Request request = std::move(shared_->queue.back());
      shared_->queue.pop_back();
      shared_->deliver(std::move(request),
                       Status(Code::kOverloaded, "no thread from the system to resolve names"));
    }
  }
  shared_->arrived.notify_one();
  return lookup;
}

}  // namespace vatmesh::net
