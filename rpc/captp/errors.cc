// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/errors.h"

namespace vatmesh::captp {
namespace {

wire::Exception make(Code code, std::string_view reason) {
  wire::Exception exception;
  exception.type = wireType(code);
  exception.reason = reason.substr(0, wire::kMaxExceptionText);
  return exception;
}

}  // namespace

wire::Exception exceptionFrom(const Status& status) {
  return make(status.code(), status.message());
}
wire::Exception failed(std::string_view reason) {
  return make(Code::kFailed, reason);
}
wire::Exception overloaded(std::string_view reason) {
  return make(Code::kOverloaded, reason);
}
wire::Exception disconnected(std::string_view reason) {
  return make(Code::kDisconnected, reason);
}
wire::Exception unimplemented(std::string_view reason) {
  return make(Code::kUnimplemented, reason);
}

}  // namespace vatmesh::captp
