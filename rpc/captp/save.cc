// SPDX-License-Identifier: Apache-2.0
//
// A peer's Persistent.save of what a gateway hosts: the application is asked by a save of this
// vat's, and the peer gets what the outside makes of its answer (design 4, "Gateway for save").
//
// Order. Our save goes out when the peer's would have, along the same pin: it stays behind the
// calls that the peer made before it, and in front of those that it made later.
//
// Where what was saved lives is known for good only when the answer has come: a promise may have
// led anywhere. So a save holds what it was made on until then, and the outcome tells the host.
#include <utility>

#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/local.h"
#include "rpc/wire/root.h"

namespace vatmesh::captp {
namespace {

constexpr uint64_t kPersistent = 0xc8cb212fcd9f5691;
constexpr uint16_t kSave = 0;

// The link that hosts what `node` is by now; null when that isn't known, or nothing does.
const Connection* hostOf(const Node& node) {
  switch (node.kind()) {
    case NodeKind::kImport:
      return static_cast<const ImportNode&>(node).connection();
    case NodeKind::kPath:
      return static_cast<const PathNode&>(node).pipeline().connection;
    default:
      return nullptr;
  }
}

// Whether `node` is by now something that no gateway hosts.
bool livesElsewhere(Node& node) {
  const Node* end = followToEnd(&node);
  const Connection* host = hostOf(*end);
  return host ? !host->gateway : end->kind() == NodeKind::kLocal;
}

}  // namespace

bool Locals::isSave(const PendingCall& call, const Route& way) const {
  if (call.interface_id != kPersistent || call.method_id != kSave) return false;
  const Connection* asker = core_.find(call.result->asker);
  return asker && asker->kind() == LinkKind::kPeer && !livesElsewhere(*way.promise);
}

void Locals::save(PendingCall& asked, const Route& way) {
  const LinkId from = asked.result->asker;
  CallId id;
  Call& call = open(id);
  call.saved_at = way.connection->id();
  call.saved = Ref(way.promise);
  // Else a peer that lets go of it meanwhile would hide which one it was.
  if (Node* gate = find(asked.gate)) call.through = Ref(gate);
  call.pipeline->asker = from;  // who is charged with it
  PendingCall own;
  own.result = call.pipeline;
  own.message = wire::messageOf({}, core_.buffers);
  own.payload = wire::rootPayload(own.message);
  own.interface_id = kPersistent;
  own.method_id = kSave;
  core_.sendAlong(own, way);

  auto saving = std::make_unique<SaveCall>(from, asked.gate, takeParams(asked, sizeof(SaveCall)));
  core_.effects().push_back(Saving{core_.newOp(*asked.result), id, std::move(saving)});
}

LinkId Locals::hostOf(Call& call) const {
  const Ref saved = std::exchange(call.saved, {});
  if (!saved || livesElsewhere(*saved.get())) return {};
  const Connection* host = captp::hostOf(*followToEnd(saved.get()));
  return host ? host->id() : call.saved_at;
}

}  // namespace vatmesh::captp
