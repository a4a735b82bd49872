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
  if (!planted("refcount") || entry->node->wire_refs == 0) ++entry->node->wire_refs;
  return Ref(entry->node);
}

void Connection::releaseImport(ImportNode& node) {
  send(wire::buildRelease(core_.frames, node.id().value, node.wire_refs),
       wire::MessageKind::kRelease);
  imports.erase(node.id());
}

// R-P6. A promise that resolves to something of the peer's own moves there: same wire, the peer
// keeps order. One that resolves to something of ours stays the path that it is, so that no call
// can be overtaken; those who hold it are told that it is settled.
void Connection::handleResolve(const wire::Envelope& envelope) {
  bool reflected = false;
  Ref to;
  if (envelope.is_exception) {
    to = core_.broken(envelope.exception);
  } else if (envelope.resolve_unknown || envelope.descriptors.empty()) {
    to = core_.broken(failed("a promise was resolved in a way that we don't know"));
  } else {
    to = read(envelope.descriptors[0], envelope, reflected);  // it carries a count, wanted or not
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
    reflected = false;
  } else if (to.get()->kind() == NodeKind::kNull) {
    to = core_.broken(failed("the promise resolved to null"));
    reflected = false;
  }
  if (Core::closesCircle(node, *to.get())) {
    to = core_.unusable(Core::Unusable::kItself);  // R-P7
    reflected = false;
  }
  bool stays = reflected && !planted("used_promise") && to.get()->kind() != NodeKind::kBroken;
  Ref keep(&node);
  core_.settle(node, stays ? Ref() : std::move(to));
}

}  // namespace vatmesh::captp
