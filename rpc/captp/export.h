// SPDX-License-Identifier: Apache-2.0
//
// An entry of the export table: an object that the peer holds (captp-engine 1.2, 1.3).
//
//   describe() creates it or counts it up; Release and the release flags count it down; at zero it
//   goes. A senderPromise entry waits in its node's holders until the resolution is announced,
//   once.
#pragma once

#include <cstdint>
#include <vector>

#include "rpc/captp/cap.h"

namespace vatmesh::captp {

struct Export {
  enum class State : uint8_t {
    kSettled,      // was never a promise
    kPromise,      // its Resolve is still to be sent
    kMovedHere,    // resolved to something that is not the peer's own, or broken
    kMovedToPeer,  // resolved to receiver*: the peer may send a Disembargo
  };

  Ref ref;
  Pin pin;
  uint32_t wire_refs = 0;
  State state = State::kSettled;
  std::vector<uint32_t>
      held_disembargoes;  // ids that came before the resolution was announced (R-D3)

  void clear() {
    ref.reset();
    pin.reset();
    wire_refs = 0;
    state = State::kSettled;
    held_disembargoes.clear();
  }
};

}  // namespace vatmesh::captp
