// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/flow.h"

#include <algorithm>
#include <utility>

#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"

namespace vatmesh::captp {
namespace {

// A table entry with what it keeps: memory that stays in a table for later entries is not counted.
constexpr uint64_t kQuestionBytes = sizeof(Question) + 64;
constexpr uint64_t kAnswerBytes = sizeof(Answer) + sizeof(Pipeline) + 640;  // its queue allocates
constexpr uint64_t kExportBytes = sizeof(Export) + 64;
constexpr uint64_t kImportBytes = sizeof(ImportNode) + 64;
constexpr uint64_t kEmbargoBytes = sizeof(SentDisembargo) + 64;
constexpr uint64_t kPathBytes = sizeof(PathNode) + 64;

// The first pause of a link that doesn't read us either.
constexpr Duration kFirstPause = std::chrono::milliseconds(200);

bool mayPause(const Connection& connection) {
  return connection.kind() == LinkKind::kPeer || connection.kind() == LinkKind::kClient;
}

}  // namespace

std::optional<wire::Exception> Flow::refuse(const Connection& from, uint64_t bytes) {
  const char* why = nullptr;
  if (!core_.budget.hasRoom(bytes)) {
    why = "this vat holds as many bytes as it may";
  } else if (core_.budget.asked(from.id()) + bytes > from.limits().queue_hard) {
    why = "too much that was asked for on this link waits already";
  }
  if (!why) return std::nullopt;
  ++core_.counters.overload_actions[static_cast<size_t>(OverloadAction::kRefuse)];
  return overloaded(why);
}

Status Flow::checkQueue(const Connection& to, LinkId asker, uint64_t wire_bytes) {
  const uint64_t queued = to.outbox.bytes();
  const Limits& limits = to.limits();
  // The rest is for what is never refused, and for the envelope that the call gets.
  bool full = queued + wire_bytes > limits.queue_hard / 8 * 7;
  if (!full && queued > limits.queue_soft) {
    const Connection* from = core_.find(asker);
    full = from && !mayPause(*from);
  }
  if (!full) return Status();
  ++core_.counters.overload_actions[static_cast<size_t>(OverloadAction::kRefuse)];
  return Status(Code::kOverloaded, "the receiver reads too slowly: its queue is full");
}

uint64_t Flow::entryBytes(const Connection& connection) {
  return connection.questions.size() * kQuestionBytes + connection.answers.size() * kAnswerBytes +
         connection.exports.size() * kExportBytes + connection.imports.size() * kImportBytes +
         connection.embargoes.size() * kEmbargoBytes + connection.path_count * kPathBytes +
         connection.recorded_exports * sizeof(ExportId);
}

void Flow::chargeEntries(Connection& connection) {
  const uint64_t bytes = entryBytes(connection);
  const uint64_t before = std::exchange(connection.charged_entries, bytes);
  if (bytes > before) core_.budget.add(connection.id(), Load::kEntries, bytes - before);
  if (bytes < before) core_.budget.remove(connection.id(), Load::kEntries, before - bytes);
}

void Flow::doom(std::span<Connection* const> changed) {
  for (Connection* connection : changed) {
    chargeEntries(*connection);
    if (connection->doomed || connection->outbox.bytes() <= connection->limits().queue_hard) {
      continue;
    }
    ++core_.counters.overload_actions[static_cast<size_t>(OverloadAction::kClose)];
    connection->doomed = Status(Code::kOverloaded, "the peer reads too slowly: its queue is full");
  }
  if (!core_.budget.hasRoom(0)) doomHeaviest();
}

void Flow::doomHeaviest() {
  Connection* heaviest = nullptr;
  uint64_t most = 0;
  core_.forEachLink([&](Connection& connection) {
    if (connection.doomed) most = UINT64_MAX;  // the room that it leaves comes first
    const uint64_t held = core_.budget.heldFor(connection.id());
    if (held <= most || !mayPause(connection)) return;
    most = held;
    heaviest = &connection;
  });
  if (!heaviest || most == UINT64_MAX) return;
  ++core_.counters.overload_actions[static_cast<size_t>(OverloadAction::kClose)];
  heaviest->doomed = Status(Code::kOverloaded,
                            "this vat holds more bytes than it may, most of them for this peer");
  core_.touch(*heaviest);
}

void Flow::endTurn(std::span<Connection* const> changed) {
  // Those whose questions were answered, or that were asked something.
  for (Connection* connection : changed) {
    if (connection->reading != Reading::kOpen) review(*connection);
  }
  relieve();
  if (!core_.budget.anyChanged()) return;
  for (LinkId link : core_.budget.takeChanged()) {
    if (Connection* connection = core_.find(link)) review(*connection);
  }
}

void Flow::review(Connection& connection) {
  Reading reading = Reading::kOpen;
  if (mayPause(connection) && core_.budget.above(connection.id())) {
    const bool owes = connection.owed_returns > 0 || !connection.embargoes.empty();
    const bool may_ask = core_.budget.asked(connection.id()) <= connection.patience.bound;
    reading = owes || may_ask ? Reading::kDrained : Reading::kPaused;
  } else {
    connection.patience = {};
  }
  const Reading before = std::exchange(connection.reading, reading);
  if (before == reading) return;
  auto& actions = core_.counters.overload_actions;
  if (reading == Reading::kDrained) ++actions[static_cast<size_t>(OverloadAction::kDrain)];
  if (reading == Reading::kPaused) {
    ++actions[static_cast<size_t>(OverloadAction::kPause)];
    connection.patience.since = core_.now;
    paused_.push_back(&connection);
    core_.effects().push_back(Pause{connection.id()});
  } else if (before == Reading::kPaused) {
    std::erase(paused_, &connection);
    core_.effects().push_back(Resume{connection.id()});
  }
}

Instant Flow::endOfPause(const Connection& connection) {
  const Patience& patience = connection.patience;
  const Duration longest = connection.limits().stall / 4;
  const Instant last = patience.since + longest;
  if (connection.outbox.empty()) return last;
  const Duration first = kFirstPause * (1u << std::min(patience.ended, 16u));
  return std::min(last, std::max(patience.since, connection.last_progress) + first);
}

void Flow::endPauses() {
  for (Connection* connection : std::vector(paused_)) {
    if (endOfPause(*connection) > core_.now) continue;
    ++connection->patience.ended;
    connection->patience.bound =
        core_.budget.asked(connection->id()) + connection->limits().queue_soft / 2;
    review(*connection);
  }
}

Instant Flow::nextDeadline() const {
  Instant next = kNever;
  for (const Connection* connection : paused_) next = std::min(next, endOfPause(*connection));
  return next;
}

// Little room is left: the heaviest asker that is still read freely has to wait until most of what
// it asked for is done. One in each turn.
void Flow::relieve() {
  if (core_.budget.hasRoom(core_.budget.limit() / 8)) return;
  Connection* heaviest = nullptr;
  uint64_t most = 0;
  core_.forEachLink([&](Connection& connection) {
    const uint64_t asked = core_.budget.asked(connection.id());
    if (asked <= most || !mayPause(connection) || core_.budget.above(connection.id())) return;
    most = asked;
    heaviest = &connection;
  });
  if (heaviest) core_.budget.press(heaviest->id());
}

void Flow::forget(Connection& connection) {
  std::erase(paused_, &connection);
  core_.budget.remove(connection.id(), Load::kEntries,
                      std::exchange(connection.charged_entries, 0));
  connection.arriving.reset();
  connection.outbox.clear();
  core_.budget.close(connection.id());
}

}  // namespace vatmesh::captp
