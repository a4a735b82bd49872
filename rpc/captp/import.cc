// SPDX-License-Identifier: Apache-2.0
//
// The import table: what the peer hosts and we hold, and how its promises resolve.
#include "rpc/captp/cap.h"
#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"
#include "rpc/captp/planted.h"
#include "rpc/wire/build.h"

namespace vatmesh::captp {

Ref Connection::import(ImportId id, bool promise) {
  ImportEntry* entry = imports.find(id);
  if (!entry) {
    entry = &imports.add(id);
    entry->node = new ImportNode(core_, *this, id);
    if (!promise) entry->node->markSettled();
  }
  ImportNode& node = *entry->node;
  if (!planted("refcount") || node.wire_refs == 0) ++node.wire_refs;
  // The peer counts in 32 bits too: give back early what one Release could not.
  if (node.wire_refs > limits_.references) {
    send(wire::buildRelease(core_.frames, id.value, node.wire_refs - 1),
         wire::MessageKind::kRelease);
    node.wire_refs = 1;
  }
  return Ref(&node);
}

void Connection::releaseImport(ImportNode& node) {
  send(wire::buildRelease(core_.frames, node.id().value, node.wire_refs),
       wire::MessageKind::kRelease);
  imports.erase(node.id());
}

// R-P6.
void Connection::handleResolve(const wire::Envelope& envelope) {
  Place bounce;
  Ref to;
  if (envelope.is_exception) {
    to = core_.broken(envelope.exception, id_);
  } else if (envelope.resolve_unknown || envelope.descriptors.empty()) {
    to = core_.broken(failed("a promise was resolved in a way that we don't know"));
  } else {
    to = read(envelope.descriptors[0], envelope, bounce);  // it carries a count, wanted or not
  }
  ImportEntry* entry = imports.find(ImportId{envelope.id});
  if (!entry) return;  // late: we released it
  ImportNode& node = *entry->node;
  // Told twice, or to us a settled one: a peer that names a promise again as senderHosted (Rust's
  // do) may do so when we have just released what it was told first. It goes on to serve it.
  if (node.settled()) {
    ++core_.counters.tolerated;
    return;
  }
  if (imports.size() > limits_.imports) {
    to = core_.broken(overloaded("too many capabilities of that peer are held already"));
    bounce = {};
  } else if (to.get()->kind() == NodeKind::kNull) {
    to = core_.broken(failed("the promise resolved to null"));
    bounce = {};
  }
  Ref keep(&node);
  core_.resolve(node, std::move(to), std::move(bounce));
}

}  // namespace vatmesh::captp
