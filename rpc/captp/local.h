// SPDX-License-Identifier: Apache-2.0
//
// What lives inside the vat itself: objects that are called, gates, and calls that are made here.
// Nothing calls back; all goes through effects and Vat::complete:
//
//   a call on an object     Invoke{op}, then complete(op), or Cancel{op} when nobody wants it
//   a call made here        call(), then Returned{id}, then cancel(id); or cancel(id) before
//   no reference is left    Unused{object}
//   a peer saves            Saving{op, call}, then both of the first two (save.cc)
//
// A call on an object is a pipeline that waits for its op, as one that waits for a restore: calls
// on its results queue, bounded, and its results hold a capability per path. A call made here is a
// pipeline without a link that gets the Return: `Pipeline::caller` does.
//
// Invariants (checked by invariants.cc)
//   L1  an object or gate has a handle
//   L2  a call made here that has not returned has a pipeline that will return to it
//   L3  a save made here holds what it was made on until it has returned, and no longer
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>

#include "rpc/captp/cap.h"
#include "rpc/captp/effects.h"
#include "rpc/captp/gate.h"
#include "rpc/captp/pipeline.h"

namespace vatmesh::captp {

struct Route;

// An object that is implemented in this vat, outside the engine. A pin on it never moves.
class LocalNode final : public Counted, public Node {
 public:
  LocalNode(Core& core, ObjectId id) : Counted(core), Node(NodeKind::kLocal, *this), id_(id) {}
  void onUnused() override;
  ObjectId id() const { return id_; }

 private:
  ObjectId id_;
};

class Locals {
 public:
  explicit Locals(Core& core) : core_(core) {}

  // --- objects and gates: gone when the last handle is dropped
  LocalNode& newObject();
  GateNode& newGate(Ref inner);
  // Null when it is gone.
  Node* find(ObjectId id) const;
  // Nothing when there is no such gate, or it is cut. An inner that leads back to the gate breaks
  // it.
  void replace(ObjectId gate, Ref inner);
  void cut(ObjectId gate, Ref why);
  // The node of `id` is about to go.
  void remove(ObjectId id);

  // --- what waits for an op
  // A call has reached `object`.
  void invoke(PendingCall& pending, LocalNode& object);
  // `pipeline` waited for an op, whose answer is `content`.
  void answer(Pipeline& pipeline, Content&& content);
  // ... or the capability `to`. While the call `awaited` has not returned, calls on the results go
  // to `to` already, but they are returned only when it has returned, and fail when it has failed.
  // It is closed then.
  void provide(Pipeline& pipeline, Ref to, CallId awaited);

  // --- a peer's save of what a gateway hosts (save.cc)
  // Whether `call`, which `way` leads to a gateway, is one.
  bool isSave(const PendingCall& call, const Route& way) const;
  // Sends a save of our own along `way`, in the place of `asked`.
  void save(PendingCall& asked, const Route& way);

  // --- calls made here
  CallId call(Node& target, uint64_t interface_id, uint16_t method_id, Content&& params);
  // The bootstrap of `link`, asked with `object_id`; fails at once when the link is null.
  CallId bootstrap(Connection* link, std::string_view object_id);
  // A field of what an open call will return, or has returned.
  Ref pipelined(CallId id, std::span<const uint16_t> path);
  // Ends a call, or what is left of it. Nothing when it is not open.
  void cancel(CallId id);
  // ... because the pipeline that awaits it is going.
  void abandon(CallId id);
  // Results are retained in `pipeline`, whose caller is here; they came just now when `fresh`.
  void deliver(Pipeline& pipeline, bool fresh);
  void fail(Pipeline& pipeline, const Ref& why);
  void cancelAll();

  Ref ref(const Capability& capability) const;

  size_t objects() const { return objects_.size(); }
  size_t openCalls() const { return calls_.size(); }
  template <typename F>
  void forEachObject(F f) const {
    for (const auto& [id, node] : objects_) f(id, *node);
  }
  struct Call {
    Held<Pipeline> pipeline;
    Pipeline* awaiting = nullptr;  // its results are returned instead
    LinkId saved_at;               // of a save: the gateway that was asked
    Ref saved;                     // ... and what was, until it has returned
    Ref through;                   // ... and the gate that SaveCall names, until it is closed
  };
  template <typename F>
  void forEachCall(F f) const {
    for (const auto& [id, call] : calls_) f(id, call);
  }

 private:
  Call& open(CallId& id);
  // Takes the parameters of `pending`, whose result is charged with them.
  Content takeParams(PendingCall& pending, uint64_t more_bytes);
  // The link that hosts what `call` saved by now; none when that is no gateway, or it is no save.
  LinkId hostOf(Call& call) const;
  // Forgets a call; gives the pipeline that awaited it.
  Pipeline* close(CallId id);
  // Gives `pipeline` its results; calls on them go on, nobody is told yet. False: it breaks.
  bool setResults(Pipeline& pipeline, Content&& content);

  Core& core_;
  std::unordered_map<ObjectId, Node*> objects_;
  std::unordered_map<CallId, Call> calls_;
  uint64_t next_object_ = 1;
  uint64_t next_call_ = 1;
};

}  // namespace vatmesh::captp
