// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/local.h"

#include <utility>

#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"
#include "rpc/wire/forward.h"
#include "rpc/wire/root.h"

namespace vatmesh::captp {
namespace {

Capability capabilityOf(Node* node) {
  return node->kind() == NodeKind::kNull ? Capability() : Capability(node);
}

Status statusOf(const wire::Exception& why) {
  return Status(codeFromWireType(why.type), why.reason);
}

// An empty message stands for a null root.
void complete(wire::InMessage& message, wire::BufferPool& pool) {
  if (message.empty() || message.segment(0).empty()) message = wire::messageOf({}, pool);
}

}  // namespace

void LocalNode::onUnused() {
  core_.locals.remove(id_);
  delete this;
}

Ref Locals::ref(const Capability& capability) const {
  return Ref(capability ? capability.node() : &core_.null());
}

// --- objects and gates

LocalNode& Locals::newObject() {
  ObjectId id{next_object_++};
  auto* node = new LocalNode(core_, id);
  objects_[id] = node;
  return *node;
}

GateNode& Locals::newGate(Ref inner) {
  ObjectId id{next_object_++};
  auto* node = new GateNode(core_, id, std::move(inner));
  objects_[id] = node;
  return *node;
}

Node* Locals::find(ObjectId id) const {
  auto it = objects_.find(id);
  return it == objects_.end() ? nullptr : it->second;
}

void Locals::remove(ObjectId id) {
  objects_.erase(id);
  core_.effects().push_back(Unused{id});
}

void Locals::replace(ObjectId id, Ref inner) {
  Node* node = find(id);
  if (!node || node->kind() != NodeKind::kGate) return;
  auto& gate = static_cast<GateNode&>(*node);
  if (gate.isCut()) return;
  // Through embargoes too, which end as what they hold back.
  for (Node* next = followThrough(inner.get()); next->kind() == NodeKind::kGate;) {
    if (next == &gate) {
      inner = core_.unusable(Core::Unusable::kItself);
      break;
    }
    next = followThrough(static_cast<GateNode&>(*next).held());
  }
  gate.set(std::move(inner));
}

void Locals::cut(ObjectId id, Ref why) {
  Node* node = find(id);
  if (!node || node->kind() != NodeKind::kGate) return;
  auto& gate = static_cast<GateNode&>(*node);
  if (!gate.isCut()) gate.cut(std::move(why));
}

// --- what waits for an op

void Locals::invoke(PendingCall& pending, LocalNode& object) {
  pending.result->callee = Ref(&object);
  auto call = std::make_unique<LocalCall>();
  call->object = object.id();
  call->interface_id = pending.interface_id;
  call->method_id = pending.method_id;
  call->params = takeParams(pending, sizeof(LocalCall));
  core_.effects().push_back(Invoke{core_.newOp(*pending.result), std::move(call)});
}

Content Locals::takeParams(PendingCall& pending, uint64_t more_bytes) {
  wire::makeRoot(pending.message, pending.payload);
  pending.message.compact(core_.buffers);
  const uint64_t held =
      pending.message.pinnedBytes() + pending.capabilities.size() * sizeof(Capability);
  pending.result->kept =
      Charge(core_.budget, pending.result->asker, Load::kWaiting, held + more_bytes);
  Content params{std::move(pending.message), {}};
  for (Ref& ref : pending.capabilities) params.capabilities.push_back(capabilityOf(ref.get()));
  return params;
}

bool Locals::setResults(Pipeline& pipeline, Content&& content) {
  complete(content.message, core_.buffers);
  const wire::Payload payload = wire::rootPayload(content.message);
  Status usable = wire::checkContent(content.message, payload);
  if (!usable.ok()) {
    core_.breakPipeline(pipeline, core_.broken(exceptionFrom(usable)));
    return false;
  }
  pipeline.capabilities.clear();
  for (const Capability& capability : content.capabilities) {
    pipeline.capabilities.push_back(ref(capability));
  }
  pipeline.bounces.assign(pipeline.capabilities.size(), {});
  core_.resolveWithin(pipeline, content.message, payload);
  pipeline.local = true;
  pipeline.returned = true;
  core_.retain(pipeline, std::move(content.message), payload);
  core_.leadPaths(pipeline);
  // Before anybody is told, so that a peer's Disembargo stays behind its calls.
  core_.flush(pipeline);
  return true;
}

void Locals::answer(Pipeline& pipeline, Content&& content) {
  if (!setResults(pipeline, std::move(content))) return;
  const wire::Payload payload = pipeline.retained_payload;
  core_.deliverResults(pipeline, std::exchange(pipeline.retained, {}), payload, Core::Age::kNew);
}

void Locals::provide(Pipeline& pipeline, Ref to, CallId awaited) {
  auto it = calls_.find(awaited);
  Call* call = it != calls_.end() && !it->second.awaiting ? &it->second : nullptr;
  Node* now = behindGates(to.get());
  if (now->kind() == NodeKind::kBroken) {
    core_.breakPipeline(pipeline, Ref(now));
    if (call) close(awaited);
    return;
  }
  Content content{wire::capabilityMessage(core_.buffers), {}};
  content.capabilities.push_back(capabilityOf(to.get()));
  if (!call || call->pipeline->last().caller != awaited) {
    answer(pipeline, std::move(content));
    if (call) close(awaited);
    return;
  }
  call->awaiting = &pipeline;
  pipeline.awaits = awaited;
  if (setResults(pipeline, std::move(content))) core_.resolvePaths(pipeline);
}

// --- calls made here

Locals::Call& Locals::open(CallId& id) {
  id = CallId{next_call_++};
  Call& call = calls_[id];
  call.pipeline = core_.newPipeline();
  call.pipeline->caller = id;
  ++call.pipeline->answers;
  return call;
}

Pipeline* Locals::close(CallId id) {
  auto it = calls_.find(id);
  VATMESH_CHECK(it != calls_.end());
  Call call = std::move(it->second);
  calls_.erase(it);
  call.pipeline->last().caller = {};
  core_.leave(*call.pipeline);
  if (call.awaiting) call.awaiting->awaits = {};
  return call.awaiting;
}

CallId Locals::call(Node& target, uint64_t interface_id, uint16_t method_id, Content&& params) {
  CallId id;
  Held<Pipeline> result = open(id).pipeline;
  complete(params.message, core_.buffers);
  PendingCall& pending = core_.call;
  pending.payload = wire::rootPayload(params.message);
  Status usable = wire::checkContent(params.message, pending.payload);
  if (!usable.ok()) {
    core_.breakPipeline(*result, core_.broken(exceptionFrom(usable)));
  } else {
    pending.result = std::move(result);
    pending.message = std::move(params.message);
    pending.interface_id = interface_id;
    pending.method_id = method_id;
    pending.no_promise_pipelining = false;
    for (const Capability& capability : params.capabilities) {
      pending.capabilities.push_back(ref(capability));
    }
    core_.dispatch(pending, *follow(&target));
  }
  pending.clear();
  return id;
}

CallId Locals::bootstrap(Connection* link, std::string_view object_id) {
  CallId id;
  Pipeline& result = *open(id).pipeline;
  if (link) {
    core_.askBootstrap(result, *link, object_id);
  } else {
    core_.breakPipeline(result, core_.broken(disconnected("the link was lost")));
  }
  return id;
}

Ref Locals::pipelined(CallId id, std::span<const uint16_t> path) {
  auto it = calls_.find(id);
  if (it == calls_.end()) return core_.broken(failed("pipelined on a call that is not open"));
  PathNode* node = it->second.pipeline->pathNode(path);
  return node ? Ref(node) : core_.unusable(Core::Unusable::kPaths);
}

void Locals::cancel(CallId id) {
  if (!calls_.contains(id)) return;
  if (Pipeline* awaiting = close(id)) {
    core_.breakPipeline(*awaiting, core_.broken(failed("the restore was canceled")));
  }
}

void Locals::abandon(CallId id) {
  calls_.at(id).awaiting = nullptr;
  cancel(id);
}

void Locals::cancelAll() {
  while (!calls_.empty()) cancel(calls_.begin()->first);
}

void Locals::deliver(Pipeline& pipeline, bool fresh) {
  const CallId id = std::exchange(pipeline.caller, {});
  Call& call = calls_.at(id);
  wire::InMessage message = std::exchange(pipeline.retained, {});
  const wire::Payload payload = pipeline.retained_payload;
  if (call.awaiting) {
    core_.retain(pipeline, std::move(message), payload);
    core_.returnSoon(*call.awaiting);
    close(id);
    return;
  }
  Content content;
  content.message = wire::copyOf(message, core_.buffers);
  wire::makeRoot(content.message, payload);
  core_.retain(pipeline, std::move(message), payload);  // for fields that are asked for later
  core_.chooseCapabilities(*call.pipeline, pipeline, fresh ? Core::Age::kNew : Core::Age::kOld);
  for (const auto& out : core_.out_capabilities) {
    content.capabilities.push_back(capabilityOf(out.node));
  }
  core_.forgetTold();
  core_.effects().push_back(
      Returned{id, std::make_unique<Result<Content>>(std::move(content)), hostOf(call)});
}

void Locals::fail(Pipeline& pipeline, const Ref& why) {
  const CallId id = std::exchange(pipeline.caller, {});
  Call& call = calls_.at(id);
  if (call.awaiting) return core_.breakPipeline(*close(id), why);
  core_.effects().push_back(Returned{
      id, std::make_unique<Result<Content>>(statusOf(whyBroken(*why.get()))), hostOf(call)});
}

}  // namespace vatmesh::captp
