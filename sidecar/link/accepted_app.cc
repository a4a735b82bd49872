// SPDX-License-Identifier: Apache-2.0
//
// Nobody waits for an application that may never come: without a link, requests fail at once.
#include "sidecar/link/accepted_app.h"

namespace vatmesh::link {

Result<std::unique_ptr<AcceptedApp>> AcceptedApp::open(Hub& hub, const net::Address& address,
                                                       net::AllowedUids allowed) {
  std::unique_ptr<AcceptedApp> app(new AcceptedApp(hub, std::move(allowed)));
  Result<std::unique_ptr<net::Listener>> listener = net::Listener::open(
      hub.loop(), address, {.tcp = hub.settings().tcp, .mode = app->allowed_.socketMode()},
      [self = app.get()](net::Accepted connection) { self->accepted(std::move(connection)); },
      [&hub](const Status& problem) { hub.log().error("app", problem.message()); });
  if (!listener.ok()) return listener.status().withContext("app");
  app->listener_ = std::move(*listener);
  return app;
}

void AcceptedApp::start() {
  hub_.log().info("app", "the application is awaited at " + listener_->boundAddress().toString());
}

void AcceptedApp::linkFor(captp::LinkId, Done done) {
  if (link_ != nullptr && link_->isUp()) {
    done(link_->id());
  } else {
    done(Status(Code::kDisconnected, "the application is not connected; try again"));
  }
}

void AcceptedApp::accepted(net::Accepted connection) {
  const Status allowed = allowed_.check(connection.credentials);
  if (!allowed.ok()) {
    hub_.log().warning("app", allowed.message());
    return;
  }
  if (link_ != nullptr) {
    hub_.log().warning("app", "refused a second application: the first is still connected");
    return;
  }
  link_ = &hub_.open(std::make_unique<net::PlainTransport>(std::move(connection.fd)),
                     {.kind = captp::LinkKind::kApp,
                      .direction = metrics::Direction::kIn,
                      .transport = metrics::Transport::kApp,
                      .name = "application"},
                     *this);
}

void AcceptedApp::onUp(Link& link) {
  linkUp(link);
  hub_.log().info("app", "the application is connected");
  setHealth(Status());
}

void AcceptedApp::onDown(Link& link, const Status& why) {
  link_ = nullptr;
  linkDown(hub_, link.id());
  if (!health().ok()) return;
  hub_.log().warning("app", "the application's connection ended: " + why.message());
  setHealth(Status(Code::kUnavailable, "its connection ended: " + why.message()));
}

}  // namespace vatmesh::link
