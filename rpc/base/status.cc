// SPDX-License-Identifier: Apache-2.0
#include "rpc/base/status.h"

namespace vatmesh {

std::string_view codeName(Code code) {
  switch (code) {
    case Code::kOk:
      return "ok";
    case Code::kFailed:
      return "failed";
    case Code::kOverloaded:
      return "overloaded";
    case Code::kDisconnected:
      return "disconnected";
    case Code::kUnimplemented:
      return "unimplemented";
    case Code::kProtocol:
      return "protocol";
    case Code::kInvalidArgument:
      return "invalid_argument";
    case Code::kNotFound:
      return "not_found";
    case Code::kRefused:
      return "refused";
    case Code::kTimeout:
      return "timeout";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kConflict:
      return "conflict";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kFull:
      return "full";
  }
  return "unknown";
}

uint16_t wireType(Code code) {
  switch (code) {
    case Code::kOverloaded:
    case Code::kFull:
      return 1;
    case Code::kDisconnected:
    case Code::kUnavailable:
    case Code::kTimeout:
      return 2;
    case Code::kUnimplemented:
      return 3;
    default:
      return 0;
  }
}

Code codeFromWireType(uint16_t type) {
  switch (type) {
    case 1:
      return Code::kOverloaded;
    case 2:
      return Code::kDisconnected;
    case 3:
      return Code::kUnimplemented;
    default:
      return Code::kFailed;
  }
}

Status Status::withContext(std::string_view context) const {
  if (ok()) return *this;
  return Status(code_, std::string(context) + ": " + message_);
}

std::string Status::toString() const {
  if (ok()) return "ok";
  return std::string(codeName(code_)) + ": " + message_;
}

}  // namespace vatmesh
