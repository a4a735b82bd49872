// SPDX-License-Identifier: Apache-2.0
//
// The answer table: what the peer asks, and our Returns.
#include "rpc/captp/answer.h"

#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"
#include "rpc/wire/build.h"
#include "rpc/wire/forward.h"

namespace vatmesh::captp {
namespace {

CallOutcome outcomeOf(const wire::Exception& why) {
  switch (codeFromWireType(why.type)) {
    case Code::kOverloaded:
      return CallOutcome::kOverloaded;
    case Code::kDisconnected:
      return CallOutcome::kDisconnected;
    case Code::kUnimplemented:
      return CallOutcome::kUnimplemented;
    default:
      return CallOutcome::kFailed;
  }
}

}  // namespace

void Connection::countOutcome(const Answer& answer, CallOutcome outcome) {
  if (!answer.is_call) return;
  auto kind = static_cast<size_t>(kind_);
  ++core_.counters.calls[kind][static_cast<size_t>(outcome)];
  double seconds = std::chrono::duration<double>(core_.now - answer.started).count();
  size_t bucket = 0;
  while (bucket < Counters::kDurationBounds.size() && seconds > Counters::kDurationBounds[bucket]) {
    ++bucket;
  }
  ++core_.counters.call_durations[kind][bucket];
  core_.counters.call_duration_sums[kind] += seconds;
}

Answer* Connection::newAnswer(AnswerId id) {
  if (answers.find(id)) {
    abort("a question id that is still in use");
    return nullptr;
  }
  // Single calls above the limit are refused; a flood of them is abuse.
  if (answers.size() >= 2ull * limits_.answers) {
    abort("too many open questions");
    return nullptr;
  }
  Answer& answer = answers.add(id);
  answer.started = core_.now;
  return &answer;
}

void Connection::handleBootstrap(const wire::Envelope& envelope) {
  AnswerId id{envelope.id};
  Answer* answer = newAnswer(id);
  if (!answer) return;
  core_.attach(*answer, *this, id, core_.newPipeline());
  Pipeline& pipeline = *answer->pipeline;
  if (!envelope.object_id_readable) {
    core_.breakPipeline(pipeline, core_.broken(failed("the object id is neither Text nor Data")));
  } else if (answers.size() > limits_.answers) {
    core_.breakPipeline(pipeline, core_.broken(overloaded("too many open questions")));
  } else if (auto full = core_.flow.refuse(*this, envelope.object_id.size())) {
    core_.breakPipeline(pipeline, core_.broken(*full));
  } else {
    core_.startRestore(*this, pipeline, envelope.object_id);
  }
}

Node* Connection::findTarget(const wire::Envelope& envelope, wire::Exception& why) {
  const wire::Target& target = envelope.target;
  if (target.kind == wire::Target::Kind::kImportedCap) {
    Export* entry = exports.find(ExportId{target.id});
    return entry ? entry->cell->node() : nullptr;
  }
  if (target.kind == wire::Target::Kind::kUnknown) {
    why = unimplemented("a call target of a kind that we don't know");
    return nullptr;
  }
  Answer* answer = answers.find(AnswerId{target.id});
  if (!answer || !answer->pipeline || AnswerId{envelope.id} == AnswerId{target.id}) {
    why = failed("pipelined on a question that is not open");
    return nullptr;
  }
  if (!target.path.ok) {
    why = failed("a path that can't be followed");
    return nullptr;
  }
  PathNode* node = answer->pipeline->pathNode(envelope.path(target.path));
  if (!node) why = overloaded("too many paths are used");
  return node ? node->place() : nullptr;
}

std::optional<wire::Exception> Connection::refuseCall(const wire::InMessage& message,
                                                      const wire::Envelope& envelope) {
  if (envelope.send_results_unknown ||
      envelope.send_results_to == wire::SendResultsTo::kThirdParty) {
    return unimplemented("results can be sent to the caller or kept for it, nowhere else");
  }
  if (envelope.descriptors.size() > limits_.capabilities) {
    return overloaded("the call holds more capabilities than one message may");
  }
  if (answers.size() > limits_.answers) return overloaded("too many open questions");
  if (imports.size() > limits_.imports) return overloaded("too many capabilities are held already");
  if (auto full = core_.flow.refuse(*this, message.compactedBytes())) return full;
  Status content = wire::checkContent(message, envelope.payload);
  if (!content.ok()) return exceptionFrom(content);
  return std::nullopt;
}

void Connection::handleCall(wire::InMessage&& message, const wire::Envelope& envelope) {
  AnswerId id{envelope.id};
  Answer* answer = newAnswer(id);
  if (!answer) return;
  answer->is_call = true;
  answer->wants_return = !envelope.only_promise_pipeline;
  answer->redirected =
      !envelope.send_results_unknown && envelope.send_results_to == wire::SendResultsTo::kYourself;
  core_.attach(*answer, *this, id, core_.newPipeline());

  wire::Exception why;
  Node* target = findTarget(envelope, why);
  if (!target && why.reason.empty()) return abort("a call to an export that does not exist");
  Pin pin(target);

  PendingCall& call = core_.call;
  call.result = answer->pipeline;
  for (const wire::Descriptor& descriptor : envelope.descriptors) {
    Place bounce;
    call.capabilities.push_back(read(descriptor, envelope, bounce));
  }
  if (auto refused = refuseCall(message, envelope)) {
    core_.breakPipeline(*answer->pipeline, core_.broken(*refused));
  } else if (!target) {
    core_.breakPipeline(*answer->pipeline, core_.broken(why));
  } else {
    wire::scrub(message, envelope);
    call.message = std::move(message);
    call.payload = envelope.payload;
    call.interface_id = envelope.interface_id;
    call.method_id = envelope.method_id;
    call.no_promise_pipelining = envelope.no_promise_pipelining;
    core_.dispatch(call, *target);
  }
  call.clear();
}

void Connection::returnException(AnswerId id, const wire::Exception& why) {
  Answer* answer = answers.find(id);
  VATMESH_CHECK(answer && !answer->returned);
  answer->returned = true;
  countOutcome(*answer, outcomeOf(why));
  if (!answer->wants_return) return;
  send(wire::buildReturnException(core_.frames, id.value, why.type, why.reason, why.trace),
       wire::MessageKind::kReturn);
}

void Connection::returnElsewhere(AnswerId id) {
  Answer* answer = answers.find(id);
  answer->returned = true;
  countOutcome(*answer, CallOutcome::kOk);
  if (!answer->wants_return) return;
  send(wire::buildReturnElsewhere(core_.frames, id.value), wire::MessageKind::kReturn);
}

void Connection::returnTakeFrom(AnswerId id, QuestionId from) {
  Answer* answer = answers.find(id);
  answer->returned = true;
  countOutcome(*answer, CallOutcome::kOk);
  send(wire::buildReturnTakeFrom(core_.frames, id.value, from.value), wire::MessageKind::kReturn);
}

void Connection::returnResults(AnswerId id, std::span<const OutCapability> out,
                               Pipeline& pipeline) {
  Answer& answer = *answers.find(id);
  Status room = checkRoom(out, pipeline.retained, {});
  if (!room.ok()) {
    Ref why = core_.broken(exceptionFrom(room));
    // The question goes on, but the caller gets this exception for all that it addresses to it.
    for (const auto& path : answer.pipeline->paths()) core_.lead(*path, *why.get());
    pipeline.sink = this;     // for the exception
    pipeline.broken.reset();  // by the loss of the link that the results came from
    core_.breakPipeline(pipeline, std::move(why));
    return;
  }
  answer.returned = true;
  countOutcome(answer, CallOutcome::kOk);
  if (!answer.wants_return) {
    // The caller is told nothing; what it uses later is looked up.
    bool moves = &pipeline != answer.pipeline.get() || pipeline.local;
    for (const Place& bounce : pipeline.bounces) moves |= static_cast<bool>(bounce);
    if (moves) {
      core_.retain(pipeline, std::exchange(pipeline.retained, {}), pipeline.retained_payload);
    } else {
      core_.forgetContent(pipeline);
    }
    return;
  }
  auto& descriptors = core_.out_descriptors;
  descriptors.clear();
  bool holds_any = false;
  for (const OutCapability& capability : out) {
    descriptors.push_back(describe(capability, &answer.result_exports));
    holds_any |= descriptors.back().kind != wire::DescriptorKind::kNone;
  }
  setPlaces(*answer.pipeline, pipeline, out, descriptors);
  wire::FrameRef frame =
      wire::forwardReturn(core_.frames, std::exchange(pipeline.retained, {}),
                          pipeline.retained_payload, {id.value, !holds_any}, descriptors);
  if (!holds_any) {
    // Nothing can be pipelined on it, so a peer that knows the hint sends no Finish, and the Finish
    // of one that doesn't is ignored (R-A3).
    send(std::move(frame), wire::MessageKind::kReturn);
    core_.detach(answer);
    answers.erase(id);
    return;
  }
  if (answer.pipeline->told.empty()) {
    core_.forgetContent(pipeline);
  } else {
    core_.keepImage(pipeline, frame);
  }
  send(std::move(frame), wire::MessageKind::kReturn);
  resolveBroken(id_);
}

// Where nothing but settled objects of the callee's came, the question serves for every path, and
// nothing of the results is kept.
void Connection::setPlaces(Pipeline& root, const Pipeline& results,
                           std::span<const OutCapability> out,
                           std::span<const wire::OutDescriptor> descriptors) {
  bool moves = &root != &results || results.local;
  for (size_t i = 0; i < out.size(); ++i) {
    moves |= results.bounces[i] || descriptors[i].kind == wire::DescriptorKind::kSenderPromise;
  }
  if (!moves) return;
  root.told.resize(out.size());
  for (size_t i = 0; i < out.size(); ++i) {
    switch (descriptors[i].kind) {
      case wire::DescriptorKind::kSenderHosted:
      case wire::DescriptorKind::kSenderPromise:
        root.told[i] = exports.find(ExportId{descriptors[i].id})->cell;
        break;
      case wire::DescriptorKind::kReceiverHosted:
      case wire::DescriptorKind::kReceiverAnswer:
        root.told[i] = core_.newCell();
        root.told[i]->set(withoutGate(follow(out[i].node)), Cell::Told::kTheirs);
        break;
      default:
        break;
    }
  }
  for (const auto& path : root.paths()) {
    auto index = Core::indexAt(results, path->path());
    if (!index || !root.told[*index] || root.told[*index]->node() == path.get()) continue;
    Held<Cell>& told = root.told[*index];
    PromiseNode* way = asPromise(*path->place());
    if (told->told() != Cell::Told::kTheirs || !way || !way->used) {
      path->cell = told;
    } else if (path->cell) {
      path->cell->set(way, Cell::Told::kTheirs);
    } else {
      path->told_theirs = true;
    }
  }
}

void Connection::handleFinish(const wire::Envelope& envelope) {
  AnswerId id{envelope.id};
  Answer* answer = answers.find(id);
  // Late, after a Return that needed none; old peers send it all the same (1.5).
  if (!answer) return;
  if (!answer->returned) {
    answer->pipeline->early_cancellation_workaround = envelope.early_cancellation_workaround;
    answer->pipeline->deliver_canceled = envelope.early_cancellation_workaround;
    countOutcome(*answer, CallOutcome::kCanceled);
    if (answer->wants_return) {
      send(wire::buildReturnCanceled(core_.frames, id.value), wire::MessageKind::kReturn);
    }
  }
  core_.detach(*answer);
  std::vector<ExportId> released;
  if (envelope.release_result_caps) released = answer->result_exports.take();
  answers.erase(id);
  for (ExportId named : released) releaseExport(named, 1);
}

}  // namespace vatmesh::captp
