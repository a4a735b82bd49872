// SPDX-License-Identifier: Apache-2.0
//
// LinkProbe finds out whether the vat at the other end of a link still answers, by asking it for an
// object that nobody has: every vat answers that, and nothing comes of it. TCP's own probes are
// slower, and reach no farther than the next proxy.
//
// To the engine the one who asks is a link like any other, only that no connection stands behind
// it. The Hub drives it: begin, then it answers the Restore of `asker` with wanted(); the first
// message to `asker` is the answer.
#pragma once

#include <functional>

#include "rpc/vat/vat.h"
#include "rpc/wire/buffer.h"
#include "sidecar/event/loop.h"
#include "sidecar/event/timer.h"

namespace vatmesh::link {

class LinkProbe {
 public:
  using Done = std::function<void(bool lives)>;

  using OnLate = std::function<void(LinkProbe&)>;

  // `on_late` is called when `patience` is over.
  LinkProbe(event::Loop& loop, captp::LinkId asked, Duration patience, Done done, OnLate on_late);

  void begin(vat::Vat& vat, wire::BufferPool& pool, captp::Effects& effects);
  vat::BootstrapOf wanted() const;

  captp::LinkId asker() const { return asker_; }
  captp::LinkId asked() const { return asked_; }
  // Tells who wanted to know; once.
  void tell(bool lives);

 private:
  captp::LinkId asker_;
  captp::LinkId asked_;
  Done done_;
  event::Timer late_;
};

}  // namespace vatmesh::link
