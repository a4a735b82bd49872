// SPDX-License-Identifier: Apache-2.0
//
// What a turn of the engine asks the outside to do. A turn is one input and the effects it
// produced; they are applied after it, first in first out for each link.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "rpc/base/status.h"
#include "rpc/base/strong_id.h"
#include "rpc/captp/capability.h"
#include "rpc/wire/frame.h"

namespace vatmesh::captp {

// Names one link for ever: the slot is reused, the generation isn't, so a late input for a link
// that is gone is recognised and ignored.
struct LinkId {
  uint32_t slot = 0;
  uint32_t generation = 0;  // 0: no link
  bool operator==(const LinkId&) const = default;
  explicit operator bool() const { return generation != 0; }
};

// Names one operation that the engine started; never reused.
using OpId = StrongId<struct OpTag, uint64_t>;
// Names a local object or a gate; never reused.
using ObjectId = StrongId<struct ObjectTag, uint64_t>;
// Names a call that was made inside the vat; never reused.
using CallId = StrongId<struct CallTag, uint64_t>;

// Queue `frame` behind what was sent on `link` before.
struct Send {
  LinkId link;
  wire::FrameRef frame;
};

// End `link`: write what is queued (an Abort among it, unless the peer sent one), within a short
// deadline, then close. The engine has forgotten the link already; don't call onLost for it.
struct Close {
  LinkId link;
  Status reason;  // for the log
};

// Find what a Bootstrap asks for: a service of ours (peer links), the remote end of an import
// (client links), `Sidecar` (app links). The outside answers with Vat::complete.
struct Restore {
  LinkId from;
  std::string object_id;  // empty: the Bootstrap had none, or an empty one
};
struct Start {
  OpId op;
  Restore restore;
};

// A call on a local object. The outside answers with Vat::complete; the object stays in use until
// then.
struct LocalCall {
  ObjectId object;
  uint64_t interface_id = 0;
  uint16_t method_id = 0;
  Content params;
};
struct Invoke {
  OpId op;
  std::unique_ptr<LocalCall> call;
};

// A peer called Persistent.save on something that a gateway hosts. It was not forwarded: `call` is
// a save of our own, sent in its place, which Returned tells the outcome of. The outside answers
// the peer's with Vat::complete.
struct SaveCall {
  LinkId from;    // the peer's
  ObjectId gate;  // the first gate that it passed; none: 0
  Content params;
};
struct Saving {
  OpId op;
  CallId call;
  std::unique_ptr<SaveCall> asked;
};

// A call that was made inside the vat came to its end. It is to be closed by Vat::cancel; until
// then, fields of its results can be asked for.
struct Returned {
  CallId call;
  std::unique_ptr<Result<Content>> outcome;
  // Of a Saving: the gateway that hosts what was saved; none when that turned out to live
  // elsewhere.
  LinkId host{};
};

// No reference to a local object or gate is left: it is gone.
struct Unused {
  ObjectId object;
};

// The answer to `op` is no longer wanted. Completing it anyway is harmless.
struct Cancel {
  OpId op;
};

// The tables of `link` became empty (or no longer are). An idle link may be closed with plain EOF.
struct Idle {
  LinkId link;
  bool idle = true;
};

// Read nothing more from `link` until Resume: what it asked for waits in our queues already. What
// was received before may still come as input.
struct Pause {
  LinkId link;
};
struct Resume {
  LinkId link;
};

using Effect =
    std::variant<Send, Close, Start, Cancel, Idle, Pause, Resume, Invoke, Saving, Returned, Unused>;

// Reused from turn to turn, so that it keeps its memory.
using Effects = std::vector<Effect>;

}  // namespace vatmesh::captp
