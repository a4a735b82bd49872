// SPDX-License-Identifier: Apache-2.0
//
// Inputs first, then the application of effects, then the ends of links.
#include "sidecar/link/hub.h"

#include <algorithm>

namespace vatmesh::link {

Hub::Hub(event::Loop& loop, wire::BufferPool& pool, Logger& log, metrics::Counters& counters,
         const Settings& settings)
    : loop_(loop),
      pool_(pool),
      log_(log),
      counters_(counters),
      settings_(settings),
      limited_log_(loop, log),
      admission_(loop, log, counters, settings),
      vat_(settings.vat_limits),
      tell_empty_(loop, [this] { std::exchange(on_empty_, {})(); }),
      settle_soon_(loop, [this] { settle(); }),
      deadline_(loop, [this] {
        tick();
        settle();
      }) {}

Hub::~Hub() = default;

void Hub::recordIn(Recorder& recorder) {
  recorder_ = &recorder;
  vat_.recordIn(recorder.journal());
}

Link& Hub::open(std::unique_ptr<net::Transport> transport, LinkSpec spec, LinkOwner& owner) {
  auto link = std::make_unique<Link>(*this, std::move(spec), owner, std::move(transport));
  Link& opened = *link;
  links_.emplace(&opened, std::move(link));
  if (opened.spec_.direction == metrics::Direction::kIn) admission_.opened();
  opened.stream_.start(settings_.handshake);
  return opened;
}

void Hub::close(Link& link, const Status& why, metrics::CloseReason reason) {
  if (link.state_ == Link::State::kDown) return;
  if (link.state_ == Link::State::kOpening) {
    link.close_reason_ = reason;
    link.stream_.close(why);  // onClosed follows
    return;
  }
  inputs_.emplace_back(Closing{link.id_, why, reason});
  settle();
}

void Hub::end(Link& link, const Status& why, metrics::CloseReason reason) {
  if (link.state_ == Link::State::kDown) return;
  link.close_reason_ = reason;
  if (link.state_ == Link::State::kOpening) {
    link.stream_.close(why);
    return;
  }
  tick();
  forget(link);
  vat_.onLost(link.id_, why, effects_);
  settle();
  link.stream_.closeAfterFlush();
  reportDown(link, why);
}

vat::NewPromise Hub::promise(std::function<void(captp::OpId)> canceled) {
  vat::NewPromise made = vat_.newPromise();
  if (canceled) promised_.emplace(made.op, std::move(canceled));
  return made;
}

void Hub::complete(captp::OpId op, Result<vat::Completion> result) {
  restoring_.erase(op);
  promised_.erase(op);
  inputs_.emplace_back(Completed{op, std::move(result)});
  settle();
}

captp::ObjectId Hub::completeGated(captp::OpId op, const vat::BootstrapOf& found,
                                   std::function<void()> gone) {
  restoring_.erase(op);
  promised_.erase(op);
  return objects_.completeGated(op, found, std::move(gone));
}

Link* Hub::find(captp::LinkId id) const {
  Link* link = id.slot < by_slot_.size() ? by_slot_[id.slot] : nullptr;
  return link != nullptr && link->id_ == id ? link : nullptr;
}

void Hub::shutDown(const Status& why, std::function<void()> on_empty) {
  shutting_down_ = true;
  on_empty_ = std::move(on_empty);
  std::vector<Link*> all;
  for (const auto& [link, owned] : links_) all.push_back(owned.get());
  for (Link* link : all) close(*link, why, metrics::CloseReason::kDrain);
  if (links_.empty()) tell_empty_.arm();
}

uint64_t Hub::bufferedBytes() const {
  uint64_t bytes = 0;
  for (const auto& [link, owned] : links_) bytes += owned->stream_.queuedBytes();
  return bytes;
}

void Hub::opened(Link& link) {
  tick();
  link.id_ = vat_.addLink({.kind = link.spec_.kind,
                           .digest = link.peerFingerprint(),
                           .profile = {},
                           .limits = settings_.limits});
  if (by_slot_.size() <= link.id_.slot) by_slot_.resize(link.id_.slot + 1, nullptr);
  by_slot_[link.id_.slot] = &link;
  link.state_ = Link::State::kUp;
  link.owner_.onUp(link);
  settle();
}

void Hub::received(Link& link, wire::InMessage&& message) {
  if (!link.isUp()) return;
  tick();
  vat_.onMessage(link.id_, std::move(message), effects_);
  settle();
}

void Hub::flushed(Link& link, size_t bytes) {
  if (!link.isUp()) return;
  tick();
  vat_.onFlushed(link.id_, bytes, effects_);
  settle();
}

void Hub::peerEnded(Link& link) {
  tick();
  vat_.closeLink(link.id_, Status(Code::kDisconnected, "Connection closed"), effects_);
  settle();
}

void Hub::arriving(Link& link, size_t bytes) {
  if (!link.isUp()) return;
  tick();
  vat_.onArriving(link.id_, bytes, effects_);
  settle();
}

void Hub::closed(Link& link, const Status& status) {
  if (link.state_ != Link::State::kDown) {
    if (link.state_ == Link::State::kUp) {
      tick();
      forget(link);
      vat_.onLost(link.id_, status, effects_);
      settle();
    }
    reportDown(link, status);
  }
  if (link.spec_.direction == metrics::Direction::kIn) admission_.closed();
  const auto found = links_.find(&link);
  loop_.deferDelete(std::move(found->second));
  links_.erase(found);
  if (links_.empty() && on_empty_) tell_empty_.arm();
}

void Hub::tick() {
  if (ticked_turn_ == loop_.turns()) return;
  ticked_turn_ = loop_.turns();
  vat_.onTick(loop_.now(), effects_);
}

captp::Effects& Hub::next() {
  tick();
  if (!settling_) settle_soon_.arm();
  return effects_;
}

// Applies what the turns so far want, and runs what owners asked for as turns of their own, until
// nothing is left. Called inside itself it does nothing: the outer call goes on.
void Hub::settle() {
  if (settling_) return;
  settling_ = true;
  while (!effects_.empty() || !inputs_.empty()) {
    applyAll();
    if (!effects_.empty() || inputs_.empty()) continue;
    auto input = std::move(inputs_.front());
    inputs_.pop_front();
    tick();
    std::visit([this](auto& each) { run(std::move(each)); }, input);
  }
  settling_ = false;
  if (recorder_ != nullptr) recorder_->flush();
  armTimer();
}

void Hub::run(Completed input) {
  vat_.complete(input.op, std::move(input.result), effects_);
}

void Hub::run(Closing input) {
  Link* link = find(input.link);
  if (link == nullptr) return;
  link->close_reason_ = input.reason;
  vat_.closeLink(input.link, input.why, effects_);
}

void Hub::applyAll() {
  std::swap(effects_, applying_);
  for (captp::Effect& effect : applying_) apply(effect);
  applying_.clear();
}

void Hub::apply(captp::Effect& effect) {
  if (auto* send = std::get_if<captp::Send>(&effect)) {
    if (Link* link = find(send->link)) {
      link->stream_.send(std::move(send->frame));
    } else if (LinkProbe* probe = probeOf(send->link)) {
      probeOver(*probe, true);
    }
  } else if (auto* close = std::get_if<captp::Close>(&effect)) {
    applyClose(*close);
  } else if (auto* start = std::get_if<captp::Start>(&effect)) {
    applyStart(*start);
  } else if (auto* idle = std::get_if<captp::Idle>(&effect)) {
    if (Link* link = find(idle->link)) link->owner_.onIdle(*link, idle->idle);
  } else if (auto* pause = std::get_if<captp::Pause>(&effect)) {
    if (Link* link = find(pause->link)) link->pause();
  } else if (auto* resume = std::get_if<captp::Resume>(&effect)) {
    if (Link* link = find(resume->link)) link->stream_.resumeReading();
  } else if (objects_.apply(effect)) {
    // A call on a local object, or the end of one that was made here.
  } else if (auto* cancel = std::get_if<captp::Cancel>(&effect)) {
    const auto found = restoring_.find(cancel->op);
    if (found != restoring_.end()) found->second->owner_.onCancel(cancel->op);
    if (const auto promised = promised_.extract(cancel->op)) promised.mapped()(cancel->op);
  }
}

void Hub::applyStart(const captp::Start& start) {
  Link* link = find(start.restore.from);
  if (const LinkProbe* probe = probeOf(start.restore.from)) {
    complete(start.op, probe->wanted());
    return;
  }
  if (link == nullptr) {
    complete(start.op, Status(Code::kDisconnected, "the link is gone"));
    return;
  }
  restoring_.emplace(start.op, link);
  link->owner_.onRestore(*link, start.op, start.restore.object_id);
}

void Hub::probe(captp::LinkId link, Duration patience, LinkProbe::Done done) {
  probes_.push_back(std::make_unique<LinkProbe>(
      loop_, link, patience, std::move(done),
      [this](LinkProbe& probe) { probeOver(probe, /*answered=*/false); }));
  tick();
  probes_.back()->begin(vat_, pool_, effects_);
  settle();
}

LinkProbe* Hub::probeOf(captp::LinkId asker) const {
  for (const auto& probe : probes_) {
    if (probe->asker() == asker) return probe.get();
  }
  return nullptr;
}

// An exception is an answer too, unless the engine made it because the link is gone.
void Hub::probeOver(LinkProbe& probe, bool answered) {
  const auto found = std::find_if(probes_.begin(), probes_.end(),
                                  [&probe](const auto& each) { return each.get() == &probe; });
  loop_.deferDelete(std::move(*found));
  probes_.erase(found);
  tick();
  vat_.onLost(probe.asker(), Status(Code::kDisconnected, "the probe is over"), effects_);
  settle();
  probe.tell(answered && find(probe.asked()) != nullptr);
}

void Hub::applyClose(const captp::Close& close) {
  Link* link = find(close.link);
  if (link == nullptr) return;
  if (close.reason.code() == Code::kProtocol) {
    link->close_reason_ = metrics::CloseReason::kProtocolError;
  }
  forget(*link);
  // Who doesn't read gets no more than the Abort; the memory is wanted back.
  const bool slow =
      close.reason.code() == Code::kOverloaded || close.reason.code() == Code::kTimeout;
  link->stream_.closeAfterFlush(net::Stream::kMaxCloseDeadline,
                                slow ? net::Unsent::kLast : net::Unsent::kAll);
  reportDown(*link, close.reason);
}

void Hub::forget(Link& link) {
  by_slot_[link.id_.slot] = nullptr;
}

void Hub::reportDown(Link& link, const Status& why) {
  std::erase_if(restoring_, [&link](const auto& each) { return each.second == &link; });
  link.noteDown(why);
  link.state_ = Link::State::kDown;
  link.owner_.onDown(link, why);
}

void Hub::armTimer() {
  const Instant deadline = vat_.nextDeadline();
  // A timer that is too early costs one empty tick; moving it later for each message costs more.
  if (deadline < deadline_.when()) deadline_.armAt(deadline);
}

}  // namespace vatmesh::link
