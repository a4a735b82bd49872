// SPDX-License-Identifier: Apache-2.0
//
// An entry of the export table: an object that the peer holds (captp-engine 1.2, 1.3).
//
//   describe() creates it or counts it up; Release and the release flags count it down; at zero it
//   goes. One that was written as senderPromise waits in its node's holders until the resolution is
//   announced, once.
#pragma once

#include <cstdint>

#include "rpc/captp/cap.h"
#include "rpc/captp/cell.h"

namespace vatmesh::captp {

struct Export {
  Ref ref;          // what the peer means when it gives it back
  Held<Cell> cell;  // where what it addresses to it goes
  uint32_t wire_refs = 0;
  bool promise = false;  // the peer waits for a Resolve

  void clear() {
    ref.reset();
    cell.reset();
    wire_refs = 0;
    promise = false;
  }
};

}  // namespace vatmesh::captp
