// SPDX-License-Identifier: Apache-2.0
//
// What keeps things alive inside the vat. A node is something that messages can be sent to; two
// kinds of handle hold nodes and are never mixed:
//
//   Ref  a live reference. follow() leads to what it is by now; new descriptors are written from
//        it.
//   Pin  what a cell forwards to (cell.h). It never follows resolutions.
//
// Held keeps what is no node. Dropping the last handle never runs code at once: the holder goes to
// the Core's list of drops, which is worked off at the end of the turn. So no table changes under
// somebody's feet, and a long chain can't recurse.
#pragma once

#include <cstdint>
#include <utility>

namespace vatmesh::captp {

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

enum class NodeKind : uint8_t { kNull, kBroken, kImport, kPath, kEmbargo, kLocal, kGate };

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

}  // namespace vatmesh::captp
