// SPDX-License-Identifier: Apache-2.0
//
// Admin serves the admin port. At most kMaxConnections at a time, each for one request within
// kDeadline; the last place answers only probes, and when all are taken the oldest gives way. So
// neither a slow scraper nor a hostile one keeps a probe out.
//
// libevent's HTTP server can't bound its connections nor the time of a whole request, hence this
// one.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "rpc/base/status.h"
#include "sidecar/admin/routes.h"
#include "sidecar/event/io_event.h"
#include "sidecar/event/loop.h"
#include "sidecar/event/timer.h"
#include "sidecar/net/listener.h"

namespace vatmesh::admin {

class Admin {
 public:
  static constexpr size_t kMaxConnections = 16;
  static constexpr Duration kDeadline = std::chrono::seconds(5);

  // Binds at once. `loop` outlives it; `sources` are asked on the loop's thread.
  static Result<std::unique_ptr<Admin>> open(event::Loop& loop, const net::Address& address,
                                             Sources sources, Duration deadline = kDeadline);
  ~Admin();
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;

  const net::Address& boundAddress() const { return listener_->boundAddress(); }
  size_t connections() const { return connections_.size(); }

 private:
  class Connection;
  using Place = std::list<std::unique_ptr<Connection>>::iterator;

  Admin(event::Loop& loop, Sources sources, Duration deadline);

  void accepted(net::Accepted connection);
  std::string answer(ParseResult parsed, const Request& request) const;
  void remove(Place place);

  event::Loop& loop_;
  Sources sources_;
  const Duration deadline_;
  std::list<std::unique_ptr<Connection>> connections_;  // oldest first
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace vatmesh::admin
