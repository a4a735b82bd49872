// SPDX-License-Identifier: Apache-2.0
//
// The part of the API that serves those inside the vat: objects, gates, calls made here.
#include <utility>

#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"
#include "rpc/vat/journal.h"
#include "rpc/vat/turn.h"
#include "rpc/vat/vat.h"

namespace vatmesh::vat {

NewObject Vat::newObject() {
  if (journal_) journal_->stop();
  captp::LocalNode& node = core_->locals.newObject();
  return {node.id(), Capability(&node)};
}

NewObject Vat::newGate(const Capability& inner) {
  if (journal_) journal_->stop();
  captp::GateNode& node = core_->locals.newGate(core_->locals.ref(inner));
  return {node.id(), Capability(&node)};
}

void Vat::cut(ObjectId gate, const Status& why, Effects& out) {
  Turn turn(*core_, out);
  core_->locals.cut(gate, core_->broken(captp::exceptionFrom(why)));
}

void Vat::replace(ObjectId gate, const Capability& inner, Effects& out) {
  Turn turn(*core_, out);
  core_->locals.replace(gate, core_->locals.ref(inner));
}

Capability Vat::reference(ObjectId object) {
  captp::Node* node = core_->locals.find(object);
  return node ? Capability(node) : Capability();
}

bool Vat::isBroken(const Capability& capability) const {
  return capability && captp::behindGates(capability.node())->kind() == captp::NodeKind::kBroken;
}

NewPromise Vat::newPromise() {
  if (journal_) journal_->stop();
  captp::Held<captp::Pipeline> pipeline = core_->newPipeline();
  OpId op = core_->newOp(*pipeline);
  return {op, Capability(pipeline->pathNode({}))};
}

ObjectId Vat::completeGated(OpId op, const BootstrapOf& found, Effects& out) {
  const CallId asked = bootstrap(found.link, found.object_id, out);
  NewObject gate = newGate(pipelined(asked, {}));
  complete(op, Restored{std::move(gate.capability), asked}, out);
  return gate.id;
}

CallId Vat::call(const Capability& target, Request request, Effects& out) {
  if (journal_) journal_->stop();
  Turn turn(*core_, out);
  const captp::Ref to = core_->locals.ref(target);
  Content params = std::move(request.params);  // dropped within the turn
  return core_->locals.call(*to.get(), request.interface_id, request.method_id, std::move(params));
}

CallId Vat::bootstrap(LinkId link, std::string_view object_id, Effects& out) {
  if (journal_) journal_->stop();
  Turn turn(*core_, out);
  return core_->locals.bootstrap(core_->find(link), object_id);
}

Capability Vat::pipelined(CallId call, std::span<const uint16_t> path) {
  const captp::Ref field = core_->locals.pipelined(call, path);
  return Capability(field.get());
}

void Vat::cancel(CallId call, Effects& out) {
  if (journal_) journal_->stop();
  Turn turn(*core_, out);
  core_->locals.cancel(call);
}

void Vat::settle(Effects& out) {
  if (!core_->hasDrops()) return;
  Turn turn(*core_, out);
}

wire::BufferPool& Vat::bufferPool() {
  return core_->buffers;
}

}  // namespace vatmesh::vat
