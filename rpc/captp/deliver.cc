// SPDX-License-Identifier: Apache-2.0
//
// Calls on their way out, results on their way back.
#include <algorithm>

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
  for (Pipeline* p = answer.pipeline.get(); p; p = p->next.get()) {
    if (--p->answers > 0) continue;
    forgetContent(*p);
    drop(*p);
  }
}

void Core::forgetContent(Pipeline& pipeline) {
  if (!planted("retained")) setCharge(pipeline, 0);
  pipeline.capabilities.clear();
  pipeline.reflected.clear();
  pipeline.image = {};
  pipeline.retained = {};
}

void Core::retain(Pipeline& pipeline, wire::InMessage&& message, const wire::Payload& payload) {
  message.compact(buffers);
  setCharge(pipeline, message.pinnedBytes());
  pipeline.retained = std::move(message);
  pipeline.retained_payload = payload;
}

void Core::keepImage(Pipeline& pipeline, const wire::FrameRef& frame) {
  frame->compact(buffers);
  setCharge(pipeline, frame->pinnedBytes());
  pipeline.image = frame;
}

void Core::setCharge(Pipeline& pipeline, uint64_t bytes) {
  charged_bytes_ += bytes - pipeline.charged_bytes;
  pipeline.charged_bytes = bytes;
}

void Core::dispatch(PendingCall& pending, Node& pin) {
  Route way = route(pin);
  Status status;
  switch (way.kind) {
    case Route::Kind::kLink:
      status = way.connection->sendCall(pending, way.target);
      if (status.ok()) {
        if (way.path) way.path->used = true;
        if (!pending.result->queue.empty()) flushes_.push_back(pending.result);
        return;
      }
      breakPipeline(*pending.result, broken(exceptionFrom(status)));
      return;
    case Route::Kind::kQueue: {
      Pipeline& pipeline = way.path->pipeline();
      static const Limits kDefaults;
      const Limits& limits = pipeline.sink ? pipeline.sink->limits() : kDefaults;
      pending.message.compact(buffers);
      size_t bytes = pending.message.pinnedBytes();
      if (pipeline.queue.size() >= limits.queued_messages ||
          pipeline.queued_bytes + bytes > limits.queued_bytes) {
        breakPipeline(*pending.result,
                      broken(overloaded("too many calls wait for this promise to resolve")));
        return;
      }
      pipeline.queued_bytes += bytes;
      charge(static_cast<int64_t>(bytes));
      pending.result->queued_in = &pipeline;
      pipeline.queue.push_back({Pin(way.path), std::move(pending)});
      return;
    }
    case Route::Kind::kBroken:
      breakPipeline(*pending.result, broken(*way.why));
      return;
  }
}

void Core::askBootstrap(Pipeline& pipeline, Connection& connection, std::string_view object_id) {
  connection.sendBootstrap(pipeline, object_id);
  if (!pipeline.queue.empty()) flushes_.push_back(Held<Pipeline>(&pipeline));
}

std::vector<QueuedCall> Core::takeQueue(Pipeline& pipeline) {
  auto queue = std::exchange(pipeline.queue, {});
  for (QueuedCall& queued : queue) {
    charge(-static_cast<int64_t>(queued.call.message.pinnedBytes()));
    queued.call.result->queued_in = nullptr;
  }
  pipeline.queued_bytes = 0;
  return queue;
}

void Core::leaveQueue(Pipeline& result) {
  Pipeline* queue = std::exchange(result.queued_in, nullptr);
  if (!queue) return;
  auto it = std::ranges::find_if(
      queue->queue, [&](const QueuedCall& queued) { return queued.call.result.get() == &result; });
  size_t bytes = it->call.message.pinnedBytes();
  charge(-static_cast<int64_t>(bytes));
  queue->queued_bytes -= bytes;
  queue->queue.erase(it);
}

void Core::flush(Pipeline& pipeline) {
  for (QueuedCall& queued : takeQueue(pipeline)) {
    Pipeline& result = *queued.call.result;
    // Only the queue still holds it: the caller finished the call.
    if (result.handles() == 1 && !result.deliver_canceled) continue;
    dispatch(queued.call, *queued.path.get());
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
  for (size_t i = 0; i < capabilities.size(); ++i) {
    // As many steps as there are capabilities: more go round in a circle.
    for (size_t steps = 0; PathNode* node = fieldNamed(capabilities[i]); ++steps) {
      auto index = wire::capabilityAt(message, payload, node->path());
      if (!index || *index >= capabilities.size()) {
        capabilities[i] = broken(failed("the results hold no capability there"));
      } else if (steps > capabilities.size()) {
        capabilities[i] = unusable(Unusable::kItself);
      } else {
        capabilities[i] = capabilities[*index];
      }
    }
    NodeKind kind = capabilities[i].get()->kind();
    if (kind == NodeKind::kNull || kind == NodeKind::kBroken) pipeline.reflected[i] = false;
  }
}

void Core::deliverResults(Pipeline& pipeline, wire::InMessage&& message,
                          const wire::Payload& payload) {
  pipeline.returned = true;
  pipeline.retained = std::move(message);
  pipeline.retained_payload = payload;
  if (!pipeline.capabilities.empty() || !pipeline.paths().empty()) resolvePaths(pipeline);
  if (pipeline.sink && !pipeline.sink_redirected) {
    Answer* answer = pipeline.sink->answers.find(pipeline.sink_answer);
    sendResults(*answer->pipeline, pipeline, std::exchange(pipeline.retained, {}), payload);
  } else if (pipeline.answers > 0) {
    retain(pipeline, std::exchange(pipeline.retained, {}), payload);
  } else {
    forgetContent(pipeline);
  }
}

void Core::sendResults(Pipeline& root, Pipeline& pipeline, wire::InMessage&& message,
                       const wire::Payload& payload) {
  out_capabilities.clear();
  for (Ref& ref : pipeline.capabilities) out_capabilities.push_back({ref.get(), false});
  // A capability whose path was used is told as the cell of that path. The oldest question on the
  // way is the one that the caller's own calls took.
  for (Pipeline* p = &root; p && !out_capabilities.empty(); p = p->next.get()) {
    for (const auto& path : p->paths()) {
      if (!path->used || path->to()) continue;
      auto index = wire::capabilityAt(message, payload, path->path());
      if (!index || *index >= out_capabilities.size()) continue;
      if (out_capabilities[*index].proxied) continue;
      if (p != &pipeline || pipeline.reflected[*index])
        out_capabilities[*index] = {path.get(), true};
    }
  }
  Connection& sink = *std::exchange(pipeline.sink, nullptr);
  sink.returnResults(pipeline.sink_answer, std::move(message), payload, out_capabilities, pipeline);
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
  leaveQueue(pipeline);
  for (QueuedCall& queued : takeQueue(pipeline)) breakPipeline(*queued.call.result, why);
  if (pipeline.sink && !pipeline.sink_redirected) {
    Connection& sink = *std::exchange(pipeline.sink, nullptr);
    sink.returnException(pipeline.sink_answer, whyBroken(*why.get()));
  }
}

}  // namespace vatmesh::captp
