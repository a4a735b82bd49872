// SPDX-License-Identifier: Apache-2.0
//
// Vat is the engine's API: all links of one vat and the state that joins them. It does no I/O: each
// method is one turn, which takes an input and appends effects (captp/effects.h). It never blocks,
// never reads a clock and never calls back; one thread drives it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "rpc/base/instant.h"
#include "rpc/base/status.h"
#include "rpc/captp/counters.h"
#include "rpc/captp/effects.h"
#include "rpc/captp/limits.h"
#include "rpc/captp/profile.h"
#include "rpc/wire/message.h"

namespace vatmesh::captp {
class Core;
}

namespace vatmesh::vat {

using captp::Effects;
using captp::LinkId;
using captp::OpId;

struct LinkInfo {
  captp::LinkKind kind = captp::LinkKind::kPeer;
  std::string digest;  // 32 raw bytes; empty: a peer without TLS, or a local link
  captp::Profile profile;
  captp::Limits limits;
};

// What a Restore found: the bootstrap of `link`, asked with `object_id` (empty: none).
struct BootstrapOf {
  LinkId link;
  std::string object_id;
};
using Completion = BootstrapOf;

// How a vat goes about things that its peers can't tell apart.
struct Behaviour {
  // Calls take the shortest path that is known. Without, a path that was used stays what it was for
  // ever: in order too, with more hops and no Disembargoes of ours. For comparing the two.
  bool shortens_paths = true;
};

class Vat {
 public:
  explicit Vat(const captp::VatLimits& limits = {}, Behaviour behaviour = {});
  ~Vat();
  Vat(const Vat&) = delete;
  Vat& operator=(const Vat&) = delete;

  // Adds a link whose transport is up. Sends nothing.
  LinkId addLink(const LinkInfo& info);

  // A whole frame came on `link`. Ignored when the link is gone.
  void onMessage(LinkId link, wire::InMessage&& message, Effects& out);

  // The transport of `link` ended by itself: everything that was asked of it fails with
  // `disconnected` and the text of `reason`. Emits no Close. Ignored when the link is gone.
  void onLost(LinkId link, const Status& reason, Effects& out);

  // Ends `link` from our side: Abort with `reason`, then Close.
  void closeLink(LinkId link, const Status& reason, Effects& out);

  // Answers `op` of a Start. Late or unknown: what it brought is dropped. Never call it inside a
  // turn.
  void complete(OpId op, Result<Completion> result, Effects& out);

  // Tells the time. Call it before the inputs of each wake-up, and at nextDeadline().
  void onTick(Instant now, Effects& out);
  // When onTick is wanted next; kNever when nothing waits. May be earlier than needed.
  Instant nextDeadline() const;

  // `bytes` of what was sent on `link` have left the queue (reached the kernel).
  void onFlushed(LinkId link, size_t bytes, Effects& out);

  // The pool that frames for this vat come from. Frames must not outlive the Vat.
  wire::FramePool& framePool();

  // True while `link` exists.
  bool has(LinkId link) const;
  // True when all tables of `link` are empty.
  bool idle(LinkId link) const;
  // Bytes sent on `link` that have not been flushed.
  uint64_t queuedBytes(LinkId link) const;

  // Totals since start, and the sizes of all tables together.
  const captp::Counters& counters() const;
  captp::TableSizes tableSizes() const;

  // Checks every invariant of captp-engine 2.10; the first broken one as text. For tests and,
  // sampled, for debug builds.
  std::optional<std::string> checkInvariants() const;
  // All tables as text, one entry a line, without ids of objects.
  std::string dump() const;

 private:
  std::unique_ptr<captp::Core> core_;
};

}  // namespace vatmesh::vat
