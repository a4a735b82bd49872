// SPDX-License-Identifier: Apache-2.0
#include "rpc/vat/vat.h"

#include <utility>

#include "rpc/captp/core.h"
#include "rpc/captp/dump.h"
#include "rpc/captp/errors.h"
#include "rpc/captp/invariants.h"

namespace vatmesh::vat {
namespace {

// One turn of the engine: begins when made, ends with its scope.
class Turn {
 public:
  Turn(captp::Core& core, Effects& out) : core_(core) { core_.begin(out); }
  ~Turn() { core_.end(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  captp::Core& core_;
};

}  // namespace

Vat::Vat(const captp::VatLimits& limits, Behaviour behaviour)
    : core_(std::make_unique<captp::Core>(limits)) {
  core_->shortens_paths = behaviour.shortens_paths;
}
Vat::~Vat() = default;

LinkId Vat::addLink(const LinkInfo& info) {
  return core_->add(info.kind, info.profile, info.limits).id();
}

void Vat::onMessage(LinkId link, wire::InMessage&& message, Effects& out) {
  captp::Connection* connection = core_->find(link);
  if (!connection) return;
  Turn turn(*core_, out);
  connection->handle(std::move(message));
}

void Vat::onLost(LinkId link, const Status& reason, Effects& out) {
  captp::Connection* connection = core_->find(link);
  if (!connection) return;
  Turn turn(*core_, out);
  core_->lose(*connection, captp::disconnected(reason.message()));
}

void Vat::closeLink(LinkId link, const Status& reason, Effects& out) {
  captp::Connection* connection = core_->find(link);
  if (!connection) return;
  Turn turn(*core_, out);
  core_->abort(*connection, reason);
}

void Vat::complete(OpId op, Result<Completion> result, Effects& out) {
  Turn turn(*core_, out);
  captp::Pipeline* pipeline = core_->takeOp(op);
  if (!pipeline) return;
  if (!result.ok()) {
    core_->breakPipeline(*pipeline, core_->broken(captp::exceptionFrom(result.status())));
  } else if (captp::Connection* there = core_->find(result->link)) {
    core_->askBootstrap(*pipeline, *there, result->object_id);
  } else {
    core_->breakPipeline(*pipeline, core_->broken(captp::disconnected("the link was lost")));
  }
}

void Vat::onTick(Instant now, Effects& out) {
  core_->now = now;
  if (core_->nextDeadline() > now) return;
  Turn turn(*core_, out);
  core_->checkDeadlines();
}

Instant Vat::nextDeadline() const {
  return core_->nextDeadline();
}

void Vat::onFlushed(LinkId link, size_t bytes, Effects& out) {
  captp::Connection* connection = core_->find(link);
  if (!connection || bytes == 0) return;
  connection->outbox.written(bytes);
  connection->last_progress = core_->now;
  // A whole turn only when there is somebody to be read again.
  if (core_->budget.anyChanged()) Turn turn(*core_, out);
}

wire::FramePool& Vat::framePool() {
  return core_->frames;
}

bool Vat::has(LinkId link) const {
  return core_->find(link) != nullptr;
}

bool Vat::idle(LinkId link) const {
  captp::Connection* connection = core_->find(link);
  return connection && connection->tablesEmpty();
}

uint64_t Vat::queuedBytes(LinkId link) const {
  captp::Connection* connection = core_->find(link);
  return connection ? connection->outbox.bytes() : 0;
}

const captp::Counters& Vat::counters() const {
  return core_->counters;
}

captp::TableSizes Vat::tableSizes() const {
  captp::TableSizes sizes;
  core_->forEachLink([&](captp::Connection& link) {
    ++sizes.links;
    sizes.questions += link.questions.size();
    sizes.answers += link.answers.size();
    sizes.exports += link.exports.size();
    sizes.imports += link.imports.size();
    sizes.embargoes += link.embargoes.size();
  });
  const captp::Budget& budget = core_->budget;
  sizes.charged_bytes = budget.of(captp::Load::kWaiting) + budget.of(captp::Load::kResults);
  sizes.held_bytes = budget.total();
  return sizes;
}

std::optional<std::string> Vat::checkInvariants() const {
  return captp::checkInvariants(*core_);
}

std::string Vat::dump() const {
  return captp::dump(*core_);
}

}  // namespace vatmesh::vat
