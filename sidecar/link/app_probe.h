// SPDX-License-Identifier: Apache-2.0
//
// AppProbe knows whether a dialled application can be reached: it connects and closes once at
// start, and again after each failure, from 50 ms to 1 s apart, until it is there. After a real
// connection was lost it looks twice, since a process that dies may still take connections for a
// moment.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "rpc/base/entropy.h"
#include "sidecar/event/timer.h"
#include "sidecar/link/hub.h"
#include "sidecar/net/backoff.h"
#include "sidecar/net/dialer.h"

namespace vatmesh::link {

class AppProbe {
 public:
  // `report` is told each result: ok, or why the application can't be reached.
  AppProbe(Hub& hub, net::Dialer& dialer, Entropy& entropy, net::Address address,
           net::DialOptions options, std::function<void(const Status&)> report);

  // Connects and closes, unless it is at that already.
  void check();
  // A real connection came up: no need to look further.
  void succeeded();
  // A real connection ended, which a server may do without ending itself.
  void lost();
  // A real connection failed.
  void failed(const Status& why);

 private:
  void dialled(Result<event::Fd> fd);

  Hub& hub_;
  net::Dialer& dialer_;
  net::Address address_;
  net::DialOptions options_;
  net::Backoff backoff_;
  std::function<void(const Status&)> report_;
  // What the log was told last.
  enum class Told : uint8_t { kNothing, kThere, kGone };
  Told told_ = Told::kNothing;
  bool look_again_ = false;
  std::unique_ptr<net::Dial> dial_;
  event::Timer retry_;
};

}  // namespace vatmesh::link
