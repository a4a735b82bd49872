// SPDX-License-Identifier: Apache-2.0
#include "rpc/vat/vat.h"

#include <utility>

#include "rpc/captp/core.h"
#include "rpc/captp/dump.h"
#include "rpc/captp/errors.h"
#include "rpc/captp/invariants.h"
#include "rpc/vat/journal.h"
#include "rpc/vat/turn.h"

namespace vatmesh::vat {
namespace {

void answer(captp::Core& core, captp::Pipeline& pipeline, BootstrapOf&& found) {
  if (captp::Connection* there = core.find(found.link)) {
    core.askBootstrap(pipeline, *there, found.object_id);
  } else {
    core.breakPipeline(pipeline, core.broken(captp::disconnected("the link was lost")));
  }
}

void answer(captp::Core& core, captp::Pipeline& pipeline, Restored&& found) {
  core.locals.provide(pipeline, core.locals.ref(found.capability), found.awaits);
}

void answer(captp::Core& core, captp::Pipeline& pipeline, Content&& results) {
  core.locals.answer(pipeline, std::move(results));
}

}  // namespace

Vat::Vat(const captp::VatLimits& limits, Behaviour behaviour)
    : core_(std::make_unique<captp::Core>(limits)) {
  core_->shortens_paths = behaviour.shortens_paths;
}
Vat::~Vat() = default;

void Vat::recordIn(Journal& journal) {
  journal_ = &journal;
  journal.begin({.total = core_->budget.limit()}, {.shortens_paths = core_->shortens_paths});
}

LinkId Vat::addLink(const LinkInfo& info) {
  LinkId id = core_->add(info.kind, info.profile, info.limits).id();
  if (journal_) journal_->addLink(id, info);
  return id;
}

void Vat::makeGateway(LinkId link) {
  captp::Connection* connection = core_->find(link);
  if (!connection || connection->kind() != captp::LinkKind::kApp) return;
  if (journal_) journal_->makeGateway(link);
  connection->gateway = true;
}

void Vat::onMessage(LinkId link, wire::InMessage&& message, Effects& out) {
  captp::Connection* connection = core_->find(link);
  if (!connection) return;
  if (journal_) journal_->message(link, message);
  Turn turn(*core_, out);
  connection->handle(std::move(message));
}

void Vat::onLost(LinkId link, const Status& reason, Effects& out) {
  captp::Connection* connection = core_->find(link);
  if (!connection) return;
  if (journal_) journal_->lost(link, reason);
  Turn turn(*core_, out);
  core_->lose(*connection, captp::disconnected(reason.message()));
}

void Vat::closeLink(LinkId link, const Status& reason, Effects& out) {
  captp::Connection* connection = core_->find(link);
  if (!connection) return;
  if (journal_) journal_->closeLink(link, reason);
  Turn turn(*core_, out);
  core_->abort(*connection, reason);
}

void Vat::complete(OpId op, Result<Completion> result, Effects& out) {
  if (journal_) journal_->complete(op, result);
  Turn turn(*core_, out);
  auto brought = std::move(result);  // dropped within the turn
  captp::Pipeline* pipeline = core_->takeOp(op);
  if (!pipeline) {
    if (auto* late = brought.ok() ? std::get_if<Restored>(&*brought) : nullptr) {
      core_->locals.cancel(late->awaits);
    }
  } else if (!brought.ok()) {
    core_->breakPipeline(*pipeline, core_->broken(captp::exceptionFrom(brought.status())));
  } else {
    std::visit([&](auto& found) { answer(*core_, *pipeline, std::move(found)); }, *brought);
  }
}

void Vat::onTick(Instant now, Effects& out) {
  if (journal_) journal_->tick(now);
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
  if (journal_) journal_->flushed(link, bytes);
  connection->outbox.written(bytes);
  connection->last_progress = core_->now;
  // A whole turn only when there is somebody to be read again.
  if (core_->budget.anyChanged()) Turn turn(*core_, out);
}

void Vat::onArriving(LinkId link, size_t bytes, Effects& out) {
  captp::Connection* connection = core_->find(link);
  if (!connection) return;
  if (journal_) journal_->arriving(link, bytes);
  connection->arriving =
      captp::Charge(core_->budget, link, captp::Load::kArriving, static_cast<uint64_t>(bytes));
  if (!core_->budget.hasRoom(0)) Turn turn(*core_, out);
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
  sizes.objects = core_->locals.objects();
  sizes.calls = core_->locals.openCalls();
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
