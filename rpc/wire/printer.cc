// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/printer.h"

#include <cstdio>
#include <cstring>
#include <vector>

namespace vatmesh::wire {

namespace {

std::string number(uint64_t value) {
  return std::to_string(value);
}

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string pathText(const Envelope& envelope, const PathSlice& path) {
  if (!path.ok) return ".(unreadable path)";
  std::string text;
  for (const uint16_t step : envelope.path(path)) text += "." + number(step);
  return text;
}

std::string targetText(const Envelope& envelope, const Target& target) {
  switch (target.kind) {
    case Target::Kind::kImportedCap:
      return "import " + number(target.id);
    case Target::Kind::kPromisedAnswer:
      return "answer " + number(target.id) + pathText(envelope, target.path);
    case Target::Kind::kUnknown:
      break;
  }
  return "unknown target";
}

std::string descriptorText(const Envelope& envelope, const Descriptor& descriptor) {
  if (descriptor.unknown) return "unknown";
  switch (descriptor.kind) {
    case DescriptorKind::kNone:
      return "none";
    case DescriptorKind::kSenderHosted:
      return "senderHosted " + number(descriptor.id);
    case DescriptorKind::kSenderPromise:
      return "senderPromise " + number(descriptor.id);
    case DescriptorKind::kReceiverHosted:
      return "receiverHosted " + number(descriptor.id);
    case DescriptorKind::kReceiverAnswer:
      return "receiverAnswer " + number(descriptor.id) + pathText(envelope, descriptor.path);
    case DescriptorKind::kThirdPartyHosted:
      return "thirdPartyHosted vine " + number(descriptor.id);
  }
  return "unknown";
}

std::string payloadText(const Envelope& envelope) {
  std::string text = envelope.payload.present ? "" : " no payload";
  if (envelope.descriptors.empty()) return text;
  text += " caps=[";
  for (size_t i = 0; i < envelope.descriptors.size(); ++i) {
    if (i != 0) text += ", ";
    text += descriptorText(envelope, envelope.descriptors[i]);
  }
  return text + "]";
}

std::string exceptionText(const Exception& exception) {
  static constexpr const char* kTypes[] = {"failed", "overloaded", "disconnected", "unimplemented"};
  std::string text = exception.type < 4 ? kTypes[exception.type] : "type " + number(exception.type);
  text += " \"";
  for (const char c : exception.reason) {
    const bool plain = static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
    text += plain ? c : '?';
  }
  text += "\"";
  return exception.trace.empty() ? text : text + " with trace";
}

std::string callText(const Envelope& envelope) {
  std::string text = "Call q=" + number(envelope.id) + " -> " +
                     targetText(envelope, envelope.target) + " " + hex(envelope.interface_id) +
                     "/" + number(envelope.method_id);
  if (envelope.send_results_unknown) text += " results to unknown";
  if (envelope.send_results_to == SendResultsTo::kYourself) text += " results to yourself";
  if (envelope.send_results_to == SendResultsTo::kThirdParty) text += " results to third party";
  if (envelope.no_promise_pipelining) text += " noPromisePipelining";
  if (envelope.only_promise_pipeline) text += " onlyPromisePipeline";
  return text + payloadText(envelope);
}

std::string outcomeText(const Envelope& envelope) {
  if (envelope.return_unknown) return "unknown";
  switch (envelope.return_kind) {
    case ReturnKind::kResults:
      return "results" + payloadText(envelope);
    case ReturnKind::kException:
      return "exception " + exceptionText(envelope.exception);
    case ReturnKind::kCanceled:
      return "canceled";
    case ReturnKind::kResultsSentElsewhere:
      return "resultsSentElsewhere";
    case ReturnKind::kTakeFromOtherQuestion:
      return "takeFromOtherQuestion " + number(envelope.take_from);
    case ReturnKind::kAwaitFromThirdParty:
      return "awaitFromThirdParty";
  }
  return "unknown";
}

std::string returnText(const Envelope& envelope) {
  std::string text = "Return a=" + number(envelope.id) + " " + outcomeText(envelope);
  if (envelope.release_param_caps) text += " releaseParamCaps";
  if (envelope.no_finish_needed) text += " noFinishNeeded";
  return text;
}

std::string finishText(const Envelope& envelope) {
  std::string text = "Finish q=" + number(envelope.id);
  if (envelope.release_result_caps) text += " releaseResultCaps";
  if (envelope.early_cancellation_workaround) text += " earlyCancellationWorkaround";
  return text;
}

std::string resolveText(const Envelope& envelope) {
  std::string text = "Resolve promise=" + number(envelope.id) + " -> ";
  if (envelope.resolve_unknown || (!envelope.is_exception && envelope.descriptors.empty())) {
    return text + "unknown";
  }
  if (envelope.is_exception) return text + "exception " + exceptionText(envelope.exception);
  return text + descriptorText(envelope, envelope.descriptors[0]);
}

std::string disembargoText(const Envelope& envelope) {
  static constexpr const char* kKinds[] = {"senderLoopback", "receiverLoopback", "accept"};
  const std::string kind = envelope.disembargo_unknown
                               ? "unknown"
                               : kKinds[static_cast<size_t>(envelope.disembargo_kind)];
  return "Disembargo " + kind + " e=" + number(envelope.id) + " -> " +
         targetText(envelope, envelope.target);
}

const char* kindName(MessageKind kind) {
  static constexpr const char* kNames[] = {
      "Unimplemented", "Abort",   "Call",         "Return",     "Finish",
      "Resolve",       "Release", "ObsoleteSave", "Bootstrap",  "ObsoleteDelete",
      "Provide",       "Accept",  "Join",         "Disembargo", "ThirdPartyAnswer"};
  return kNames[static_cast<size_t>(kind)];
}

std::string unimplementedText(const Envelope& envelope) {
  if (!envelope.inner_readable) {
    return "Unimplemented: unreadable, tag " + number(envelope.inner_raw_kind);
  }
  return std::string("Unimplemented: ") + kindName(envelope.inner_kind) + " " +
         number(envelope.inner_id);
}

}  // namespace

std::string describe(const Envelope& envelope) {
  if (!envelope.known) return "unknown message, tag " + number(envelope.raw_kind);
  switch (envelope.kind) {
    case MessageKind::kUnimplemented:
      return unimplementedText(envelope);
    case MessageKind::kAbort:
      return "Abort " + exceptionText(envelope.exception);
    case MessageKind::kCall:
      return callText(envelope);
    case MessageKind::kReturn:
      return returnText(envelope);
    case MessageKind::kFinish:
      return finishText(envelope);
    case MessageKind::kResolve:
      return resolveText(envelope);
    case MessageKind::kRelease:
      return "Release import=" + number(envelope.id) + " count=" + number(envelope.count);
    case MessageKind::kBootstrap: {
      const char* id = !envelope.object_id_readable ? " with unreadable id"
                       : envelope.has_object_id     ? " with id"
                                                    : "";
      return "Bootstrap q=" + number(envelope.id) + id;
    }
    case MessageKind::kDisembargo:
      return disembargoText(envelope);
    default:
      return std::string(kindName(envelope.kind)) + " " + number(envelope.id);
  }
}

std::string describe(const InMessage& message) {
  Envelope envelope;
  const Status status = decode(message, EnvelopeLimits{}, envelope);
  return status.ok() ? describe(envelope) : "unreadable: " + status.message();
}

std::string describe(const Frame& frame) {
  BufferPool pool;
  return describe(toMessage(frame, pool));
}

InMessage toMessage(const Frame& frame, BufferPool& pool) {
  std::vector<uint32_t> sizes(frame.segmentCount());
  size_t words = 0;
  for (uint32_t i = 0; i < frame.segmentCount(); ++i) {
    sizes[i] = frame.segmentWords(i);
    words += sizes[i];
  }
  BufferRef buffer = pool.get(frame.sizeBytes());
  uint8_t* end = buffer->data();
  for (const std::span<const uint8_t> piece : frame.pieces()) {
    std::memcpy(end, piece.data(), piece.size());
    end += piece.size();
  }
  auto* body = reinterpret_cast<uint64_t*>(end) - words;
  return InMessage(std::move(buffer), {body, words}, sizes);
}

}  // namespace vatmesh::wire
