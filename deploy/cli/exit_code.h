// SPDX-License-Identifier: Apache-2.0
//
// What the program's exit codes mean, and which one an error gives.
#pragma once

#include "rpc/base/status.h"

namespace vatmesh::deploy {

enum ExitCode : int {
  kDone = 0,
  kAnsweredByError = 1,
  kUsage = 64,        // bad usage or configuration
  kUnreachable = 69,  // peer, application or store can't be reached
  kBug = 70,
  kRefused = 77,  // wrong fingerprint, unknown id, not allowed
};

ExitCode exitCodeOf(Code code);

}  // namespace vatmesh::deploy
