// SPDX-License-Identifier: Apache-2.0
//
// Disembargo messages of one link: those that the peer sends to flush its way to its own object,
// ours, and the echoes of both (captp-engine 1.8).
#include <vector>

#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/embargo.h"
#include "rpc/captp/errors.h"
#include "rpc/wire/build.h"

namespace vatmesh::captp {

void Connection::handleDisembargo(wire::InMessage&& message, const wire::Envelope& envelope) {
  if (envelope.disembargo_unknown || envelope.disembargo_kind == wire::DisembargoKind::kAccept) {
    return replyUnimplemented(std::move(message));
  }
  if (envelope.disembargo_kind == wire::DisembargoKind::kReceiverLoopback) {
    return handleEcho(EmbargoId{envelope.id});
  }
  if (envelope.target.kind == wire::Target::Kind::kImportedCap) {
    Export* entry = exports.find(ExportId{envelope.target.id});
    if (!entry) return abort("a Disembargo for an export that does not exist");
    return flushCell(*entry->cell, {envelope.id, false});
  }
  Answer* answer = answers.find(AnswerId{envelope.target.id});
  if (envelope.target.kind != wire::Target::Kind::kPromisedAnswer || !answer || !answer->returned) {
    return abort("a Disembargo for an answer that has not returned");
  }
  if (!envelope.target.path.ok) return abort("a Disembargo along a path that can't be followed");
  flushPath(answer->pipeline->pathNode(envelope.path(envelope.target.path)), envelope.id);
}

void Connection::flushCell(Cell& cell, Cell::WaitingDisembargo embargo) {
  switch (cell.told()) {
    case Cell::Told::kTheirs:
      return startLoopback(embargo.id, *cell.node());
    case Cell::Told::kPromise: {
      if (loopbacks >= limits_.embargoes) return abort("too many Disembargoes under way");
      ++loopbacks;
      cell.last().waiting_disembargoes.push_back(embargo);
      return;
    }
    case Cell::Told::kObject:
    case Cell::Told::kOurs:
      if (embargo.along_path) return echoStray(embargo.id, *cell.node());
      return abort("a Disembargo for something that is not the peer's own");
  }
}

void Connection::flushPath(PathNode* path, uint32_t id) {
  Cell* cell = path ? path->cell.get() : nullptr;
  const bool theirs = path && (cell ? cell->told() == Cell::Told::kTheirs : path->told_theirs);
  if (theirs) return startLoopback(id, *path->place());
  if (cell && cell->told() == Cell::Told::kPromise) return flushCell(*cell, {id, true});
  echoStray(id, path ? *path->place() : core_.null());
}

// What stands at a path is somebody else's payload: never a reason to end the link (rule Z4).
void Connection::echoStray(uint32_t id, Node& at) {
  ++core_.counters.tolerated;
  ++loopbacks;
  echoDisembargo(id, at);
}

void Connection::startLoopback(uint32_t id, Node& at) {
  if (loopbacks >= limits_.embargoes) return abort("too many Disembargoes under way");
  ++loopbacks;
  core_.travel({id_, id, {}}, at);
}

void Connection::echoDisembargo(uint32_t id, Node& at) {
  --loopbacks;
  wire::OutTarget target;
  Route way = core_.route(at);
  if (way.kind == Route::Kind::kLink && way.connection == this) target = way.target;
  send(wire::buildDisembargo(core_.frames, wire::DisembargoKind::kReceiverLoopback, id, target),
       wire::MessageKind::kDisembargo);
}

void Connection::sendDisembargo(Loopback&& loopback, PromiseNode& along) {
  if (embargoes.size() < limits_.embargoes) {
    write(std::move(loopback), along, along.bounce);
  } else if (EmbargoNode* embargo = loopback.embargo.get()) {
    core_.reject(*embargo, core_.broken(overloaded("too many Disembargoes wait for that peer")));
  } else {
    // An echo now would let its peer overtake calls that are still under way. Bounded by what that
    // peer may have under way.
    delayed.push_back({std::move(loopback), Pin(&along), along.bounce});
  }
}

void Connection::write(Loopback&& loopback, Node& along, Place bounce) {
  auto [id, sent] = embargoes.allocate();
  if (EmbargoNode* embargo = loopback.embargo.get()) {
    embargo->under_way.push_back({id_, id});
    core_.startDeadline(*embargo, limits_.embargo_timeout);
  }
  sent.loopback = std::move(loopback);
  sent.along = Pin(&along);
  sent.bounce = std::move(bounce);
  send(wire::buildDisembargo(core_.frames, wire::DisembargoKind::kSenderLoopback, id.value,
                             core_.route(along).target),
       wire::MessageKind::kDisembargo);
}

void Connection::handleEcho(EmbargoId id) {
  SentDisembargo* sent = embargoes.find(id);
  if (!sent) return abort("a Disembargo that we did not ask for");
  SentDisembargo came = std::move(*sent);
  embargoes.erase(id);
  if (EmbargoNode* embargo = came.loopback.embargo.get()) {
    std::erase(embargo->under_way, EmbargoNode::UnderWay{id_, id});
  }
  if (!delayed.empty()) {
    SentDisembargo next = std::move(delayed.front());
    delayed.pop_front();
    write(std::move(next.loopback), *next.along.get(), std::move(next.bounce));
  }
  // Without a place: the embargo was rejected meanwhile.
  if (came.bounce) core_.travel(std::move(came.loopback), *came.bounce.node());
}

// R-E4: the peer can't flush anything.
void Connection::handleUnknownDisembargo(EmbargoId id) {
  ++core_.counters.tolerated;
  SentDisembargo* sent = embargoes.find(id);
  EmbargoNode* embargo = sent ? sent->loopback.embargo.get() : nullptr;
  if (embargo) {
    core_.reject(*embargo, core_.broken(unimplemented("the peer does not implement Disembargo")));
  }
  if (sent) handleEcho(id);
}

}  // namespace vatmesh::captp
