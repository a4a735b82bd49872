// SPDX-License-Identifier: Apache-2.0
//
// The question table: what we ask, and the Returns that come for it.
#include "rpc/captp/question.h"

#include <utility>

#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"
#include "rpc/captp/planted.h"
#include "rpc/wire/build.h"
#include "rpc/wire/forward.h"

namespace vatmesh::captp {
namespace {

// Question ids of this class are for messages that get no Return (R-ID1); we make none yet, so a
// Return for one is a peer that ignores the hint.
constexpr uint32_t kFirstUnanswered = 1u << 31;

// So many canceled questions remember which of our objects they passed, for a Return that says
// releaseParamCaps. No living peer sets that; those that never return the canceled ones least.
constexpr uint32_t kMaxCanceled = 1024;

Status noQuestionId() {
  return Status(Code::kDisconnected, "no question id is left on the receiver's link");
}

}  // namespace

// Everything that could refuse a frame of `capabilities` towards this peer, before anything is
// counted.
Status Connection::checkRoom(std::span<const OutCapability> capabilities,
                             const wire::InMessage& message, const wire::OutTarget& target) {
  size_t paths = target.kind == wire::Target::Kind::kPromisedAnswer ? 1 : 0;
  size_t steps = target.path.size();
  size_t new_exports = 0;
  for (const OutCapability& capability : capabilities) {
    Node* node = toldOf(capability);
    if (const PathNode* path = theirPath(*node)) {
      ++paths;
      steps += path->path().size();
    } else if (node->kind() != NodeKind::kNull && !theirImport(*node) &&
               !canonical.contains(node)) {
      ++new_exports;
    }
  }
  if (new_exports > 0 && exports.size() + new_exports > limits_.exports) {
    return Status(Code::kOverloaded, "the receiver holds too many capabilities already");
  }
  wire::OutLimits limits;
  limits.max_words = profile_.max_message_words;
  limits.max_segments = profile_.max_segments;
  return wire::checkSize(message, capabilities.size(), paths, steps, limits);
}

// Whether a question can be asked; else the link has served its time.
bool Connection::hasQuestionId() {
  if (questions.full()) abort("no question id is left: too many calls were canceled, not returned");
  return !questions.full();
}

Status Connection::sendCall(PendingCall& call, const wire::OutTarget& target) {
  auto& capabilities = core_.out_capabilities;
  capabilities.clear();
  for (Ref& ref : call.capabilities) capabilities.push_back({ref.get(), false});
  Status room = checkRoom(capabilities, call.message, target);
  if (room.ok()) room = core_.flow.checkQueue(*this, call.result->asker, call.message.frameBytes());
  if (room.ok() && !hasQuestionId()) room = noQuestionId();
  if (!room.ok()) return room;

  auto [id, question] = questions.allocate();
  auto& descriptors = core_.out_descriptors;
  descriptors.clear();
  for (const OutCapability& capability : capabilities) {
    descriptors.push_back(describe(capability, &question.param_exports));
  }
  wire::OutCall out;
  out.question_id = id.value;
  out.target = target;
  out.interface_id = call.interface_id;
  out.method_id = call.method_id;
  out.no_promise_pipelining = call.no_promise_pipelining;
  question.tail = isTailCall(call);
  if (question.tail) out.send_results_to = wire::SendResultsTo::kYourself;
  send(wire::forwardCall(core_.frames, std::move(call.message), call.payload, out, descriptors),
       wire::MessageKind::kCall, call.result->asker);
  resolveBroken(call.result->asker);
  ++owed_returns;
  question.pipeline = call.result.get();
  call.result->connection = this;
  call.result->question = id;
  if (question.tail) {
    call.result->sink = nullptr;
    returnTakeFrom(call.result->sink_answer, id);
  }
  return Status();
}

bool Connection::isTailCall(const PendingCall& call) {
  const Pipeline& result = *call.result;
  if (!profile_.tail_calls || result.sink != this || result.sink_redirected) return false;
  // The answer of another call, which was answered with this one, is told when results are there.
  const Answer& answer = *answers.find(result.sink_answer);
  return answer.wants_return && answer.pipeline.get() == &result;
}

void Connection::sendBootstrap(Pipeline& pipeline, std::string_view object_id) {
  if (!hasQuestionId()) {
    return core_.breakPipeline(pipeline, core_.broken(exceptionFrom(noQuestionId())));
  }
  auto [id, question] = questions.allocate();
  ++owed_returns;
  question.pipeline = &pipeline;
  pipeline.connection = this;
  pipeline.question = id;
  send(wire::buildBootstrap(core_.frames, id.value, object_id), wire::MessageKind::kBootstrap,
       pipeline.asker);
}

void Connection::finish(QuestionId id, const Pipeline& pipeline) {
  Question* question = questions.find(id);
  VATMESH_CHECK(question && question->pipeline == &pipeline);
  if (question->returned || !planted("cancel")) {
    send(wire::buildFinish(core_.frames, id.value, !question->returned,
                           pipeline.early_cancellation_workaround),
         wire::MessageKind::kFinish);
  }
  if (question->returned) {
    questions.erase(id);
  } else {
    --owed_returns;
    question->pipeline = nullptr;
    if (question->param_exports.empty() || canceled == kMaxCanceled) {
      questions.forget(id);
    } else {
      ++canceled;
    }
  }
}

void Connection::handleReturn(wire::InMessage&& message, const wire::Envelope& envelope) {
  QuestionId id{envelope.id};
  Question* question = questions.find(id);
  if (!question && !questions.recall(id)) {
    if (envelope.id < kFirstUnanswered) return abort("a Return for no question of ours");
    ++core_.counters.tolerated;
    return;
  }
  if (question && question->returned) return abort("a second Return for one question");
  Pipeline* pipeline = question ? question->pipeline : nullptr;
  if (question && question->tail) return onTailReturn(*question, pipeline, envelope);
  bool took =
      !envelope.return_unknown && envelope.return_kind == wire::ReturnKind::kTakeFromOtherQuestion;
  if (took) {
    Answer* answer = answers.find(AnswerId{envelope.take_from});
    // The peer may have seen our cancel and finished its own call first.
    took = answer || pipeline;
    if (took && (!answer || !answer->redirected || answer->taken)) {
      return abort("takeFromOtherQuestion names no answer whose results were redirected");
    }
  }
  bool results = !envelope.return_unknown && envelope.return_kind == wire::ReturnKind::kResults;
  if (question && (!pipeline || !results)) releaseParams(*question, envelope);
  if (!pipeline) {
    // Canceled: our Finish has released the results already (R-RC6).
    if (question) {
      --canceled;
      questions.erase(id);
    }
    if (took) onTaken(nullptr, AnswerId{envelope.take_from});
  } else {
    --owed_returns;
    question->returned = true;
    Ref why;
    if (envelope.return_unknown) {
      why = core_.broken(unimplemented("the peer returned in a way that we don't know"));
    } else {
      switch (envelope.return_kind) {
        case wire::ReturnKind::kResults:
          onResults(*question, *pipeline, std::move(message), envelope);
          break;
        case wire::ReturnKind::kException:
          why = core_.broken(envelope.exception, pipeline->asker);  // which keeps it until Finish
          break;
        case wire::ReturnKind::kCanceled:
          why = core_.broken(failed("the peer canceled a call that nobody had finished"));
          break;
        case wire::ReturnKind::kResultsSentElsewhere:
          return abort("resultsSentElsewhere for a call that asked for its results");
        case wire::ReturnKind::kTakeFromOtherQuestion:
          onTaken(pipeline, AnswerId{envelope.take_from});
          break;
        case wire::ReturnKind::kAwaitFromThirdParty:
          why = core_.broken(unimplemented("awaitFromThirdParty was not offered"));
          break;
      }
    }
    if (why) {
      // Nothing can be pipelined on it any more.
      if (envelope.no_finish_needed) {
        questions.erase(id);
      } else {
        finish(id, *pipeline);
      }
      pipeline->connection = nullptr;
      core_.breakPipeline(*pipeline, std::move(why));
    }
  }
}

void Connection::onTailReturn(Question& question, Pipeline* pipeline,
                              const wire::Envelope& envelope) {
  const bool as_canceled = !pipeline && envelope.return_kind == wire::ReturnKind::kCanceled;
  const bool elsewhere = envelope.return_kind == wire::ReturnKind::kResultsSentElsewhere;
  if (envelope.return_unknown || !(elsewhere || as_canceled)) {
    return abort("a Return of results that were to stay with the peer");
  }
  releaseParams(question, envelope);
  if (!pipeline) {
    --canceled;
    questions.erase(QuestionId{envelope.id});
    return;
  }
  --owed_returns;
  question.returned = true;
  pipeline->returned = true;
  // What the results hold is known to the peer alone: the question serves for every path.
  for (size_t i = 0; i < pipeline->paths().size(); ++i) {
    PathNode& node = *pipeline->paths()[i];
    if (!node.settled()) core_.settle(node, Ref());
  }
}

void Connection::releaseParams(Question& question, const wire::Envelope& envelope) {
  if (!envelope.release_param_caps) return;
  const auto released = question.param_exports.take();
  for (ExportId named : released) releaseExport(named, 1);
}

std::optional<wire::Exception> Connection::refuseResults(const wire::InMessage& message,
                                                         const wire::Envelope& envelope) {
  if (envelope.descriptors.size() > limits_.capabilities) {
    return overloaded("the results hold more capabilities than one message may");
  }
  if (imports.size() > limits_.imports) {
    return overloaded("too many capabilities of that peer are held already");
  }
  Status content = wire::checkContent(message, envelope.payload);
  if (!content.ok()) return exceptionFrom(content);
  return std::nullopt;
}

void Connection::onResults(Question& question, Pipeline& pipeline, wire::InMessage&& message,
                           const wire::Envelope& envelope) {
  pipeline.capabilities.clear();
  pipeline.bounces.clear();
  for (const wire::Descriptor& descriptor : envelope.descriptors) {
    Place bounce;
    Ref ref = read(descriptor, envelope, bounce);
    if (!bounce) bounce = Core::movedOn(*ref.get());
    pipeline.capabilities.push_back(std::move(ref));
    pipeline.bounces.push_back(std::move(bounce));
  }
  // Now that the results, which may name one of them as receiverHosted, are read (R-RC4), and
  // before anything that they settle is told to the peer.
  releaseParams(question, envelope);
  // With capabilities the hint contradicts itself and is ignored (R-Q2).
  if (envelope.no_finish_needed && envelope.descriptors.empty()) {
    questions.erase(pipeline.question);
    pipeline.connection = nullptr;
  }
  if (auto why = refuseResults(message, envelope)) {
    pipeline.capabilities.clear();
    if (std::exchange(pipeline.connection, nullptr)) finish(pipeline.question, pipeline);
    core_.breakPipeline(pipeline, core_.broken(*why));
    return;
  }
  wire::scrub(message, envelope);
  wire::Payload payload = envelope.payload;
  core_.resolveWithin(pipeline, message, payload);
  core_.deliverResults(pipeline, std::move(message), payload, Core::Age::kNew);
}

// `pipeline` is null when our question was canceled; the peer still waits for the closing Return
// (R-T2).
void Connection::onTaken(Pipeline* pipeline, AnswerId taken) {
  Answer& answer = *answers.find(taken);
  answer.taken = true;
  Held<Pipeline> from = answer.pipeline;
  from->last().sink = nullptr;
  returnElsewhere(taken);
  if (pipeline) core_.take(*pipeline, *from);
}

}  // namespace vatmesh::captp
