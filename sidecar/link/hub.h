// SPDX-License-Identifier: Apache-2.0
//
// Hub drives the engine: it owns the Vat and every Link, feeds each input as one turn, and applies
// the effects of a turn after it, first in first out. What applying leads to (a completion at hand,
// a link that an owner closes) is queued behind and never runs inside a turn.
//
// Invariants
//   1. A Link is in `by_slot_` exactly while the engine knows it.
//   2. LinkOwner::onDown comes once for each opened link, unless the Hub is destroyed.
//   3. The engine hears the time before the first input of each turn of the loop.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <variant>
#include <vector>

#include "rpc/base/log.h"
#include "rpc/vat/objects.h"
#include "rpc/vat/vat.h"
#include "rpc/wire/buffer.h"
#include "sidecar/event/loop.h"
#include "sidecar/event/timer.h"
#include "sidecar/link/admission.h"
#include "sidecar/link/link.h"
#include "sidecar/link/link_probe.h"
#include "sidecar/link/log_limiter.h"
#include "sidecar/link/recorder.h"
#include "sidecar/link/settings.h"
#include "sidecar/metrics/counters.h"

namespace vatmesh::link {

class Hub : private vat::Turns {
 public:
  // All references outlive the Hub; `pool` is where received messages lie.
  Hub(event::Loop& loop, wire::BufferPool& pool, Logger& log, metrics::Counters& counters,
      const Settings& settings);
  ~Hub() override;
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // Records all that the engine hears from now on. `recorder` outlives the Hub. Before any link.
  void recordIn(Recorder& recorder);

  // Begins a link over `transport`; the handshake has the configured deadline. `owner` hears onUp
  // or onDown in a later turn of the loop.
  Link& open(std::unique_ptr<net::Transport> transport, LinkSpec spec, LinkOwner& owner);

  // Ends a link from our side with an Abort that tells `why`, behind what was completed before. A
  // link that isn't up yet is dropped.
  void close(Link& link, const Status& why, metrics::CloseReason reason);
  // Ends a link without an Abort: the peer sees an orderly end of stream.
  void end(Link& link, const Status& why, metrics::CloseReason reason);

  // Answers a LinkOwner::onRestore. May be called from inside of it.
  void complete(captp::OpId op, Result<vat::Completion> result);
  // The same with a new gate in front of `found`; see vat::Objects.
  captp::ObjectId completeGated(captp::OpId op, const vat::BootstrapOf& found,
                                std::function<void()> gone);

  // A promise that complete() resolves. `canceled` runs when nobody wants it any more before.
  vat::NewPromise promise(std::function<void(captp::OpId)> canceled = {});

  // Asks whether the vat at the other end of `link` still answers; `done` hears it in the end, at
  // the latest after `patience`. Not when the Hub is destroyed before.
  void probe(captp::LinkId link, Duration patience, LinkProbe::Done done);

  // This vat saves what the application at the other end of `link` hosts (Vat::makeGateway).
  void makeGateway(captp::LinkId link) { vat_.makeGateway(link); }

  // The link that the engine calls `id`; null when it is gone.
  Link* find(captp::LinkId id) const;

  // Ends every link with an Abort that tells `why`; `on_empty` is called once none is left, in a
  // later turn of the loop.
  void shutDown(const Status& why, std::function<void()> on_empty);

  bool shuttingDown() const { return shutting_down_; }

  const vat::Vat& vat() const { return vat_; }
  // The objects inside the vat, and the calls that are made here.
  vat::Objects& objects() { return objects_; }
  // Where the messages of contents lie; it outlives the Hub.
  wire::BufferPool& pool() { return pool_; }
  // Bytes sent by the engine that the kernel hasn't taken yet.
  uint64_t bufferedBytes() const;

  event::Loop& loop() { return loop_; }
  Logger& log() { return log_; }
  // For lines that others can cause as often as they like.
  LogLimiter& limitedLog() { return limited_log_; }
  // To be asked by whoever accepts a connection, before open.
  Admission& admission() { return admission_; }
  metrics::Counters& counters() { return counters_; }
  const Settings& settings() const { return settings_; }

 private:
  friend class Link;

  struct Completed {
    captp::OpId op;
    Result<vat::Completion> result;
  };
  struct Closing {
    captp::LinkId link;
    Status why;
    metrics::CloseReason reason;
  };

  // From Link.
  void opened(Link& link);
  void received(Link& link, wire::InMessage&& message);
  void flushed(Link& link, size_t bytes);
  void peerEnded(Link& link);
  void arriving(Link& link, size_t bytes);
  void closed(Link& link, const Status& status);

  captp::Effects& next() override;
  void run(Completed input);
  void run(Closing input);
  void tick();
  void settle();
  void applyAll();
  void apply(captp::Effect& effect);
  void applyStart(const captp::Start& start);
  void applyClose(const captp::Close& close);
  LinkProbe* probeOf(captp::LinkId asker) const;
  void probeOver(LinkProbe& probe, bool answered);
  void forget(Link& link);
  void reportDown(Link& link, const Status& why);
  void armTimer();

  event::Loop& loop_;
  wire::BufferPool& pool_;
  Logger& log_;
  metrics::Counters& counters_;
  const Settings& settings_;
  LogLimiter limited_log_;
  Admission admission_;
  vat::Vat vat_;

  std::unordered_map<const Link*, std::unique_ptr<Link>> links_;
  std::vector<Link*> by_slot_;  // null where the engine has no link

  captp::Effects effects_;                               // of turns not yet applied
  captp::Effects applying_;                              // empty outside applyAll; keeps its memory
  std::deque<std::variant<Completed, Closing>> inputs_;  // of owners, in their order
  std::unordered_map<captp::OpId, Link*> restoring_;     // open operations of links that are up
  // Open promises, with whom to tell that one isn't wanted.
  std::unordered_map<captp::OpId, std::function<void(captp::OpId)>> promised_;
  Recorder* recorder_ = nullptr;
  std::vector<std::unique_ptr<LinkProbe>> probes_;
  bool settling_ = false;
  bool shutting_down_ = false;
  uint64_t ticked_turn_ = ~0ull;
  std::function<void()> on_empty_;
  event::NextTurn tell_empty_;
  event::NextTurn settle_soon_;
  event::Timer deadline_;
  vat::Objects objects_{vat_, *this};  // goes first: its end is one more input
};

}  // namespace vatmesh::link
