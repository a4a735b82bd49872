// SPDX-License-Identifier: Apache-2.0
//
// Resolver turns host names into addresses without blocking the loop: getaddrinfo runs on a few
// threads of its own, started when first needed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rpc/base/status.h"
#include "sidecar/event/loop.h"
#include "sidecar/net/socket.h"

namespace vatmesh::net {

class Resolver {
 public:
  using Addresses = std::vector<SocketAddress>;
  using Callback = std::function<void(Result<Addresses>)>;

  static constexpr int kMaxThreads = 4;

  explicit Resolver(event::Loop& loop);
  // Waits for nobody: a look-up under way is abandoned.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Destroying it cancels: the callback doesn't run any more.
  class Lookup {
   public:
    ~Lookup();
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;

   private:
    friend class Resolver;
    Lookup() = default;
    Callback callback_;
    std::shared_ptr<Lookup*> self_;  // null inside once this is destroyed
  };

  // Resolves `host` anew; calls back in a later turn, on the loop's thread, with at least one
  // address or kUnavailable.
  std::unique_ptr<Lookup> resolve(std::string host, uint16_t port, Callback callback);

 private:
  struct Shared;
  void startThread();

  std::shared_ptr<Shared> shared_;
};

}  // namespace vatmesh::net
