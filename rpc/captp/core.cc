// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/core.h"

#include <algorithm>

#include "rpc/base/check.h"
#include "rpc/captp/errors.h"
#include "rpc/wire/build.h"

namespace vatmesh::captp {

Core::Core(const VatLimits& limits) : budget(limits.total), null_(*this) {
  null_.addUse();
}

Core::~Core() {
  Effects nobody;
  begin(nobody);
  call.clear();
  unusables_ = {};
  locals.cancelAll();
  forEachLink([&](Connection& connection) { lose(connection, disconnected("the vat ended")); });
  while (!losses_.empty()) continueLosses();
  end();
  for (Pipeline* pipeline : idle_pipelines_) delete pipeline;
  for (Cell* cell : idle_cells_) delete cell;
}

void Core::begin(Effects& out) {
  VATMESH_CHECK(!in_turn_);
  in_turn_ = true;
  effects_ = &out;
}

void Core::end() {
  while (true) {
    if (!flushes_.empty()) {
      auto flushes = std::exchange(flushes_, {});
      for (auto& pipeline : flushes) flush(*pipeline);
    } else if (!ends_.empty()) {
      auto ends = std::exchange(ends_, {});
      for (End& end : ends) endEmbargo(*end.embargo, std::move(end.why));
    } else if (!returns_.empty()) {
      auto returns = std::exchange(returns_, {});
      for (auto& pipeline : returns) {
        const auto payload = pipeline->retained_payload;
        deliverResults(*pipeline, std::exchange(pipeline->retained, {}), payload, Age::kOld);
      }
    } else if (!failures_.empty()) {
      auto failures = std::exchange(failures_, {});
      for (Failure& failure : failures) fail(*failure.pipeline, std::move(failure.why));
    } else if (!drops_.empty()) {
      Counted* counted = drops_.back();
      drops_.pop_back();
      counted->listed_ = false;
      if (counted->handles() == 0) {
        counted->onUnused();
      } else {
        counted->onStillUsed();
      }
    } else if (!endDoomedLink()) {
      break;
    }
  }
  flow.endTurn(touched_);
  watchQueues();
  for (Connection* connection : touched_) {
    connection->touched = false;
    bool idle = connection->tablesEmpty();
    if (idle != connection->was_idle) effects_->push_back(Idle{connection->id(), idle});
    connection->was_idle = idle;
  }
  touched_.clear();
  lost_links_.clear();
  effects_ = nullptr;
  in_turn_ = false;
}

bool Core::endDoomedLink() {
  flow.doom(touched_);
  for (Connection* connection : touched_) {
    if (!connection->doomed) continue;
    abort(*connection, Status(*connection->doomed));
    return true;
  }
  return false;
}

void Core::watchQueues() {
  for (Connection* connection : touched_) {
    if (connection->outbox.empty() || connection->stall_armed) continue;
    connection->stall_armed = true;
    deadlines_.push({connection->last_progress + connection->limits().stall, connection->id()});
  }
}

Instant Core::nextDeadline() const {
  if (!losses_.empty()) return now;
  Instant next = flow.nextDeadline();
  if (!deadlines_.empty()) next = std::min(next, deadlines_.top().first);
  if (!embargo_deadlines_.empty()) next = std::min(next, embargo_deadlines_.begin()->first.first);
  return next;
}

void Core::checkDeadlines() {
  continueLosses();
  endLateEmbargoes();
  flow.endPauses();
  while (!deadlines_.empty() && deadlines_.top().first <= now) {
    LinkId id = deadlines_.top().second;
    deadlines_.pop();
    Connection* connection = find(id);
    if (!connection) continue;
    connection->stall_armed = false;
    if (connection->outbox.empty()) continue;
    if (connection->last_progress + connection->limits().stall <= now) {
      abort(*connection, Status(Code::kTimeout, "the peer has read nothing for too long"));
    } else {
      touch(*connection);  // armed again at the end of the turn
    }
  }
}

void Core::drop(Counted& counted) {
  if (counted.listed_) return;
  counted.listed_ = true;
  drops_.push_back(&counted);
}

void Core::touch(Connection& connection) {
  if (connection.touched) return;
  connection.touched = true;
  touched_.push_back(&connection);
}

Connection& Core::add(LinkKind kind, const Profile& profile, const Limits& limits) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(links_.size()));
    links_.emplace_back();
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  LinkId id{slot, ++links_[slot].generation};
  links_[slot].connection = std::make_unique<Connection>(*this, id, kind, profile, limits);
  budget.open(id, limits.queue_soft);
  return *links_[slot].connection;
}

Connection* Core::find(LinkId id) {
  if (!id || id.slot >= links_.size() || links_[id.slot].generation != id.generation)
    return nullptr;
  return links_[id.slot].connection.get();
}

void Core::abort(Connection& connection, const Status& reason) {
  wire::Exception why = exceptionFrom(reason);
  connection.send(wire::buildAbort(frames, why.type, why.reason), wire::MessageKind::kAbort);
  effects_->push_back(Close{connection.id(), reason});
  lose(connection, disconnected(reason.message()));
}

void Core::startRestore(Connection& from, Pipeline& pipeline, std::string_view object_id) {
  pipeline.kept = Charge(budget, from.id(), Load::kWaiting, object_id.size());
  effects_->push_back(Start{newOp(pipeline), Restore{from.id(), std::string(object_id)}});
}

OpId Core::newOp(Pipeline& pipeline) {
  pipeline.op = OpId{next_op_++};
  ops_[pipeline.op] = &pipeline;
  return pipeline.op;
}

void Core::cancelOp(OpId op) {
  if (ops_.erase(op) > 0) effects_->push_back(Cancel{op});
}

Pipeline* Core::takeOp(OpId op) {
  auto it = ops_.find(op);
  if (it == ops_.end()) return nullptr;
  Pipeline* pipeline = it->second;
  pipeline->op = {};
  pipeline->callee.reset();
  pipeline->kept.reset();
  ops_.erase(it);
  return pipeline;
}

}  // namespace vatmesh::captp
