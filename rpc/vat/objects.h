// SPDX-License-Identifier: Apache-2.0
//
// Objects is what is inside a vat above the engine: the registry of local objects, to which it
// brings their calls, and the calls that they, or others in this process, make. It turns effects
// into C++ calls and answers into turns; whoever drives the Vat hands it the effects that are for
// it, in their order among the others.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "rpc/vat/local_object.h"
#include "rpc/vat/vat.h"

namespace vatmesh::vat {

// Whoever drives the Vat.
class Turns {
 public:
  virtual ~Turns() = default;
  // Where the effects of a turn go that is run right behind this, after all that were not applied
  // yet. The Vat has been told the time. They are applied soon, but not from inside of here.
  virtual Effects& next() = 0;
};

// A peer's Persistent.save of what a gateway hosts (captp/save.cc), once the application's answer
// is there.
struct SaveRequest {
  LinkId from;              // the peer's link
  ObjectId gate;            // the first gate that it passed; none: 0
  LinkId host;              // the gateway's; none when what was saved turned out to live elsewhere
  Content params;           // as the peer sent them
  Result<Content> outcome;  // of the save of our own
};

// A call that was made inside the vat. Cancels it when destroyed before its outcome came.
class PendingCall {
 public:
  PendingCall() = default;
  PendingCall(PendingCall&& other) noexcept
      : objects_(std::move(other.objects_)), id_(std::exchange(other.id_, {})) {}
  PendingCall& operator=(PendingCall&& other) noexcept {
    std::swap(objects_, other.objects_);
    std::swap(id_, other.id_);
    return *this;
  }
  ~PendingCall();

  // A field of the results to come; broken once the outcome was told: the results have it then.
  Capability pipelined(std::span<const uint16_t> path) const;
  // Gives the call to a Restored, which awaits it: the outcome is told to nobody then.
  CallId handOver();
  // Nothing cancels the call any more.
  void detach() { id_ = {}; }

 private:
  friend class Objects;
  PendingCall(std::weak_ptr<Objects*> objects, CallId id) : objects_(std::move(objects)), id_(id) {}

  std::weak_ptr<Objects*> objects_;
  CallId id_;
};

class Objects {
 public:
  using Then = std::function<void(Result<Content>)>;
  using Saver = std::function<void(SaveRequest, Responder)>;

  // Both outlive it.
  Objects(Vat& vat, Turns& turns)
      : vat_(vat), turns_(turns), self_(std::make_shared<Objects*>(this)) {}
  // Fails the calls that were not answered, drops what is being saved, destroys all objects,
  // cancels what was called.
  ~Objects();
  Objects(const Objects&) = delete;
  Objects& operator=(const Objects&) = delete;

  // The first reference to `object`, which is destroyed when none is left.
  Capability add(std::unique_ptr<LocalObject> object);

  // Calls `target`, or asks `link` for its bootstrap. `then` runs once with the outcome, later and
  // never inside a turn, unless the call is canceled.
  [[nodiscard]] PendingCall call(const Capability& target, Request request, Then then);
  [[nodiscard]] PendingCall bootstrap(LinkId link, std::string_view object_id, Then then);

  // A promise, and who resolves it.
  std::pair<Responder, Capability> promise();

  // A gate in front of `inner` (captp/gate.h); or in front of the bootstrap `found`, which answers
  // `op`. `gone` runs when no reference to it is left.
  NewObject gate(const Capability& inner, std::function<void()> gone);
  ObjectId completeGated(OpId op, const BootstrapOf& found, std::function<void()> gone);
  // Every later call on the gate fails with `why`. Nothing happens when it is gone.
  void cut(ObjectId gate, const Status& why);
  // Another reference to an object or gate; null when it is gone.
  Capability reference(ObjectId object) { return vat_.reference(object); }

  // Who answers what peers save. Before the first gateway.
  void setSaver(Saver saver) { saver_ = std::move(saver); }

  // Applies an effect. False when it is not for objects: Send, Close, Start, Idle, and the Cancel
  // of a Start.
  bool apply(captp::Effect& effect);

  size_t size() const { return objects_.size(); }
  // Works off what dropped capabilities left to do, unless a turn comes anyway.
  void settle() { vat_.settle(turns_.next()); }

 private:
  friend class Responder;
  friend class PendingCall;

  struct Save {
    Responder responder;
    std::unique_ptr<captp::SaveCall> asked;
  };

  void apply(captp::Invoke& invoke);
  void apply(captp::Saving& saving);
  void apply(captp::Returned& returned);
  void complete(OpId op, Result<Completion> result);
  void cancel(CallId call);

  Vat& vat_;
  Turns& turns_;
  std::shared_ptr<Objects*> self_;
  std::unordered_map<ObjectId, std::unique_ptr<LocalObject>> objects_;
  std::unordered_map<ObjectId, std::function<void()>> gates_;  // what to run when it is gone
  std::unordered_map<OpId, std::function<void()>> running_;    // what to tell when it is canceled
  std::unordered_map<CallId, Then> calls_;
  std::unordered_map<CallId, Save> saves_;  // neither returned nor canceled
  Saver saver_;
};

}  // namespace vatmesh::vat
