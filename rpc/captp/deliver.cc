// SPDX-License-Identifier: Apache-2.0
//
// Calls on their way out, results on their way back.
#include <algorithm>
#include <utility>

#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"
#include "rpc/captp/planted.h"
#include "rpc/wire/forward.h"
#include "rpc/wire/image.h"

namespace vatmesh::captp {
namespace {

// Recycled pipelines beyond this are freed.
constexpr size_t kMaxIdlePipelines = 4096;

// What a call makes us hold while it waits.
uint64_t waitingBytes(const PendingCall& call) {
  return call.message.pinnedBytes() + call.capabilities.size() * sizeof(Ref) + sizeof(Waiting) +
         sizeof(Pipeline);
}

// What results make us hold while they are kept, besides their content.
uint64_t keptBytes(const Pipeline& pipeline) {
  constexpr uint64_t kPerCapability =
      sizeof(Ref) + sizeof(Place) + sizeof(Held<Cell>) + sizeof(Cell);
  return pipeline.capabilities.size() * kPerCapability;
}

}  // namespace

Held<Pipeline> Core::newPipeline() {
  if (idle_pipelines_.empty()) return Held<Pipeline>(new Pipeline(*this));
  Pipeline* pipeline = idle_pipelines_.back();
  idle_pipelines_.pop_back();
  return Held<Pipeline>(pipeline);
}

void Core::recycle(Pipeline& pipeline) {
  pipeline.recycle();
  if (idle_pipelines_.size() < kMaxIdlePipelines) {
    idle_pipelines_.push_back(&pipeline);
  } else {
    delete &pipeline;
  }
}

void Core::attach(Answer& answer, Connection& sink, AnswerId id, Held<Pipeline> pipeline) {
  pipeline->sink = &sink;
  pipeline->sink_answer = id;
  pipeline->asker = sink.id();
  pipeline->sink_redirected = answer.redirected;
  ++pipeline->answers;
  answer.pipeline = std::move(pipeline);
}

void Core::detach(Answer& answer) {
  Pipeline& last = answer.pipeline->last();
  if (!answer.returned && last.sink && last.sink->answers.find(last.sink_answer) == &answer) {
    last.sink = nullptr;
  }
  leave(*answer.pipeline);
}

void Core::leave(Pipeline& pipeline) {
  for (Pipeline* p = &pipeline; p; p = p->next.get()) {
    if (--p->answers > 0) continue;
    forgetContent(*p);
    for (const auto& path : p->paths()) path->cell.reset();
    drop(*p);
  }
}

void Core::forgetContent(Pipeline& pipeline) {
  if (!planted("retained")) pipeline.kept.reset();
  pipeline.capabilities.clear();
  pipeline.bounces.clear();
  pipeline.told.clear();
  pipeline.image = {};
  pipeline.retained = {};
}

void Core::retain(Pipeline& pipeline, wire::InMessage&& message, const wire::Payload& payload) {
  message.compact(buffers);
  pipeline.kept =
      Charge(budget, pipeline.asker, Load::kResults, message.pinnedBytes() + keptBytes(pipeline));
  pipeline.retained = std::move(message);
  pipeline.retained_payload = payload;
}

void Core::keepImage(Pipeline& pipeline, const wire::FrameRef& frame) {
  frame->compact(buffers);
  pipeline.kept =
      Charge(budget, pipeline.asker, Load::kResults, frame->pinnedBytes() + keptBytes(pipeline));
  pipeline.image = frame;
}

void Core::dispatch(PendingCall& pending, Node& pin) {
  Route way = route(pin);
  if (pending.gate.value == 0) pending.gate = way.gate;
  switch (way.kind) {
    case Route::Kind::kLink:
      if (way.connection->gateway && locals.isSave(pending, way)) return locals.save(pending, way);
      return sendAlong(pending, way);
    case Route::Kind::kQueue:
      return wait(*way.queue, pending, way.path);
    case Route::Kind::kLocal:
      return locals.invoke(pending, *way.local);
    case Route::Kind::kBroken:
      breakPipeline(*pending.result, broken(*way.why));
      return;
  }
}

void Core::sendAlong(PendingCall& pending, const Route& way) {
  Status status = way.connection->sendCall(pending, way.target);
  if (!status.ok()) return breakPipeline(*pending.result, broken(exceptionFrom(status)));
  way.promise->used = true;
  if (!pending.result->queue.empty()) flushes_.push_back(pending.result);
}

void Core::wait(WaitQueue& queue, PendingCall& pending, PathNode* path) {
  static const Limits kDefaults;
  const Connection* asker = find(pending.result->asker);
  const Limits& limits = asker ? asker->limits() : kDefaults;
  pending.message.compact(buffers);
  size_t bytes = pending.message.pinnedBytes();
  if (queue.calls >= limits.queued_messages || queue.bytes + bytes > limits.queued_bytes) {
    breakPipeline(*pending.result,
                  broken(overloaded("too many calls wait for this promise to resolve")));
    return;
  }
  queue.bytes += bytes;
  ++queue.calls;
  Charge charge(budget, pending.result->asker, Load::kWaiting, waitingBytes(pending));
  pending.result->queued_in = &queue;
  queue.items.push_back({Pin(path), std::move(pending), {}, std::move(charge)});
}

void Core::askBootstrap(Pipeline& pipeline, Connection& connection, std::string_view object_id) {
  connection.sendBootstrap(pipeline, object_id);
  if (!pipeline.queue.empty()) flushes_.push_back(Held<Pipeline>(&pipeline));
}

std::deque<Waiting> Core::takeQueue(WaitQueue& queue) {
  auto items = std::exchange(queue.items, {});
  for (Waiting& waiting : items) {
    waiting.charge.reset();
    if (waiting.call.result) waiting.call.result->queued_in = nullptr;
  }
  queue.bytes = 0;
  queue.calls = 0;
  return items;
}

void Core::leaveQueue(Pipeline& result) {
  WaitQueue* queue = std::exchange(result.queued_in, nullptr);
  if (!queue) return;
  auto it = std::ranges::find_if(
      queue->items, [&](const Waiting& waiting) { return waiting.call.result.get() == &result; });
  queue->bytes -= it->call.message.pinnedBytes();
  --queue->calls;
  queue->items.erase(it);
}

bool Core::isWanted(const PendingCall& call) {
  return call.result->handles() > 1 || call.result->deliver_canceled;
}

void Core::flush(Pipeline& pipeline) {
  for (Waiting& waiting : takeQueue(pipeline.queue)) {
    if (!isWanted(waiting.call)) continue;
    dispatch(waiting.call, *static_cast<PathNode*>(waiting.path.get())->place());
  }
}

void Core::resolveWithin(Pipeline& pipeline, const wire::InMessage& message,
                         const wire::Payload& payload) {
  auto& capabilities = pipeline.capabilities;
  auto fieldNamed = [&](const Ref& ref) -> PathNode* {
    if (ref.get()->kind() != NodeKind::kPath) return nullptr;
    auto* node = static_cast<PathNode*>(ref.get());
    return &node->pipeline() == &pipeline ? node : nullptr;
  };
  std::vector<size_t> way;
  for (size_t i = 0; i < capabilities.size(); ++i) {
    way.clear();
    Ref end = capabilities[i];
    for (size_t at = i; PathNode* node = fieldNamed(end); end = capabilities[at]) {
      // As many steps as there are capabilities: more go round in a circle.
      if (way.size() == capabilities.size()) {
        end = unusable(Unusable::kItself);
        break;
      }
      way.push_back(at);
      auto index = wire::capabilityAt(message, payload, node->path());
      if (!index || *index >= capabilities.size()) {
        end = broken(failed("the results hold no capability there"));
        break;
      }
      at = *index;
    }
    // All of them, so that a way is walked once.
    for (size_t at : way) capabilities[at] = end;
    NodeKind kind = capabilities[i].get()->kind();
    if (kind == NodeKind::kNull || kind == NodeKind::kBroken) pipeline.bounces[i] = {};
  }
}

void Core::deliverResults(Pipeline& pipeline, wire::InMessage&& message,
                          const wire::Payload& payload, Age age) {
  pipeline.returned = true;
  pipeline.retained = std::move(message);
  pipeline.retained_payload = payload;
  if (!pipeline.capabilities.empty() || !pipeline.paths().empty()) resolvePaths(pipeline);
  if (pipeline.sink && !pipeline.sink_redirected) {
    Answer* answer = pipeline.sink->answers.find(pipeline.sink_answer);
    sendResults(*answer->pipeline, pipeline, age);
  } else if (pipeline.caller.value != 0) {
    locals.deliver(pipeline, age == Age::kNew);
  } else if (pipeline.answers > 0) {
    retain(pipeline, std::exchange(pipeline.retained, {}), payload);
  } else {
    forgetContent(pipeline);
  }
}

void Core::findUsedPaths(const Pipeline& root, const Pipeline& results) {
  used_paths_.clear();
  if (results.capabilities.empty()) return;
  for (const auto& path : root.paths()) {
    PromiseNode* way = asPromise(*path->place());
    if (!way || !way->used) continue;
    const auto index = indexAt(results, path->path());
    if (index) used_paths_.push_back({*index, static_cast<uint32_t>(used_paths_.size()), way});
  }
  std::ranges::sort(used_paths_, {},
                    [](const UsedPath& path) { return std::pair(path.index, path.order); });
}

void Core::chooseCapabilities(Pipeline& root, Pipeline& pipeline, Age age) {
  out_capabilities.clear();
  findUsedPaths(root, pipeline);
  std::span<const UsedPath> paths = used_paths_;
  for (uint32_t i = 0; i < pipeline.capabilities.size(); ++i) {
    size_t here = 0;
    while (here < paths.size() && paths[here].index == i) ++here;
    out_capabilities.push_back(toTell(pipeline, pipeline.capabilities[i], paths.first(here), age));
    paths = paths.subspan(here);
  }
}

void Core::sendResults(Pipeline& root, Pipeline& pipeline, Age age) {
  chooseCapabilities(root, pipeline, age);
  Connection& sink = *std::exchange(pipeline.sink, nullptr);
  sink.returnResults(pipeline.sink_answer, out_capabilities, pipeline);
  forgetTold();
}

// What the caller is to be told of one of the results. When it called along `paths`, which lead
// there, it must not overtake these calls: what is told holds its calls back until they arrived,
// unless it is the caller's own object, which the caller embargoes itself.
Connection::OutCapability Core::toTell(const Pipeline& pipeline, const Ref& held,
                                       std::span<const UsedPath> paths, Age age) {
  NodeKind kind = follow(held.get())->kind();
  if (kind == NodeKind::kNull || kind == NodeKind::kBroken) return {held.get(), false};
  Ref told;
  for (const UsedPath& path : paths) {
    PromiseNode* way = path.way;
    // They went the way that the caller is told of.
    if (way == follow(held.get())) continue;
    // One that was resolved just now is embargoed as it must be.
    auto* here = way->kind() == NodeKind::kPath ? static_cast<PathNode*>(way) : nullptr;
    const bool fresh = age == Age::kNew && here && &here->pipeline() == &pipeline;
    if (fresh && !told) {
      told = Ref(follow(way));
      continue;
    }
    if (fresh && told.get() == follow(way)) continue;
    Ref all = embargo(held);
    auto& node = static_cast<EmbargoNode&>(*all.get());
    if (told) flushAlong(node, *told.get());
    flushAlong(node, fresh ? *follow(way) : *way);
    told = std::move(all);
  }
  if (!told) return {held.get(), false};
  told_.push_back(told);
  return {told.get(), true};
}

void Core::breakPipeline(Pipeline& pipeline, Ref why) {
  failures_.push_back({Held<Pipeline>(&pipeline), std::move(why)});
}

void Core::fail(Pipeline& pipeline, Ref why) {
  if (pipeline.broken) return;
  pipeline.broken = why;
  forgetContent(pipeline);
  for (size_t i = 0; i < pipeline.paths().size(); ++i) {
    PathNode& node = *pipeline.paths()[i];
    if (!node.settled() && !planted("exception")) settle(node, why);
  }
  if (pipeline.op.value != 0) cancelOp(std::exchange(pipeline.op, {}));
  pipeline.callee.reset();
  leaveQueue(pipeline);
  for (Waiting& waiting : takeQueue(pipeline.queue)) breakPipeline(*waiting.call.result, why);
  if (pipeline.sink && !pipeline.sink_redirected) {
    Connection& sink = *std::exchange(pipeline.sink, nullptr);
    sink.returnException(pipeline.sink_answer, whyBroken(*why.get()));
  } else if (pipeline.caller.value != 0) {
    locals.fail(pipeline, why);
  }
}

}  // namespace vatmesh::captp
