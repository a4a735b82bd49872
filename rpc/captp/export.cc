// SPDX-License-Identifier: Apache-2.0
//
// The export table: what the peer holds of ours, the Resolves that we owe it, and its Disembargoes.
#include "rpc/captp/export.h"

#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"
#include "rpc/captp/planted.h"
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
  unlist(id, *entry);
  exports.erase(id);
}

void Connection::unlist(ExportId id, Export& entry) {
  if (entry.promise) {
    asPromise(*entry.ref.get())->removeHolder(*this, id);
    // Nothing will be told for which these could wait.
    loopbacks -= static_cast<uint32_t>(entry.cell->takeWaiting().size());
  }
  auto it = canonical.find(entry.ref.get());
  if (it != canonical.end() && it->second == id) canonical.erase(it);
}

void Connection::announce(ExportId id) {
  Export* entry = exports.find(id);
  VATMESH_CHECK(entry && entry->promise);
  entry->promise = false;
  PromiseNode& promise = *asPromise(*entry->ref.get());
  Ref keep = entry->ref;
  // From here on a descriptor for the same node is a new entry (R-RC9).
  auto it = canonical.find(&promise);
  if (it != canonical.end() && it->second == id) canonical.erase(it);

  Node* now = follow(&promise);
  Held<Cell> cell = entry->cell;
  auto waiting = cell->takeWaiting();
  loopbacks -= static_cast<uint32_t>(waiting.size());
  if (now->kind() == NodeKind::kNull || now->kind() == NodeKind::kBroken) {
    static const wire::Exception kNull = failed("the promise resolved to null");
    const wire::Exception& why = now->kind() == NodeKind::kNull ? kNull : whyBroken(*now);
    cell->set(now, Cell::Told::kOurs);
    send(wire::buildResolveException(core_.frames, id.value, why.type, why.reason, why.trace),
         wire::MessageKind::kResolve);
  } else {
    wire::OutDescriptor descriptor = describe({now, true}, nullptr);
    if (descriptor.kind == wire::DescriptorKind::kSenderHosted ||
        descriptor.kind == wire::DescriptorKind::kSenderPromise) {
      Held<Cell> there = exports.find(ExportId{descriptor.id})->cell;
      if (planted("alias")) {
        cell->set(there->node(), Cell::Told::kOurs);
      } else {
        cell->aliasTo(*there);
      }
    } else {
      // The peer's calls came along the promise, and so will its Disembargo.
      const bool old_path = promise.used && promise.kind() != NodeKind::kEmbargo;
      cell->set(old_path ? &promise : withoutGate(now), Cell::Told::kTheirs);
    }
    send(wire::buildResolve(core_.frames, id.value, descriptor), wire::MessageKind::kResolve);
  }
  // describe() may have added entries; the address of this one is stable.
  entry->ref = Ref(now);
  for (Cell::WaitingDisembargo embargo : waiting) flushCell(*cell, embargo);
}

}  // namespace vatmesh::captp
