// SPDX-License-Identifier: Apache-2.0
//
// What a capability is inside the vat. A node is something that messages can be sent to; two kinds
// of handle hold nodes and are never mixed:
//
//   Ref  a live reference. follow() leads to what it is by now; new descriptors are written from
//   it. Pin  what an export entry or an answer's path forwards to, for messages addressed to that
//   entry.
//        It never follows resolutions; a node's pin changes only in the turn that announces the
//        change to those who hold an entry pinned to it (captp-engine 0.1.1).
//
// Node kinds:
//   Null     no capability
//   Broken   always fails, with one exception
//   Import   an entry of an import table
//   Path     a field of a pipeline: what a question will return, or has returned, at a path
//
// Dropping the last handle never runs code at once: the holder goes to the Core's list of drops,
// which is worked off at the end of the turn. So no table changes under somebody's feet, and a long
// chain can't recurse.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "rpc/captp/effects.h"
#include "rpc/captp/ids.h"
#include "rpc/wire/envelope.h"

namespace vatmesh::captp {

class Connection;
class Core;

// Something that handles keep alive.
class Counted {
 public:
  explicit Counted(Core& core) : core_(core) {}
  virtual ~Counted() = default;
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  void addHandle() { ++handles_; }
  void dropHandle();
  uint32_t handles() const { return handles_; }

  // Called at the end of a turn when no handle is left. Deletes or recycles the object.
  virtual void onUnused() = 0;
  // Called at the end of a turn instead, when the object was listed but has handles (again).
  virtual void onStillUsed() {}
  // One of its nodes has no handle left.
  virtual void onNodeUnused() {}

 protected:
  Core& core_;

 private:
  friend class Core;
  uint32_t handles_ = 0;
  bool listed_ = false;  // in the Core's list of drops
};

enum class NodeKind : uint8_t { kNull, kBroken, kImport, kPath };

class Node {
 public:
  Node(NodeKind kind, Counted& holder) : kind_(kind), holder_(holder) {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  NodeKind kind() const { return kind_; }
  Counted& holder() const { return holder_; }

  void addUse() {
    ++uses_;
    holder_.addHandle();
  }
  void dropUse();
  // Handles on this very node; its holder may have more.
  uint32_t uses() const { return uses_; }

 protected:
  ~Node() = default;

 private:
  NodeKind kind_;
  uint32_t uses_ = 0;
  Counted& holder_;
};

// The mechanism of Ref and Pin; `Tag` keeps them apart.
template <typename Tag>
class Handle {
 public:
  Handle() = default;
  explicit Handle(Node* node) : node_(node) {
    if (node_) node_->addUse();
  }
  Handle(const Handle& other) : Handle(other.node_) {}
  Handle(Handle&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Handle& operator=(Handle other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~Handle() { reset(); }

  void reset() {
    if (Node* node = std::exchange(node_, nullptr)) node->dropUse();
  }
  Node* get() const { return node_; }
  explicit operator bool() const { return node_ != nullptr; }

 private:
  Node* node_ = nullptr;
};
using Ref = Handle<struct RefTag>;
using Pin = Handle<struct PinTag>;

// A counted pointer to a Counted that is no node.
template <typename T>
class Held {
 public:
  Held() = default;
  explicit Held(T* object) : object_(object) {
    if (object_) object_->addHandle();
  }
  Held(const Held& other) : Held(other.object_) {}
  Held(Held&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Held& operator=(Held other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Held() { reset(); }

  void reset() {
    if (T* object = std::exchange(object_, nullptr)) object->dropHandle();
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

class NullNode final : public Counted, public Node {
 public:
  explicit NullNode(Core& core) : Counted(core), Node(NodeKind::kNull, *this) {}

  void onUnused() override {}  // the Core owns the only one
};

class BrokenNode final : public Counted, public Node {
 public:
  BrokenNode(Core& core, wire::Exception why)
      : Counted(core), Node(NodeKind::kBroken, *this), why_(std::move(why)) {}
  void onUnused() override { delete this; }
  const wire::Exception& why() const { return why_; }

 private:
  wire::Exception why_;
};

// An export entry that was written as senderPromise and waits for its Resolve.
struct Holder {
  Connection* connection;
  ExportId id;
};

// What promises of both kinds have in common: the resolution that Refs follow, and who is to be
// told.
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

// What `node` is by now: follows finished resolutions. Null stays null, a lost import is its
// Broken.
Node* follow(Node* node);

// True when a descriptor for follow(node) is senderPromise.
bool isPromise(const Node& node);

inline const wire::Exception& whyBroken(const Node& node) {
  return static_cast<const BrokenNode&>(node).why();
}

}  // namespace vatmesh::captp
