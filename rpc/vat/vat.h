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
#include <span>
#include <string>
#include <string_view>
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

class Journal;

using captp::CallId;
using captp::Capability;
using captp::Content;
using captp::Effects;
using captp::LinkId;
using captp::ObjectId;
using captp::OpId;

struct LinkInfo {
  captp::LinkKind kind = captp::LinkKind::kPeer;
  std::string digest;  // 32 raw bytes; empty: a peer without TLS, or a local link
  captp::Profile profile;
  captp::Limits limits;
};

// What answers an operation.
//
// A Restore found the bootstrap of `link`, asked with `object_id` (empty: none).
struct BootstrapOf {
  LinkId link;
  std::string object_id;
};
// ... or `capability`: a local object, a gate, a promise of another call. Fails with its cause when
// it is broken by now. While the call `awaits` is open, pipelined calls go to `capability` at once,
// but the answer is given only when that call has returned, and fails as it fails; its results are
// dropped then, and no Returned tells of them.
struct Restored {
  Capability capability;
  CallId awaits;
};
// A local object's results are a Content.
using Completion = std::variant<BootstrapOf, Restored, Content>;

// A call made inside the vat.
struct Request {
  uint64_t interface_id = 0;
  uint16_t method_id = 0;
  Content params;
};
// Something new of this vat: a local object, a gate.
struct NewObject {
  ObjectId id;
  Capability capability;  // the first reference
};
struct NewPromise {
  OpId op;
  Capability capability;
};

// How a vat goes about things that its peers can't tell apart.
struct Behaviour {
  // Calls take the shortest path that is known. Without, a path that was used stays what it was for
  // ever: in order too, with more hops and, but where results lead past it (those of another call,
  // those of two paths that met), no Disembargoes of ours. For comparing the two.
  bool shortens_paths = true;
};

class Vat {
 public:
  explicit Vat(const captp::VatLimits& limits = {}, Behaviour behaviour = {});
  ~Vat();
  Vat(const Vat&) = delete;
  Vat& operator=(const Vat&) = delete;

  // Records every input from now on in `journal`, which outlives the Vat. Before the first link.
  void recordIn(Journal& journal);

  // Adds a link whose transport is up. Sends nothing.
  LinkId addLink(const LinkInfo& info);

  // `link` leads to an application whose objects this vat saves (captp/save.cc): from now on a
  // Persistent.save of them that a peer calls becomes an effect Saving. Ignored for other kinds of
  // link, and when the link is gone.
  void makeGateway(LinkId link);

  // A whole frame came on `link`. Ignored when the link is gone.
  void onMessage(LinkId link, wire::InMessage&& message, Effects& out);

  // The transport of `link` ended by itself: everything that was asked of it fails with
  // `disconnected` and the text of `reason`. Emits no Close. Ignored when the link is gone.
  void onLost(LinkId link, const Status& reason, Effects& out);

  // Ends `link` from our side: Abort with `reason`, then Close.
  void closeLink(LinkId link, const Status& reason, Effects& out);

  // Answers `op` of a Start, an Invoke, a Saving or a NewPromise. Late or unknown: what it brought
  // is dropped. Never call it inside a turn.
  void complete(OpId op, Result<Completion> result, Effects& out);

  // The same for a BootstrapOf, with a new gate in front of what is found, which calls pass that
  // are pipelined on the answer already.
  ObjectId completeGated(OpId op, const BootstrapOf& found, Effects& out);

  // Tells the time. Call it before the inputs of each wake-up, and at nextDeadline().
  void onTick(Instant now, Effects& out);
  // When onTick is wanted next; kNever when nothing waits. May be earlier than needed.
  Instant nextDeadline() const;

  // --- inside the vat (captp/local.h)
  //
  // An object that is called by Invoke effects. Gone, as Unused tells, when no reference is left.
  NewObject newObject();
  // A gate in front of `inner` (captp/gate.h).
  NewObject newGate(const Capability& inner);
  // Every later call on the gate fails with `why`; ... goes to `inner`. Nothing happens when the
  // gate is gone, or was cut before.
  void cut(ObjectId gate, const Status& why, Effects& out);
  void replace(ObjectId gate, const Capability& inner, Effects& out);
  // Another reference to an object or gate; null when it is gone.
  Capability reference(ObjectId object);
  // Whether every call on `capability` fails by now, whatever it stood for.
  bool isBroken(const Capability& capability) const;
  // A promise, which complete() resolves. Cancel tells when nobody wants it any more.
  NewPromise newPromise();

  // Calls `target`, or asks `link` for its bootstrap. Leads to one Returned, unless it is canceled
  // before or awaited by a Restored; after the Returned it is to be closed by cancel().
  CallId call(const Capability& target, Request request, Effects& out);
  CallId bootstrap(LinkId link, std::string_view object_id, Effects& out);
  // A field of what an open call will return, or has returned; broken when it is closed.
  Capability pipelined(CallId call, std::span<const uint16_t> path);
  // Ends a call that has not returned, closes one that has. Nothing happens when it is closed.
  void cancel(CallId call, Effects& out);
  // Works off what dropped handles left to do; other turns do so too.
  void settle(Effects& out);

  // Where the messages of contents may lie. Like frames, they must not outlive the Vat then.
  wire::BufferPool& bufferPool();

  // `bytes` of what was sent on `link` have left the queue (reached the kernel).
  void onFlushed(LinkId link, size_t bytes, Effects& out);

  // A message that is arriving on `link` keeps `bytes` of memory by now; 0 once it has come.
  void onArriving(LinkId link, size_t bytes, Effects& out);

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
  Journal* journal_ = nullptr;
};

}  // namespace vatmesh::vat
