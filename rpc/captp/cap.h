// SPDX-License-Identifier: Apache-2.0
//
// What a capability is inside the vat: the node kinds.
//
//   Null     no capability
//   Broken   always fails, with one exception
//   Import   an entry of an import table
//   Path     a field of a pipeline: what a question will return, or has returned, at a path
//            (pipeline.h)
//   Embargo  something known whose old path is still being flushed (embargo.h)
//   Local    an object inside this vat (local.h)
//   Gate     what its owner may cut or replace (gate.h)
//
// Imports, paths and embargoes are promises: how each was resolved is told to every holder in the
// turn that learns it.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "rpc/captp/budget.h"
#include "rpc/captp/cell.h"
#include "rpc/captp/effects.h"
#include "rpc/captp/handle.h"
#include "rpc/captp/ids.h"
#include "rpc/wire/envelope.h"

namespace vatmesh::captp {

class Connection;
class Core;

class NullNode final : public Counted, public Node {
 public:
  explicit NullNode(Core& core) : Counted(core), Node(NodeKind::kNull, *this) {}

  void onUnused() override {}  // the Core owns the only one
};

class BrokenNode final : public Counted, public Node {
 public:
  BrokenNode(Core& core, wire::Exception why, Charge charge = {})
      : Counted(core),
        Node(NodeKind::kBroken, *this),
        why_(std::move(why)),
        charge_(std::move(charge)) {}
  void onUnused() override { delete this; }
  const wire::Exception& why() const { return why_; }

 private:
  wire::Exception why_;
  Charge charge_;  // of the text
};

// An export entry that was written as senderPromise and waits for its Resolve.
struct Holder {
  Connection* connection;
  ExportId id;
};

// What promises have in common: the resolution that Refs follow, and who is to be told.
class PromiseNode : public Node {
 public:
  using Node::Node;

  // True once Refs need not wait any more: `to` is set, or the node itself is what they get.
  bool settled() const { return settled_; }
  const Ref& to() const { return to_; }
  // Only Core::settle, and the creation of what is settled from the first, change these.
  void markSettled() { settled_ = true; }
  void setTo(Ref to) { to_ = std::move(to); }

  void addHolder(Connection& connection, ExportId id) { holders_.push_back({&connection, id}); }
  void removeHolder(const Connection& connection, ExportId id);
  std::vector<Holder> takeHolders() { return std::exchange(holders_, {}); }

  // A call went along it, or along a promise that resolved to it.
  bool used = false;
  // Set when its host announced it as something of ours (receiver*): what is sent along it comes
  // back, and goes on as if addressed here.
  Place bounce;

 protected:
  ~PromiseNode() = default;

 private:
  bool settled_ = false;
  Ref to_;  // empty: the node itself
  std::vector<Holder> holders_;
};

// One entry of a link's import table: created by the first descriptor that names it, released when
// the last handle goes.
class ImportNode final : public Counted, public PromiseNode {
 public:
  ImportNode(Core& core, Connection& connection, ImportId id)
      : Counted(core), PromiseNode(NodeKind::kImport, *this), connection_(&connection), id_(id) {}
  void onUnused() override;

  // Null once the link is lost; `lost` then says why.
  Connection* connection() const { return connection_; }
  ImportId id() const { return id_; }

  // The link is lost; everything sent here fails with the Broken `why` from now on.
  void lose(Ref why) {
    connection_ = nullptr;
    lost = std::move(why);
  }

  uint32_t wire_refs = 0;  // descriptors that named it since the last Release (R-RC2)
  Ref lost;

 private:
  Connection* connection_;
  ImportId id_;
};

// What `node` is by now: follows finished resolutions. Null stays null, a lost import and a gate
// that was cut are their Broken, an embargo that is not lifted stays one.
Node* follow(Node* node);

// The same, through embargoes too: what `node` will be.
Node* followThrough(Node* node);

// The same, through gates too: what calls will reach.
Node* followToEnd(Node* node);

// The node as a promise, or as what was one; null for those that never are.
PromiseNode* asPromise(Node& node);

// True when a descriptor for follow(node) is senderPromise.
bool isPromise(const Node& node);

inline const wire::Exception& whyBroken(const Node& node) {
  return static_cast<const BrokenNode&>(node).why();
}

}  // namespace vatmesh::captp
