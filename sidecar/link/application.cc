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
  if (up_.erase(linkKey(link)) == 0) return;
  --hub.counters().app_link_up;
  if (offered_ != nullptr) offered_->peerGone(link);
}

void Application::asked(Link& link, captp::OpId op, const std::string& object_id) {
  if (offered_ != nullptr) return offered_->restore(link, op, object_id);
  link.hub().complete(op, Status(Code::kFailed, "This vat has no restorer"));
}

}  // namespace vatmesh::link
