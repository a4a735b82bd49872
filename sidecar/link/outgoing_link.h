// SPDX-License-Identifier: Apache-2.0
//
// OutgoingLink is one connection that we open: a dial, then a link. All who want it wait together;
// after its end it can't be used again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sidecar/link/hub.h"
#include "sidecar/net/dialer.h"

namespace vatmesh::link {

class OutgoingLink : private LinkOwner {
 public:
  using Done = std::function<void(Result<captp::LinkId>)>;
  using Wrap = std::function<std::unique_ptr<net::Transport>(event::Fd)>;

  struct Target {
    net::Address address;
    net::DialOptions options;
    LinkSpec spec;
    Wrap wrap;  // makes the transport of the connected socket
  };

  // Whether the link ever was up.
  enum class WasUp : uint8_t { kNo, kYes };

  // What the owner is told. Only on_down must be there.
  struct Events {
    std::function<void(Link&)> on_up = {};
    // Comes once, after the waiting ones have been told; then it may be given to Loop::deferDelete.
    std::function<void(const Status&, WasUp, captp::LinkId)> on_down;
    std::function<void(bool idle)> on_idle = {};
    // The other end asks us for something; without it there is nothing to be had.
    std::function<void(Link&, captp::OpId, const std::string& object_id)> on_restore = {};
    std::function<void(captp::OpId)> on_cancel = {};
  };

  // Begins to dial.
  OutgoingLink(Hub& hub, net::Dialer& dialer, Target target, Events events);

  // Tells `done` the link: at once when it is up or over, else when it is.
  void get(Done done);

  // Ends it in an orderly way, without an Abort; on_down may come at once.
  void end(const Status& why, metrics::CloseReason reason);

  bool isUp() const { return link_ != nullptr && link_->isUp(); }
  // Null before the dial is done and after the end.
  Link* link() const { return link_; }

 private:
  void dialled(Result<event::Fd> fd);
  void tellWaiting(const Result<captp::LinkId>& result);
  void finish(const Status& why);

  void onUp(Link& link) override;
  void onDown(Link& link, const Status& why) override;
  void onIdle(Link& link, bool idle) override;
  void onRestore(Link& link, captp::OpId op, const std::string& object_id) override;
  void onCancel(captp::OpId op) override;

  Hub& hub_;
  Target target_;
  Events events_;
  std::vector<Done> waiting_;
  Link* link_ = nullptr;
  captp::LinkId id_;  // of the link, once it was up
  Status over_;       // why it ended; ok before
  std::unique_ptr<net::Dial> dial_;
};

}  // namespace vatmesh::link
