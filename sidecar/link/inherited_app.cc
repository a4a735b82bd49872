// SPDX-License-Identifier: Apache-2.0
//
// One link, up as soon as the loop runs, and never again once it is lost.
#include "sidecar/link/inherited_app.h"

#include <utility>

namespace vatmesh::link {
namespace {

Status gone() {
  return {Code::kDisconnected, "the application is gone"};
}

}  // namespace

void InheritedApp::start() {
  link_ = &hub_.open(std::make_unique<net::PlainTransport>(std::move(fd_)),
                     {.kind = captp::LinkKind::kApp,
                      .direction = metrics::Direction::kOut,
                      .transport = metrics::Transport::kApp,
                      .name = "application"},
                     *this);
}

void InheritedApp::linkFor(captp::LinkId, Done done) {
  if (over_) {
    done(gone());
  } else if (link_ != nullptr && link_->isUp()) {
    done(link_->id());
  } else {
    waiting_.push_back(std::move(done));
  }
}

void InheritedApp::onUp(Link& link) {
  linkUp(link);
  setHealth(Status());
  for (Done& done : std::exchange(waiting_, {})) done(link.id());
}

void InheritedApp::onDown(Link& link, const Status& why) {
  linkDown(hub_, link.id());
  link_ = nullptr;
  over_ = true;
  hub_.log().warning("app", "the application's connection ended: " + why.message());
  setHealth(Status(Code::kUnavailable, "its connection ended: " + why.message()));
  for (Done& done : std::exchange(waiting_, {})) done(gone());
}

}  // namespace vatmesh::link
