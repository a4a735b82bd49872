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

}  // namespace vatmesh::link
