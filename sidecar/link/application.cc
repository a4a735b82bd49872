// SPDX-License-Identifier: Apache-2.0
//
// What all kinds share.
#include "sidecar/link/application.h"

#include <utility>

namespace vatmesh::link {

void Application::setHealth(Status health) {
  const bool changed = health.ok() != health_.ok();
  health_ = std::move(health);
  if (changed && on_change_) on_change_();
}

void Application::linkUp(Link& link) {
  ++link.hub().counters().app_link_up;
  up_.insert(linkKey(link.id()));
  if (gateway_) link.hub().makeGateway(link.id());
}

void Application::linkDown(Hub& hub, captp::LinkId link) {
  if (up_.erase(linkKey(link)) > 0) --hub.counters().app_link_up;
}

}  // namespace vatmesh::link
