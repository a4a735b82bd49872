// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/cap.h"

#include <algorithm>

#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/embargo.h"
#include "rpc/captp/pipeline.h"

namespace vatmesh::captp {

void Counted::dropHandle() {
  VATMESH_DCHECK(handles_ > 0);
  if (--handles_ == 0) core_.drop(*this);
}

void Node::dropUse() {
  VATMESH_DCHECK(uses_ > 0);
  if (--uses_ == 0) holder_.onNodeUnused();
  holder_.dropHandle();
}

void PromiseNode::removeHolder(const Connection& connection, ExportId id) {
  std::erase_if(holders_, [&](const Holder& holder) {
    return holder.connection == &connection && holder.id == id;
  });
}

void ImportNode::onUnused() {
  if (connection_) connection_->releaseImport(*this);
  delete this;
}

Node* follow(Node* node) {
  for (;;) {
    Node* next = nullptr;
    if (node->kind() == NodeKind::kImport) {
      auto& import = static_cast<ImportNode&>(*node);
      next = import.to() ? import.to().get() : import.lost.get();
    } else if (node->kind() == NodeKind::kPath) {
      auto& path = static_cast<PathNode&>(*node);
      next = path.to() ? path.to().get() : path.pipeline().broken.get();
    } else if (node->kind() == NodeKind::kEmbargo) {
      next = static_cast<EmbargoNode&>(*node).to().get();
    } else if (node->kind() == NodeKind::kGate && static_cast<GateNode&>(*node).isCut()) {
      next = static_cast<GateNode&>(*node).inner();
    }
    if (!next) return node;
    node = next;
  }
}

Node* followThrough(Node* node) {
  for (;;) {
    node = follow(node);
    if (node->kind() != NodeKind::kEmbargo) return node;
    node = static_cast<EmbargoNode&>(*node).target.get();
  }
}

Node* followToEnd(Node* node) {
  for (;;) {
    node = followThrough(node);
    if (node->kind() != NodeKind::kGate) return node;
    node = static_cast<GateNode&>(*node).inner();
  }
}

PromiseNode* asPromise(Node& node) {
  switch (node.kind()) {
    case NodeKind::kImport:
      return &static_cast<ImportNode&>(node);
    case NodeKind::kPath:
      return &static_cast<PathNode&>(node);
    case NodeKind::kEmbargo:
      return &static_cast<EmbargoNode&>(node);
    case NodeKind::kNull:
    case NodeKind::kBroken:
    case NodeKind::kLocal:
    case NodeKind::kGate:
      return nullptr;
  }
  return nullptr;
}

bool isPromise(const Node& node) {
  const PromiseNode* promise = asPromise(const_cast<Node&>(node));
  return promise && !promise->settled();
}

}  // namespace vatmesh::captp
