// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/envelope.h"

#include <string>

#include "rpc/wire/decoder.h"

namespace vatmesh::wire {

namespace {

constexpr uint16_t kLastKind = static_cast<uint16_t>(MessageKind::kThirdPartyAnswer);

void reset(Envelope& envelope) {
  // From memory, as field by field stores stall the wide copies that follow them.
  static constexpr EnvelopeValues kDefaults{};
  static_cast<EnvelopeValues&>(envelope) = kDefaults;
  envelope.descriptors.clear();
  envelope.steps.clear();
  envelope.consumed.clear();
  envelope.object_id.clear();
  envelope.exception.type = 0;
  envelope.exception.reason.clear();
  envelope.exception.trace.clear();
}

}  // namespace

Status decode(const InMessage& message, const EnvelopeLimits& limits, Envelope& out) {
  reset(out);
  return Decoder(message, limits, out).run();
}

Status Decoder::run() {
  if (message_.empty() || message_.segment(0).empty() || message_.segment(0)[0] == 0) {
    return Status(Code::kProtocol, "message without a root");
  }
  StructView message;
  // What forwarding leaves behind is only of interest for these two, and known after this struct.
  recording_ = true;
  const bool ok = openStruct(message_.segment(0)[0], {0, 0}, message) ? readMessage(message)
                                                                      : fail("malformed root");
  endRun();
  if (ok) return Status();
  return Status(Code::kProtocol, std::string("unreadable message: ") + error_);
}

bool Decoder::readMessage(const StructView& message) {
  const uint16_t tag = message.data16(0);
  out_.raw_kind = tag;
  out_.known = tag <= kLastKind;
  if (!out_.known) return true;
  out_.kind = static_cast<MessageKind>(tag);
  recording_ = out_.kind == MessageKind::kCall || out_.kind == MessageKind::kReturn;
  const uint64_t word = message.pointer(0);
  const WordAt at = message.pointerAt(0);
  if (out_.kind == MessageKind::kUnimplemented) return readUnimplemented(message);
  if (out_.kind == MessageKind::kAbort) {
    readException(word, at);
    return true;
  }
  if (out_.kind == MessageKind::kObsoleteSave || out_.kind == MessageKind::kObsoleteDelete) {
    return true;
  }
  StructView body;
  if (!openStruct(word, at, body)) return fail("malformed body");
  out_.id = body.data32(0);
  switch (out_.kind) {
    case MessageKind::kCall:
      return readCall(body);
    case MessageKind::kReturn:
      return readReturn(body);
    case MessageKind::kFinish:
      out_.release_result_caps = !body.flag(32);
      out_.early_cancellation_workaround = !body.flag(33);
      return true;
    case MessageKind::kResolve:
      return readResolve(body);
    case MessageKind::kRelease:
      out_.count = body.data32(32);
      return true;
    case MessageKind::kBootstrap:
      readObjectId(body.pointer(0), body.pointerAt(0));
      return true;
    case MessageKind::kDisembargo:
      return readDisembargo(body);
    default:  // level 3 and 4: answered as a whole
      return true;
  }
}

bool Decoder::readCall(const StructView& call) {
  out_.method_id = call.data16(32);
  out_.interface_id = call.data(1);
  const uint16_t send_to = call.data16(48);
  out_.send_results_unknown = send_to > static_cast<uint16_t>(SendResultsTo::kThirdParty);
  if (!out_.send_results_unknown) out_.send_results_to = static_cast<SendResultsTo>(send_to);
  out_.no_promise_pipelining = call.flag(129);
  out_.only_promise_pipeline = call.flag(130);
  return readTarget(call.pointer(0), call.pointerAt(0)) &&
         readPayload(call.pointer(1), call.pointerAt(1));
}

bool Decoder::readReturn(const StructView& ret) {
  out_.release_param_caps = !ret.flag(32);
  out_.no_finish_needed = ret.flag(33);
  const uint16_t tag = ret.data16(48);
  out_.return_unknown = tag > static_cast<uint16_t>(ReturnKind::kAwaitFromThirdParty);
  if (out_.return_unknown) return true;
  out_.return_kind = static_cast<ReturnKind>(tag);
  switch (out_.return_kind) {
    case ReturnKind::kResults:
      return readPayload(ret.pointer(0), ret.pointerAt(0));
    case ReturnKind::kException:
      recording_ = false;
      readException(ret.pointer(0), ret.pointerAt(0));
      return true;
    case ReturnKind::kTakeFromOtherQuestion:
      out_.take_from = ret.data32(64);
      return true;
    default:
      return true;
  }
}

bool Decoder::readResolve(const StructView& resolve) {
  switch (resolve.data16(32)) {
    case 0: {
      StructView descriptor;
      if (!openStruct(resolve.pointer(0), resolve.pointerAt(0), descriptor)) {
        return fail("malformed descriptor");
      }
      return readDescriptor(descriptor, out_.descriptors.emplace_back());
    }
    case 1:
      out_.is_exception = true;
      readException(resolve.pointer(0), resolve.pointerAt(0));
      return true;
    default:
      out_.resolve_unknown = true;
      return true;
  }
}

bool Decoder::readDisembargo(const StructView& disembargo) {
  const uint16_t tag = disembargo.data16(32);
  out_.disembargo_unknown = tag > static_cast<uint16_t>(DisembargoKind::kAccept);
  if (!out_.disembargo_unknown) out_.disembargo_kind = static_cast<DisembargoKind>(tag);
  return readTarget(disembargo.pointer(0), disembargo.pointerAt(0));
}

bool Decoder::readUnimplemented(const StructView& message) {
  StructView inner;
  const uint64_t word = message.pointer(0);
  // An echo that can't be read tells nothing, which is no reason to end the link.
  if (word != 0 && openStruct(word, message.pointerAt(0), inner)) readInner(inner);
  return true;
}

void Decoder::readInner(const StructView& inner) {
  const uint16_t tag = inner.data16(0);
  out_.inner_raw_kind = tag;
  if (tag > kLastKind) return;
  out_.inner_kind = static_cast<MessageKind>(tag);
  switch (out_.inner_kind) {
    case MessageKind::kUnimplemented:
    case MessageKind::kAbort:
    case MessageKind::kObsoleteSave:
    case MessageKind::kObsoleteDelete:
      out_.inner_readable = true;
      return;
    default:
      break;
  }
  StructView body;
  if (!openStruct(inner.pointer(0), inner.pointerAt(0), body)) return;
  out_.inner_id = body.data32(0);
  out_.inner_readable = true;
  if (out_.inner_kind == MessageKind::kResolve) readInnerResolve(body);
  if (out_.inner_kind == MessageKind::kDisembargo) {
    const uint16_t kind = body.data16(32);
    out_.inner_readable = kind <= static_cast<uint16_t>(DisembargoKind::kAccept);
    if (out_.inner_readable) out_.inner_disembargo = static_cast<DisembargoKind>(kind);
  }
}

void Decoder::readInnerResolve(const StructView& resolve) {
  if (resolve.data16(32) != 0) return;
  StructView element;
  Descriptor descriptor;
  out_.inner_readable = openStruct(resolve.pointer(0), resolve.pointerAt(0), element) &&
                        readDescriptor(element, descriptor);
  if (!out_.inner_readable) return;
  descriptor.path = {};
  out_.inner_resolve = descriptor;
  out_.inner_resolve_has_descriptor = true;
}

}  // namespace vatmesh::wire
