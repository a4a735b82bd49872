// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/capability.h"

#include "rpc/captp/cap.h"

namespace vatmesh::captp {

Capability::Capability(Node* node) : node_(node) {
  if (node_) node_->addUse();
}

Capability::~Capability() {
  if (node_) node_->dropUse();
}

}  // namespace vatmesh::captp
