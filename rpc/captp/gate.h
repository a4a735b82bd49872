// SPDX-License-Identifier: Apache-2.0
//
// GateNode stands where an owner may cut or replace what is behind it (design 4.5): a restored
// reference that may be revoked, an import that reconnects. To those who hold it, it is an object
// of this vat: told as settled, with an identity of its own; a pin on it never moves. Only towards
// the link that hosts what is behind it, it is left out (Connection::withoutGate); it is never
// handed off.
//
//   open       calls go on to `inner`, which follows resolutions
//   cut        for ever: every call fails with one exception
//
//   Locals::replace  open -> open
//   Locals::cut      open -> cut
//
// Order. A gate calls through one reference, so that calls through it keep their order as long as
// it is not replaced. replace() is for what is dead or drained: calls before it are on their way to
// the old place, later ones go to the new one, and none overtakes another on the same way; where
// both ways end at one object, a call from before may arrive there behind one from after. Calls
// that have passed the gate before a cut, be it to a queue in front of a promise, are delivered.
// Holders are told nothing of either.
#pragma once

#include "rpc/captp/cap.h"
#include "rpc/captp/effects.h"

namespace vatmesh::captp {

class GateNode final : public Counted, public Node {
 public:
  GateNode(Core& core, ObjectId id, Ref inner)
      : Counted(core), Node(NodeKind::kGate, *this), id_(id), inner_(std::move(inner)) {}
  void onUnused() override;

  ObjectId id() const { return id_; }
  // What is behind it by now; the exception when it is cut.
  Node* inner() const { return follow(inner_.get()); }
  // The same, not followed: for those who only look, since following shortens ways.
  Node* held() const { return inner_.get(); }
  // Holds no longer what has become something else: a question ends although the gate lives on.
  void shorten() {
    if (Node* now = inner(); now != inner_.get()) inner_ = Ref(now);
  }
  bool isCut() const { return cut_; }

  // For Locals.
  void set(Ref inner) { inner_ = std::move(inner); }
  void cut(Ref why) {
    inner_ = std::move(why);
    cut_ = true;
  }

 private:
  ObjectId id_;
  Ref inner_;
  bool cut_ = false;
};

// What calls on `node` reach by now: follow(), through gates too.
Node* behindGates(Node* node);

}  // namespace vatmesh::captp
