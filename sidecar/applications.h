// SPDX-License-Identifier: Apache-2.0
//
// Applications makes the applications that the configuration names, each once, and gives each what
// it needs of this vat. One of them at most is a program that we start ourselves.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "rpc/base/entropy.h"
#include "rpc/base/status.h"
#include "sidecar/config/config.h"
#include "sidecar/descriptor_limit.h"
#include "sidecar/drain.h"
#include "sidecar/event/loop.h"
#include "sidecar/link/application.h"
#include "sidecar/link/child.h"
#include "sidecar/link/hub.h"
#include "sidecar/link/restorer.h"
#include "sidecar/net/dialer.h"

namespace vatmesh {

class Applications {
 public:
  struct App {
    config::App config;
    std::unique_ptr<link::Application> application;
  };

  // All of it outlives this, but for `drain`, which is told of no child any more by then.
  struct Parts {
    event::Loop& loop;
    link::Hub& hub;
    net::Dialer& dialer;
    Entropy& entropy;
    const DescriptorLimit& descriptors;
    link::Restorer& sidecars;  // what applications find at our side of their links
    Drain& drain;
    std::function<void()> health_changed;
  };

  explicit Applications(Parts parts) : parts_(std::move(parts)) {}
  Applications(const Applications&) = delete;
  Applications& operator=(const Applications&) = delete;

  // The application that `config` means, made now if it is the first time.
  Result<link::Application*> get(const config::App& config);
  // The one with `config`; null when there is none.
  const App* find(const config::App& config) const;

  // Begins to reach all of them.
  void start();

  const std::vector<App>& all() const { return apps_; }

 private:
  Result<std::unique_ptr<link::Application>> make(const config::App& config);
  Result<std::unique_ptr<link::Application>> run(const config::App& config);

  const Parts parts_;
  std::vector<App> apps_;
  std::unique_ptr<link::Child> child_;
  link::Application* child_app_ = nullptr;  // the one that child_ is
};

}  // namespace vatmesh
