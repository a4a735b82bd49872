// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/exit_code.h"

namespace vatmesh::deploy {

ExitCode exitCodeOf(Code code) {
  switch (code) {
    case Code::kOk:
      return kDone;
    case Code::kInvalidArgument:
    case Code::kNotFound:
      return kUsage;
    case Code::kRefused:
      return kRefused;
    case Code::kDisconnected:
    case Code::kTimeout:
    case Code::kUnavailable:
    case Code::kOverloaded:
    case Code::kFull:
      return kUnreachable;
    case Code::kFailed:
    case Code::kUnimplemented:
    case Code::kProtocol:
    case Code::kConflict:
    case Code::kCorrupt:
      return kAnsweredByError;
  }
  return kBug;
}

}  // namespace vatmesh::deploy
