// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/cap.h"

#include <algorithm>

#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/embargo.h"
#include "rpc/captp/pipeline.h"

namespace vatmesh::captp {
namespace {

// What `node` was resolved to; null when it wasn't.
Node* resolutionOf(Node& node) {
  switch (node.kind()) {
    case NodeKind::kImport: {
      auto& import = static_cast<ImportNode&>(node);
      return import.to() ? import.to().get() : import.lost.get();
    }
    case NodeKind::kPath: {
      auto& path = static_cast<PathNode&>(node);
      return path.to() ? path.to().get() : path.pipeline().broken.get();
    }
    case NodeKind::kEmbargo:
      return static_cast<EmbargoNode&>(node).to().get();
    case NodeKind::kGate: {
      auto& gate = static_cast<GateNode&>(node);
      return gate.isCut() ? gate.inner() : nullptr;
    }
    case NodeKind::kNull:
    case NodeKind::kBroken:
    case NodeKind::kLocal:
      return nullptr;
  }
  return nullptr;
}

// Whether `node` may forget that it was resolved to `next` once, for what that was resolved to.
// Core::movedOn looks for the places along imports.
bool mayPass(const Node& node, const Node& next) {
  if (node.kind() != NodeKind::kImport) return true;
  return next.kind() == NodeKind::kImport && !static_cast<const ImportNode&>(next).bounce;
}

}  // namespace

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

// A peer may make the way as long as its table, and have it followed for each descriptor of a
// message: it is halved each time.
Node* follow(Node* node) {
  while (Node* next = resolutionOf(*node)) {
    PromiseNode* promise = asPromise(*node);
    const PromiseNode* passed = asPromise(*next);
    if (promise && passed && passed->to() && mayPass(*node, *next)) {
      promise->setTo(passed->to());
      next = promise->to().get();
    }
    node = next;
  }
  return node;
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
