// SPDX-License-Identifier: Apache-2.0
//
// What those outside the engine hold and hand in: capabilities as opaque handles, and the contents
// of calls that begin or end inside the vat.
#pragma once

#include <utility>
#include <vector>

#include "rpc/wire/message.h"

namespace vatmesh::captp {

class Node;

// A live reference, which follows what it resolves to. Moves; the reference is dropped when it is
// destroyed, and what that leads to (a Release, an object that nobody needs any more) comes at the
// end of the next turn. Empty: the null capability. Must not outlive the Vat that gave it.
class Capability {
 public:
  Capability() = default;
  // For the engine: `node` is no Null.
  explicit Capability(Node* node);
  Capability(Capability&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Capability& operator=(Capability&& other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~Capability();

  // A second reference to the same. Calls on both keep no order among each other.
  Capability clone() const { return Capability(node_); }
  explicit operator bool() const { return node_ != nullptr; }

  // For the engine.
  Node* node() const { return node_; }

 private:
  Node* node_ = nullptr;
};

// Parameters or results: a message whose root is the content (wire/root.h; empty: null), and its
// capability table. Only what the message names by its index there can be found by the receiver.
struct Content {
  wire::InMessage message;
  std::vector<Capability> capabilities;
};

}  // namespace vatmesh::captp
