// SPDX-License-Identifier: Apache-2.0
//
// The exit codes of contracts 5.
#pragma once

#include "rpc/base/status.h"

namespace vatmesh {

inline constexpr int kExitOk = 0;
inline constexpr int kExitUsage = 64;        // bad usage or configuration
inline constexpr int kExitUnavailable = 69;  // something can't be reached, or an address is taken
inline constexpr int kExitBug = 70;
inline constexpr int kExitRefused = 77;

// The exit code for a start that failed with `status`, which isn't ok.
inline int exitCodeFor(const Status& status) {
  switch (status.code()) {
    case Code::kInvalidArgument:
    case Code::kNotFound:
      return kExitUsage;
    case Code::kRefused:
      return kExitRefused;
    case Code::kUnavailable:
    case Code::kDisconnected:
    case Code::kTimeout:
    case Code::kOverloaded:
      return kExitUnavailable;
    default:
      return kExitBug;
  }
}

}  // namespace vatmesh
