// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/gate.h"

#include "rpc/captp/core.h"

namespace vatmesh::captp {

void GateNode::onUnused() {
  core_.locals.remove(id_);
  delete this;
}

Node* behindGates(Node* node) {
  Node* now = follow(node);
  while (now->kind() == NodeKind::kGate) now = static_cast<GateNode&>(*now).inner();
  return now;
}

}  // namespace vatmesh::captp
