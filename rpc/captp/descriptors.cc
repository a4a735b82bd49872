// SPDX-License-Identifier: Apache-2.0
//
// Capability descriptors to references and back (captp-engine 2.3).
#include <array>

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
  if (!ref) ref = broken(kReasons[index]);
  return ref;
}

Ref Connection::read(const wire::Descriptor& descriptor, const wire::Envelope& envelope,
                     bool& reflected) {
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
      reflected = true;
      return Ref(follow(entry->ref.get()));
    }
    case wire::DescriptorKind::kReceiverAnswer: {
      Answer* answer = answers.find(AnswerId{descriptor.id});
      if (!answer || !answer->pipeline) return core_.unusable(Core::Unusable::kAnswer);
      if (!descriptor.path.ok) return core_.unusable(Core::Unusable::kPath);
      PathNode* node = answer->pipeline->pathNode(envelope.path(descriptor.path));
      if (!node) return core_.unusable(Core::Unusable::kPaths);
      reflected = true;
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

wire::OutDescriptor Connection::describe(Node& node, bool proxied, std::vector<ExportId>* record) {
  Node* now = proxied ? &node : follow(&node);
  if (now->kind() == NodeKind::kNull) return {};
  if (const ImportNode* import = proxied ? nullptr : theirImport(*now)) {
    return {wire::DescriptorKind::kReceiverHosted, import->id().value, {}};
  }
  if (const PathNode* path = proxied ? nullptr : theirPath(*now)) {
    return {wire::DescriptorKind::kReceiverAnswer, path->pipeline().question.value, path->path()};
  }
  bool is_broken = now->kind() == NodeKind::kBroken;
  ExportId id;
  Export* entry;
  auto it = canonical.find(now);
  if (it != canonical.end()) {
    id = it->second;
    entry = exports.find(id);
  } else {
    auto allocated = exports.allocate();
    id = allocated.first;
    entry = &allocated.second;
    entry->ref = Ref(now);
    entry->pin = Pin(now);
    canonical[now] = id;
    if (is_broken) {
      entry->state = Export::State::kMovedHere;
      broken_exports_.push_back(id);
    } else if (isPromise(*now)) {
      entry->state = Export::State::kPromise;
      static_cast<PromiseNode*>(now)->addHolder(*this, id);
    }
  }
  ++entry->wire_refs;
  if (record) record->push_back(id);
  bool promise = is_broken || entry->state == Export::State::kPromise;
  return {promise ? wire::DescriptorKind::kSenderPromise : wire::DescriptorKind::kSenderHosted,
          id.value,
          {}};
}

// R-P5: right behind the message that carried them. Later messages write entries of their own,
// since the peer may have forgotten one whose Resolve it has seen (R-P2).
void Connection::resolveBroken() {
  for (ExportId id : std::exchange(broken_exports_, {})) {
    Export* entry = exports.find(id);
    canonical.erase(entry->ref.get());
    const wire::Exception& why = whyBroken(*entry->ref.get());
    send(wire::buildResolveException(core_.frames, id.value, why.type, why.reason, why.trace),
         wire::MessageKind::kResolve);
  }
}

}  // namespace vatmesh::captp
