// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/connection.h"

#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"
#include "rpc/captp/planted.h"
#include "rpc/wire/build.h"

namespace vatmesh::captp {
namespace {

// What an Unimplemented may echo (R-E3).
constexpr size_t kMaxEchoBytes = 64 * 1024;

size_t counterIndex(wire::MessageKind kind) {
  auto index = static_cast<size_t>(kind);
  return index < kMessageKinds - 1 ? index : kMessageKinds - 1;
}

}  // namespace

Connection::Connection(Core& core, LinkId id, LinkKind kind, const Profile& profile,
                       const Limits& limits)
    : outbox(core.budget), core_(core), id_(id), kind_(kind), profile_(profile), limits_(limits) {}

void Connection::handle(wire::InMessage&& message) {
  core_.touch(*this);
  wire::Envelope& envelope = core_.envelope;
  Status status = wire::decode(message, {}, envelope);
  if (!status.ok()) {
    abort(status.message());
    return;
  }
  ++core_.counters.received[envelope.known ? counterIndex(envelope.kind) : kMessageKinds - 1];
  if (!envelope.known) {
    replyUnimplemented(std::move(message));
    return;
  }
  switch (envelope.kind) {
    case wire::MessageKind::kUnimplemented:
      return handleUnimplemented(envelope);
    case wire::MessageKind::kAbort:
      return handleAbort(envelope);
    case wire::MessageKind::kBootstrap:
      return handleBootstrap(envelope);
    case wire::MessageKind::kCall:
      return handleCall(std::move(message), envelope);
    case wire::MessageKind::kReturn:
      return handleReturn(std::move(message), envelope);
    case wire::MessageKind::kFinish:
      return handleFinish(envelope);
    case wire::MessageKind::kResolve:
      return handleResolve(envelope);
    case wire::MessageKind::kRelease:
      return handleRelease(envelope);
    case wire::MessageKind::kDisembargo:
      return handleDisembargo(std::move(message), envelope);
    case wire::MessageKind::kObsoleteSave:
    case wire::MessageKind::kObsoleteDelete:
    case wire::MessageKind::kProvide:
    case wire::MessageKind::kAccept:
    case wire::MessageKind::kJoin:
    case wire::MessageKind::kThirdPartyAnswer:
      return replyUnimplemented(std::move(message));
  }
}

void Connection::send(wire::FrameRef frame, wire::MessageKind kind, LinkId asker) {
  if (core_.find(id_) != this) return;  // lost in this turn
  core_.touch(*this);
  ++core_.counters.sent[counterIndex(kind)];
  if (outbox.empty()) last_progress = core_.now;
  outbox.push(asker, frame->sizeBytes(), frame->heldBytes());
  Effects& effects = core_.effects();
  bool first = planted("release_order") && kind == wire::MessageKind::kRelease;
  effects.insert(first ? effects.begin() : effects.end(), Send{id_, std::move(frame)});
}

void Connection::abort(std::string_view what) {
  if (doomed) return;
  ++core_.counters.protocol_errors;
  doomed = Status(Code::kProtocol, std::string(what));
  core_.touch(*this);
}

void Connection::handleAbort(const wire::Envelope& envelope) {
  // No Abort in reply, and nothing more is sent (R-E1).
  std::string text = envelope.exception.reason;
  core_.effects().push_back(
      Close{id_, Status(Code::kDisconnected, "the peer sent Abort: " + text)});
  core_.lose(*this, disconnected(text));
}

void Connection::replyUnimplemented(wire::InMessage&& message) {
  if (message.frameBytes() > kMaxEchoBytes) {
    abort("a message of a kind that we don't know, too large to be sent back");
    return;
  }
  send(wire::buildUnimplemented(core_.frames, std::move(message)),
       wire::MessageKind::kUnimplemented);
}

// R-E4: what the peer says it doesn't know, by what we had sent.
void Connection::handleUnimplemented(const wire::Envelope& envelope) {
  if (!envelope.inner_readable) return abort("an Unimplemented around nothing readable");
  switch (envelope.inner_kind) {
    case wire::MessageKind::kResolve: {
      const wire::Descriptor& descriptor = envelope.inner_resolve;
      bool hosted = descriptor.kind == wire::DescriptorKind::kSenderHosted ||
                    descriptor.kind == wire::DescriptorKind::kSenderPromise;
      if (envelope.inner_resolve_has_descriptor && hosted) {
        releaseExport(ExportId{descriptor.id}, 1);
      }
      return;
    }
    case wire::MessageKind::kCall:
    case wire::MessageKind::kBootstrap: {
      QuestionId id{envelope.inner_id};
      Question* question = questions.find(id);
      if (!question && questions.recall(id)) return;
      if (!question || question->returned) return abort("an Unimplemented for no question of ours");
      // The peer has no entry for it, so it gets no Finish (R-Q1, 0.1.7).
      if (Pipeline* pipeline = question->pipeline) {
        --owed_returns;
        pipeline->connection = nullptr;
        core_.breakPipeline(*pipeline,
                            core_.broken(unimplemented("the peer does not implement this call")));
      } else {
        --canceled;
      }
      const auto exports_named = question->param_exports.take();
      questions.erase(id);
      for (ExportId named : exports_named) releaseExport(named, 1);
      return;
    }
    case wire::MessageKind::kDisembargo:
      if (envelope.inner_disembargo == wire::DisembargoKind::kSenderLoopback) {
        return handleUnknownDisembargo(EmbargoId{envelope.inner_id});
      }
      [[fallthrough]];
    default:
      ++core_.counters.tolerated;
  }
}

}  // namespace vatmesh::captp
