// SPDX-License-Identifier: Apache-2.0
#include "sidecar/applications.h"

#include <utility>

#include "sidecar/link/accepted_app.h"
#include "sidecar/link/inherited_app.h"
#include "sidecar/net/address.h"
#include "sidecar/net/credentials.h"

namespace vatmesh {

using Made = Result<std::unique_ptr<link::Application>>;

Result<link::Application*> Applications::get(const config::App& config) {
  if (const App* known = find(config)) return known->application.get();
  Made made = make(config);
  if (!made.ok()) return made.status();
  link::Application* application = made->get();
  application->offer(parts_.sidecars);
  if (config.interface == config::App::Interface::kApplication) application->makeGateway();
  application->observe([this, application] {
    if (application == child_app_ && !application->health().ok()) {
      parts_.drain.childDisconnected();
    }
    parts_.health_changed();
  });
  apps_.push_back({config, std::move(*made)});
  return application;
}

const Applications::App* Applications::find(const config::App& config) const {
  for (const App& app : apps_) {
    if (app.config == config) return &app;
  }
  return nullptr;
}

void Applications::start() {
  for (App& app : apps_) app.application->start();
}

Made Applications::make(const config::App& config) {
  using Kind = config::App::Kind;
  if (config.kind == Kind::kRun) return run(config);
  if (config.kind == Kind::kFd) {
    const Status adopted = net::adoptSocket(config.fd);
    if (!adopted.ok()) return adopted.withContext("app.fd");
    return std::unique_ptr<link::Application>(
        std::make_unique<link::InheritedApp>(parts_.hub, event::Fd(config.fd)));
  }
  Result<net::Address> address = net::Address::parse(config.address);
  if (!address.ok()) return address.status().withContext("app");
  if (config.kind == Kind::kDial) {
    return link::dialledApplication(parts_.hub, parts_.dialer, parts_.entropy, *address,
                                    config.links);
  }
  auto accepted = link::AcceptedApp::open(parts_.hub, *address, link::allowedUids(config.allow));
  if (!accepted.ok()) return accepted.status();
  return std::unique_ptr<link::Application>(std::move(*accepted));
}

Made Applications::run(const config::App& config) {
  if (child_) {
    return Status(Code::kInvalidArgument, "only one application can be run; use `dial` for others");
  }
  Result<std::unique_ptr<link::Child>> child = Status(Code::kFailed, "not started");
  Drain& drain = parts_.drain;
  parts_.descriptors.whileLowered([&] {
    child = link::Child::start(parts_.loop, config.command,
                               [&drain](int exit_code) { drain.childEnded(exit_code); });
  });
  if (!child.ok()) return child.status();
  child_ = std::move(*child);
  drain.setChild(child_.get());
  auto app = std::make_unique<link::InheritedApp>(parts_.hub, child_->takeSocket());
  child_app_ = app.get();
  return std::unique_ptr<link::Application>(std::move(app));
}

}  // namespace vatmesh
