// SPDX-License-Identifier: Apache-2.0
#include "rpc/vat/objects.h"

namespace vatmesh::vat {

Responder::~Responder() {
  if (op_.value != 0) fail(Status(Code::kFailed, "the object dropped the call"));
}

void Responder::complete(Result<Completion> result) {
  const OpId op = std::exchange(op_, {});
  VATMESH_CHECK(op.value != 0);
  if (auto objects = objects_.lock()) (*objects)->complete(op, std::move(result));
}

void Responder::onCancel(std::function<void()> then) {
  auto objects = objects_.lock();
  if (!objects) return;
  auto running = (*objects)->running_.find(op_);
  if (running != (*objects)->running_.end()) running->second = std::move(then);
}

PendingCall::~PendingCall() {
  if (id_.value == 0) return;
  if (auto objects = objects_.lock()) (*objects)->cancel(id_);
}

Capability PendingCall::pipelined(std::span<const uint16_t> path) const {
  auto objects = objects_.lock();
  return objects ? (*objects)->vat_.pipelined(id_, path) : Capability();
}

CallId PendingCall::handOver() {
  if (auto objects = objects_.lock()) (*objects)->calls_.erase(id_);
  return std::exchange(id_, {});
}

Objects::~Objects() {
  // What these hold may still answer and cancel.
  std::exchange(objects_, {}).clear();
  std::exchange(gates_, {}).clear();
  std::exchange(running_, {}).clear();
  for (const auto& [id, then] : calls_) vat_.cancel(id, turns_.next());
  std::exchange(calls_, {}).clear();
  for (const auto& [id, save] : saves_) vat_.cancel(id, turns_.next());
  std::exchange(saves_, {}).clear();
  self_.reset();
}

Capability Objects::add(std::unique_ptr<LocalObject> object) {
  NewObject made = vat_.newObject();
  objects_.emplace(made.id, std::move(object));
  return std::move(made.capability);
}

PendingCall Objects::call(const Capability& target, Request request, Then then) {
  const CallId id = vat_.call(target, std::move(request), turns_.next());
  calls_.emplace(id, std::move(then));
  return PendingCall(self_, id);
}

PendingCall Objects::bootstrap(LinkId link, std::string_view object_id, Then then) {
  const CallId id = vat_.bootstrap(link, object_id, turns_.next());
  calls_.emplace(id, std::move(then));
  return PendingCall(self_, id);
}

std::pair<Responder, Capability> Objects::promise() {
  NewPromise made = vat_.newPromise();
  running_.emplace(made.op, nullptr);
  return {Responder(self_, made.op), std::move(made.capability)};
}

NewObject Objects::gate(const Capability& inner, std::function<void()> gone) {
  NewObject made = vat_.newGate(inner);
  gates_.emplace(made.id, std::move(gone));
  return made;
}

ObjectId Objects::completeGated(OpId op, const BootstrapOf& found, std::function<void()> gone) {
  const ObjectId id = vat_.completeGated(op, found, turns_.next());
  gates_.emplace(id, std::move(gone));
  return id;
}

void Objects::cut(ObjectId gate, const Status& why) {
  vat_.cut(gate, why, turns_.next());
}

bool Objects::apply(captp::Effect& effect) {
  if (auto* invoke = std::get_if<captp::Invoke>(&effect)) {
    apply(*invoke);
  } else if (auto* saving = std::get_if<captp::Saving>(&effect)) {
    apply(*saving);
  } else if (auto* returned = std::get_if<captp::Returned>(&effect)) {
    apply(*returned);
  } else if (auto* unused = std::get_if<captp::Unused>(&effect)) {
    // Destroyed outside of the map, since its end may lead to anything.
    auto gone = objects_.extract(unused->object);
    auto gate = gates_.extract(unused->object);
    if (gate && gate.mapped()) gate.mapped()();
  } else if (auto* cancel = std::get_if<captp::Cancel>(&effect)) {
    auto canceled = running_.extract(cancel->op);
    if (!canceled) return false;
    if (canceled.mapped()) canceled.mapped()();
  } else {
    return false;
  }
  vat_.settle(turns_.next());
  return true;
}

void Objects::apply(captp::Invoke& invoke) {
  running_.emplace(invoke.op, nullptr);
  Responder responder(self_, invoke.op);
  auto object = objects_.find(invoke.call->object);
  if (object == objects_.end()) {
    responder.fail(Status(Code::kUnimplemented, "nothing implements this object"));
    return;
  }
  object->second->call({invoke.call->interface_id, invoke.call->method_id, invoke.call->params},
                       std::move(responder));
  invoke.call.reset();
}

void Objects::apply(captp::Saving& saving) {
  const CallId call = saving.call;
  running_.emplace(saving.op, [this, call] { cancel(call); });
  saves_.emplace(call, Save{Responder(self_, saving.op), std::move(saving.asked)});
}

void Objects::apply(captp::Returned& returned) {
  if (auto save = saves_.extract(returned.call)) {
    auto& [responder, asked] = save.mapped();
    responder.onCancel(nullptr);
    VATMESH_CHECK(saver_);
    saver_({asked->from, asked->gate, returned.host, std::move(asked->params),
            std::move(*returned.outcome)},
           std::move(responder));
  }
  auto call = calls_.extract(returned.call);
  if (call && call.mapped()) call.mapped()(std::move(*returned.outcome));
  returned.outcome.reset();
  vat_.cancel(returned.call, turns_.next());
}

void Objects::complete(OpId op, Result<Completion> result) {
  running_.erase(op);
  vat_.complete(op, std::move(result), turns_.next());
}

void Objects::cancel(CallId call) {
  calls_.erase(call);
  saves_.erase(call);
  vat_.cancel(call, turns_.next());
}

}  // namespace vatmesh::vat
