// SPDX-License-Identifier: Apache-2.0
//
// In the order of its life.
#include "sidecar/link/outgoing_link.h"

#include <utility>

namespace vatmesh::link {

OutgoingLink::OutgoingLink(Hub& hub, net::Dialer& dialer, Target target, Events events)
    : hub_(hub), target_(std::move(target)), events_(std::move(events)) {
  dial_ = dialer.dial(target_.address, target_.options,
                      [this](Result<event::Fd> fd) { dialled(std::move(fd)); });
}

void OutgoingLink::get(Done done) {
  if (isUp()) {
    done(link_->id());
  } else if (!over_.ok()) {
    done(over_);
  } else {
    waiting_.push_back(std::move(done));
  }
}

void OutgoingLink::end(const Status& why, metrics::CloseReason reason) {
  if (!over_.ok()) return;
  if (link_ != nullptr) {
    hub_.end(*link_, why, reason);
  } else {
    dial_.reset();
    finish(why);
  }
}

void OutgoingLink::dialled(Result<event::Fd> fd) {
  dial_.reset();
  if (!fd.ok()) {
    finish(fd.status());
    return;
  }
  link_ = &hub_.open(target_.wrap(std::move(*fd)), target_.spec, *this);
}

void OutgoingLink::onUp(Link& link) {
  id_ = link.id();
  if (events_.on_up) events_.on_up(link);
  tellWaiting(id_);
}

void OutgoingLink::onDown(Link& link, const Status& why) {
  link_ = nullptr;
  finish(why);
}

void OutgoingLink::onIdle(Link& link, bool idle) {
  if (events_.on_idle) events_.on_idle(idle);
}

void OutgoingLink::onRestore(Link& link, captp::OpId op, const std::string& object_id) {
  if (events_.on_restore) {
    events_.on_restore(link, op, object_id);
  } else {
    LinkOwner::onRestore(link, op, object_id);
  }
}

void OutgoingLink::onCancel(captp::OpId op) {
  if (events_.on_cancel) events_.on_cancel(op);
}

void OutgoingLink::tellWaiting(const Result<captp::LinkId>& result) {
  for (Done& done : std::exchange(waiting_, {})) done(result);
}

void OutgoingLink::finish(const Status& why) {
  over_ = why.ok() ? Status(Code::kDisconnected, "Connection closed") : why;
  tellWaiting(over_);
  events_.on_down(over_, id_ ? WasUp::kYes : WasUp::kNo, id_);
}

}  // namespace vatmesh::link
