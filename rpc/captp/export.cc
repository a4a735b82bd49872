// SPDX-License-Identifier: Apache-2.0
//
// The export table: what the peer holds of ours, the Resolves that we owe it, and its Disembargoes.
#include "rpc/captp/export.h"

#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"
#include "rpc/wire/build.h"

namespace vatmesh::captp {

void Connection::handleRelease(const wire::Envelope& envelope) {
  if (envelope.count == 0) return;
  Export* entry = exports.find(ExportId{envelope.id});
  if (!entry || entry->wire_refs < envelope.count) {
    return abort("a Release of more references than the peer was given");
  }
  releaseExport(ExportId{envelope.id}, envelope.count);
}

void Connection::releaseExport(ExportId id, uint32_t count) {
  Export* entry = exports.find(id);
  if (!entry || entry->wire_refs < count) {
    // A flag released what an explicit Release had released before.
    abort("a release of more references than the peer was given");
    return;
  }
  entry->wire_refs -= count;
  if (entry->wire_refs > 0) return;
  if (entry->state == Export::State::kPromise) {
    static_cast<PromiseNode*>(entry->ref.get())->removeHolder(*this, id);
  }
  auto it = canonical.find(entry->ref.get());
  if (it != canonical.end() && it->second == id) canonical.erase(it);
  exports.erase(id);
}

void Connection::announce(ExportId id) {
  Export* entry = exports.find(id);
  VATMESH_CHECK(entry && entry->state == Export::State::kPromise);
  Ref promise = entry->ref;
  // From here on a descriptor for the same node is a new entry (R-RC9).
  auto it = canonical.find(promise.get());
  if (it != canonical.end() && it->second == id) canonical.erase(it);

  Node* now = follow(promise.get());
  entry->state = Export::State::kMovedHere;
  if (now->kind() == NodeKind::kNull || now->kind() == NodeKind::kBroken) {
    static const wire::Exception kNull = failed("the promise resolved to null");
    const wire::Exception& why = now->kind() == NodeKind::kNull ? kNull : whyBroken(*now);
    send(wire::buildResolveException(core_.frames, id.value, why.type, why.reason, why.trace),
         wire::MessageKind::kResolve);
  } else {
    // The promise itself stays hosted here, whoever asks: calls go along it in order.
    wire::OutDescriptor descriptor = describe(*now, now == promise.get(), nullptr);
    bool at_peer = descriptor.kind == wire::DescriptorKind::kReceiverHosted ||
                   descriptor.kind == wire::DescriptorKind::kReceiverAnswer;
    if (at_peer) entry->state = Export::State::kMovedToPeer;
    send(wire::buildResolve(core_.frames, id.value, descriptor), wire::MessageKind::kResolve);
  }
  // describe() may have added entries; the address of this one is stable.
  auto held = std::exchange(entry->held_disembargoes, {});
  if (held.empty()) return;
  if (entry->state != Export::State::kMovedToPeer) {
    return abort("a Disembargo for a promise that did not resolve to the peer");
  }
  for (uint32_t embargo : held) echoDisembargo(embargo, *entry->pin.get());
}

// No embargo of ours is ever on the way, so only the peer's own loopbacks come: they are echoed
// behind the calls that they flush, which went straight back to the peer (2.6, case 1, echo).
void Connection::handleDisembargo(wire::InMessage&& message, const wire::Envelope& envelope) {
  if (envelope.disembargo_unknown || envelope.disembargo_kind == wire::DisembargoKind::kAccept) {
    return replyUnimplemented(std::move(message));
  }
  if (envelope.disembargo_kind == wire::DisembargoKind::kReceiverLoopback) {
    return abort("a Disembargo that we did not ask for");
  }
  if (envelope.target.kind == wire::Target::Kind::kImportedCap) {
    Export* entry = exports.find(ExportId{envelope.target.id});
    if (!entry) return abort("a Disembargo for an export that does not exist");
    switch (entry->state) {
      case Export::State::kMovedToPeer:
        return echoDisembargo(envelope.id, *entry->pin.get());
      case Export::State::kPromise:
        if (entry->held_disembargoes.size() >= limits_.queued_messages) {
          return abort("too many Disembargoes for one promise");
        }
        entry->held_disembargoes.push_back(envelope.id);
        return;
      case Export::State::kSettled:
      case Export::State::kMovedHere:
        return abort("a Disembargo for something that is not the peer's own");
    }
  }
  Answer* answer = answers.find(AnswerId{envelope.target.id});
  if (envelope.target.kind != wire::Target::Kind::kPromisedAnswer || !answer || !answer->returned) {
    return abort("a Disembargo for an answer that has not returned");
  }
  if (!envelope.target.path.ok) return abort("a Disembargo along a path that can't be followed");
  // What stands at the path is somebody else's payload: never a reason to end the link (rule Z4).
  PathNode* node = answer->pipeline->pathNode(envelope.path(envelope.target.path));
  echoDisembargo(envelope.id, node ? static_cast<Node&>(*node) : core_.null());
}

void Connection::echoDisembargo(uint32_t embargo_id, Node& pin) {
  Route way = core_.route(pin);
  wire::OutTarget target;
  if (way.kind == Route::Kind::kLink && way.connection == this) {
    target = way.target;
  } else {
    ++core_.counters.tolerated;
  }
  send(wire::buildDisembargo(core_.frames, wire::DisembargoKind::kReceiverLoopback, embargo_id,
                             target),
       wire::MessageKind::kDisembargo);
}

}  // namespace vatmesh::captp
