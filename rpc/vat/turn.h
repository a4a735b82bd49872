// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc/captp/core.h"

namespace vatmesh::vat {

// One turn of the engine: begins when made, ends with its scope.
class Turn {
 public:
  Turn(captp::Core& core, captp::Effects& out) : core_(core) { core_.begin(out); }
  ~Turn() { core_.end(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  captp::Core& core_;
};

}  // namespace vatmesh::vat
