// SPDX-License-Identifier: Apache-2.0
//
// A Cell is where a peer's messages go that are addressed to one of its references: an entry of our
// export table, or a path of one of its questions. What the peer was told decides
// (captp-engine 0.1.1):
//
//   - A cell changes only in the turn that tells the peer how its promise was resolved.
//   - Told of something that is hosted here (sender*), the cell becomes an alias of the cell of the
//     entry that the peer was told of: both names lead to one place for ever, whatever becomes of
//     it, so that the peer may switch from one to the other at any moment.
//   - Told of something of its own (receiver*), the peer embargoes: the cell keeps the path that
//     the peer's calls went, and the peer's Disembargo follows them.
//
// A cell outlives the entry that it was made for while an alias leads to it.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "rpc/captp/handle.h"

namespace vatmesh::captp {

class Cell final : public Counted {
 public:
  // What the peer knows of the reference.
  enum class Told : uint8_t {
    kObject,   // never a promise
    kPromise,  // its Resolve is still to be sent
    kOurs,     // moved to something that is not the peer's own, or broken
    kTheirs,   // moved to the peer, who may send a Disembargo
  };

  explicit Cell(Core& core) : Counted(core) {}
  void onUnused() override;
  // Back to a new one, keeping memory.
  void recycle();

  // The cell itself, or what it is an alias of.
  Cell& last();
  // Where messages go.
  Node* node() { return last().pin_.get(); }
  Told told() { return last().told_; }

  void set(Node* node, Told told) {
    pin_ = Pin(node);
    told_ = told;
  }
  void aliasTo(Cell& cell);

  // Disembargoes that came before the Resolve was sent wait for it (R-D3).
  struct WaitingDisembargo {
    uint32_t id = 0;
    bool along_path = false;  // of a question, not to an export
  };
  std::vector<WaitingDisembargo> waiting_disembargoes;
  std::vector<WaitingDisembargo> takeWaiting() { return std::exchange(waiting_disembargoes, {}); }

 private:
  Pin pin_;
  Told told_ = Told::kObject;
  Held<Cell> alias_;
};

// The place that a peer named: a cell, or a path of one of its questions, which has a cell only
// once the peer was told of its results.
struct Place {
  Held<Cell> cell;
  Pin path;  // to a PathNode

  explicit operator bool() const { return cell || path; }
  Node* node() const;
};

}  // namespace vatmesh::captp
