// SPDX-License-Identifier: Apache-2.0
//
// Capability descriptors to references and back (captp-engine 2.3).
#include <array>
#include <tuple>

#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"
#include "rpc/wire/build.h"

namespace vatmesh::captp {

Ref Core::unusable(Unusable why) {
  static const std::array<wire::Exception, kUnusables> kReasons = {
      unimplemented("a capability of a kind that we don't know"),
      failed("receiverHosted names an export that does not exist"),
      failed("receiverAnswer names a question that is not open"),
      failed("a path that can't be followed"),
      overloaded("too many paths are used"),
      failed("the promise resolves to itself"),
  };
  auto index = static_cast<size_t>(why);
  Ref& ref = unusables_[index];
  if (!ref) ref = Ref(new BrokenNode(*this, kReasons[index]));
  return ref;
}

Ref Connection::read(const wire::Descriptor& descriptor, const wire::Envelope& envelope,
                     Place& bounce) {
  switch (descriptor.kind) {
    case wire::DescriptorKind::kNone:
      if (descriptor.unknown) return core_.unusable(Core::Unusable::kKind);
      return Ref(&core_.null());
    case wire::DescriptorKind::kSenderHosted:
    case wire::DescriptorKind::kThirdPartyHosted:  // its vine
      return import(ImportId{descriptor.id}, false);
    case wire::DescriptorKind::kSenderPromise:
      return import(ImportId{descriptor.id}, true);
    case wire::DescriptorKind::kReceiverHosted: {
      Export* entry = exports.find(ExportId{descriptor.id});
      if (!entry) return core_.unusable(Core::Unusable::kExport);
      bounce.cell = entry->cell;
      return Ref(follow(entry->ref.get()));
    }
    case wire::DescriptorKind::kReceiverAnswer: {
      Answer* answer = answers.find(AnswerId{descriptor.id});
      if (!answer || !answer->pipeline) return core_.unusable(Core::Unusable::kAnswer);
      if (!descriptor.path.ok) return core_.unusable(Core::Unusable::kPath);
      PathNode* node = answer->pipeline->pathNode(envelope.path(descriptor.path));
      if (!node) return core_.unusable(Core::Unusable::kPaths);
      bounce.path = Pin(node);
      return Ref(follow(node));
    }
  }
  return Ref(&core_.null());
}

const ImportNode* Connection::theirImport(const Node& node) const {
  if (node.kind() != NodeKind::kImport) return nullptr;
  auto& import = static_cast<const ImportNode&>(node);
  return import.connection() == this ? &import : nullptr;
}

const PathNode* Connection::theirPath(const Node& node) const {
  if (node.kind() != NodeKind::kPath) return nullptr;
  auto& path = static_cast<const PathNode&>(node);
  return path.pipeline().connection == this ? &path : nullptr;
}

Node* Connection::toldOf(const OutCapability& capability) const {
  Node* now = withoutGate(follow(capability.node));
  if (!capability.embargoes) return now;
  Node* end = followThrough(now);
  return theirImport(*end) || theirPath(*end) ? end : now;
}

Node* Connection::withoutGate(Node* node) const {
  if (node->kind() != NodeKind::kGate) return node;
  static_cast<GateNode&>(*node).shorten();
  Node* behind = behindGates(node);
  return theirImport(*behind) || theirPath(*behind) ? behind : node;
}

wire::OutDescriptor Connection::describe(const OutCapability& capability, ExportRecord* record) {
  Node* now = toldOf(capability);
  if (now->kind() == NodeKind::kNull) return {};
  if (const ImportNode* import = theirImport(*now)) {
    return {wire::DescriptorKind::kReceiverHosted, import->id().value, {}};
  }
  if (const PathNode* path = theirPath(*now)) {
    return {wire::DescriptorKind::kReceiverAnswer, path->pipeline().question.value, path->path()};
  }
  ExportId id;
  Export* entry;
  auto it = canonical.find(now);
  if (it != canonical.end()) {
    id = it->second;
    entry = exports.find(id);
  } else {
    std::tie(id, entry) = newExport(*now);
  }
  ++entry->wire_refs;
  if (entry->wire_refs > limits_.references) abort("the peer never releases what it is given");
  if (record) record->add(id, recorded_exports);
  bool promise = entry->promise || now->kind() == NodeKind::kBroken;
  return {promise ? wire::DescriptorKind::kSenderPromise : wire::DescriptorKind::kSenderHosted,
          id.value,
          {}};
}

std::pair<ExportId, Export*> Connection::newExport(Node& node) {
  auto [id, entry] = exports.allocate();
  entry.ref = Ref(&node);
  entry.cell = core_.newCell();
  entry.promise = isPromise(node);
  canonical[&node] = id;
  auto told = Cell::Told::kObject;
  if (node.kind() == NodeKind::kBroken) {
    told = Cell::Told::kOurs;
    broken_exports_.push_back(id);
  } else if (entry.promise) {
    told = Cell::Told::kPromise;
    asPromise(node)->addHolder(*this, id);
  }
  entry.cell->set(&node, told);
  return {id, &entry};
}

// R-P5: right behind the message that carried them. Later messages write entries of their own,
// since the peer may have forgotten one whose Resolve it has seen (R-P2).
void Connection::resolveBroken(LinkId asker) {
  for (ExportId id : std::exchange(broken_exports_, {})) {
    Export* entry = exports.find(id);
    canonical.erase(entry->ref.get());
    const wire::Exception& why = whyBroken(*entry->ref.get());
    send(wire::buildResolveException(core_.frames, id.value, why.type, why.reason, why.trace),
         wire::MessageKind::kResolve, asker);
  }
}

}  // namespace vatmesh::captp
