// SPDX-License-Identifier: Apache-2.0
//
// Core is what the links of one vat share: the links themselves, the objects that join them, and
// the turn. A turn: begin() with the effects to fill, one input, end(), which works off everything
// that the input left to do, without recursion:
//   flushes   pipelines that are asked now and still hold queued calls
//   ends      embargoes to lift or to reject
//   returns   pipelines whose results waited for another call to end
//   failures  pipelines to break
//   drops     objects without handles
//   links     that broke the protocol or whose queue is full
//
// Who sends what on which link, in which order, is decided here and nowhere else: a message is
// appended to a link's queue at the moment it is handled (E-order, captp-engine 2.7).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rpc/base/instant.h"
#include "rpc/captp/budget.h"
#include "rpc/captp/cap.h"
#include "rpc/captp/connection.h"
#include "rpc/captp/counters.h"
#include "rpc/captp/effects.h"
#include "rpc/captp/embargo.h"
#include "rpc/captp/flow.h"
#include "rpc/captp/local.h"
#include "rpc/captp/pipeline.h"
#include "rpc/wire/buffer.h"
#include "rpc/wire/envelope.h"
#include "rpc/wire/frame.h"

namespace vatmesh::captp {

// Where a message goes that is addressed to a pin.
struct Route {
  enum class Kind : uint8_t { kLink, kQueue, kLocal, kBroken };
  Kind kind = Kind::kBroken;
  Connection* connection = nullptr;      // kLink
  wire::OutTarget target;                // kLink
  PromiseNode* promise = nullptr;        // kLink: what the call goes along
  WaitQueue* queue = nullptr;            // kQueue
  PathNode* path = nullptr;              // kQueue: of the pipeline that queues
  LocalNode* local = nullptr;            // kLocal
  const wire::Exception* why = nullptr;  // kBroken
  ObjectId gate;                         // the first one that it leads through
};

class Core {
 public:
  explicit Core(const VatLimits& limits);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // --- turns
  void begin(Effects& out);
  void end();
  Effects& effects() { return *effects_; }

  // --- time
  // Ends links that have not moved for their `stall`, reads on those that were paused for long, and
  // goes on with what was lost.
  void checkDeadlines();
  Instant nextDeadline() const;

  // --- links
  Connection& add(LinkKind kind, const Profile& profile, const Limits& limits);
  Connection* find(LinkId id);
  // Sends Abort, emits Close and forgets the link.
  void abort(Connection& connection, const Status& reason);
  // Forgets the link: everything that was asked of it fails with `why` (loss.cc).
  void lose(Connection& connection, const wire::Exception& why);
  // False while a lost link still has entries.
  bool allLost() const { return losses_.empty(); }
  template <typename F>
  void forEachLink(F f) {
    for (auto& slot : links_) {
      if (slot.connection) f(*slot.connection);
    }
  }

  // --- pipelines (deliver.cc)
  Held<Pipeline> newPipeline();
  void recycle(Pipeline& pipeline);
  // Sends `call` along `pin`, queues it there, or fails it.
  void dispatch(PendingCall& call, Node& pin);
  // Sends it along a way that leads to a link.
  void sendAlong(PendingCall& call, const Route& way);
  // Asks `connection` for its bootstrap on behalf of a waiting pipeline.
  void askBootstrap(Pipeline& pipeline, Connection& connection, std::string_view object_id);
  // Results that name other fields of themselves: each such capability becomes what stands there,
  // so that no pipeline keeps itself.
  void resolveWithin(Pipeline& pipeline, const wire::InMessage& message,
                     const wire::Payload& payload);
  // The index of what `results` hold at `path`; nullopt: no capability.
  static std::optional<uint32_t> indexAt(const Pipeline& results, std::span<const uint16_t> path);
  // Results came for `pipeline`; its capabilities and bounces are set, `message` is scrubbed.
  // kOld: they have been here, but nobody was told.
  enum class Age : uint8_t { kNew, kOld };
  void deliverResults(Pipeline& pipeline, wire::InMessage&& message, const wire::Payload& payload,
                      Age age);
  // What each capability of the results is told as to whoever asked `root`, into
  // `out_capabilities`; valid until forgetTold().
  void chooseCapabilities(Pipeline& root, Pipeline& pipeline, Age age);
  void forgetTold() { told_.clear(); }
  // Sends what is retained in `pipeline`, at the end of the turn's other work.
  void returnSoon(Pipeline& pipeline) { returns_.emplace_back(&pipeline); }
  // Sends on what queues on `pipeline`, which waits no longer.
  void flush(Pipeline& pipeline);
  // The question of `pipeline` was answered by the results of `from`.
  void take(Pipeline& pipeline, Pipeline& from);
  // Everything on `pipeline` fails; its sink gets `why`. At the end of the turn's other work.
  void breakPipeline(Pipeline& pipeline, Ref why);
  // Keep the content of results for lookups of paths, before and after they were delivered.
  void retain(Pipeline& pipeline, wire::InMessage&& message, const wire::Payload& payload);
  void keepImage(Pipeline& pipeline, const wire::FrameRef& frame);
  // Drops the results' content and what else was kept to look paths up in it.
  void forgetContent(Pipeline& pipeline);
  // The caller is gone or has finished: no Return will be sent. Forgets the content.
  void detach(Answer& answer);
  // One answer less stands for `pipeline`.
  void leave(Pipeline& pipeline);
  // The call that `result` belongs to waits no longer; nothing when it does not wait.
  void leaveQueue(Pipeline& result);
  std::deque<Waiting> takeQueue(WaitQueue& queue);
  // False for a call that only its queue still holds: its caller finished it.
  static bool isWanted(const PendingCall& call);
  // `answer` stands for `pipeline` from now on, which returns to it.
  void attach(Answer& answer, Connection& sink, AnswerId id, Held<Pipeline> pipeline);

  // --- capabilities (resolve.cc)
  Node& null() { return null_; }
  // Its texts are charged to `because`, which is nobody for those of ours, and cut short above that
  // link's `queue_soft` of them.
  Ref broken(wire::Exception why, LinkId because = {});
  // What a descriptor stands for that can't be used. One object for each reason, so that a message
  // full of them is told onwards as one (0.1.5).
  enum class Unusable : uint8_t { kKind, kExport, kAnswer, kPath, kPaths, kItself };
  static constexpr size_t kUnusables = 6;
  Ref unusable(Unusable why);
  Route route(Node& pin);
  // How a promise resolved: it is `to`, which its host named as `bounce` when that is something of
  // ours. Calls that went along it embargo the new way. Holders are told.
  void resolve(PromiseNode& promise, Ref to, Place bounce);
  // Refs follow `to` from now on (empty: the node itself), holders are told.
  void settle(PromiseNode& promise, Ref to);
  void announceAll(PromiseNode& promise);
  // Results were made here: what is addressed to a path goes to what they hold.
  void leadPaths(Pipeline& pipeline);
  // Results came: what is at each path is known.
  void resolvePaths(Pipeline& pipeline);
  // A path that is first used when the outcome is known already.
  void resolveNewPath(PathNode& node);
  // Where things go that are sent along `named`, when its host has announced that as ours already.
  static Place movedOn(Node& named);
  // What the caller addresses to a path that it was told nothing of goes to `to`.
  void lead(PathNode& node, Node& to);
  // Whether settling `node` to `to` would close a circle.
  static bool closesCircle(const PromiseNode& node, const Node& to);
  Held<Cell> newCell();
  void recycle(Cell& cell);

  // --- embargoes (embargo.cc)
  // A reference to `target` that holds back what is sent to it. It has no Disembargo yet.
  Ref embargo(Ref target);
  // Makes `embargo` wait until everything has arrived that was sent along `old_path`.
  void flushAlong(EmbargoNode& embargo, Node& old_path);
  // Sends a Disembargo the way that calls go which are addressed to `at`.
  void travel(Loopback loopback, Node& at);
  // A Disembargo can't go on: the link that it was on is lost, say.
  void strand(Loopback loopback, std::string_view why);
  void reject(EmbargoNode& embargo, Ref why);
  void startDeadline(EmbargoNode& embargo, Duration timeout);
  void forgetDeadline(EmbargoNode& embargo);
  uint64_t embargoes() const { return embargoes_; }

  // --- operations
  void startRestore(Connection& from, Pipeline& pipeline, std::string_view object_id);
  // An operation whose answer `pipeline` waits for from now on.
  OpId newOp(Pipeline& pipeline);
  void cancelOp(OpId op);
  // Removes and returns what waits for `op`; null when nothing does.
  Pipeline* takeOp(OpId op);
  bool operationsPending() const { return !ops_.empty(); }

  void drop(Counted& counted);
  // Whether dropped handles left something to do.
  bool hasDrops() const { return !drops_.empty(); }
  void touch(Connection& connection);

  Budget budget;  // outlives whatever is charged to it
  Flow flow{*this};
  wire::BufferPool buffers;
  wire::FramePool frames;
  Counters counters;
  Instant now{};
  Locals locals{*this};
  bool shortens_paths = true;  // see vat::Behaviour

  // Scratch, reused from message to message.
  wire::Envelope envelope;
  PendingCall call;
  std::vector<wire::OutDescriptor> out_descriptors;
  std::vector<Connection::OutCapability> out_capabilities;

 private:
  struct Slot {
    std::unique_ptr<Connection> connection;
    uint32_t generation = 0;
  };
  struct Failure {
    Held<Pipeline> pipeline;
    Ref why;
  };
  struct End {
    Held<EmbargoNode> embargo;
    Ref why;  // empty: lifted
  };

  struct Loss {
    std::unique_ptr<Connection> connection;
    Ref why;
    // Peers' Disembargoes that went along the link; they go on when all has failed.
    std::deque<SentDisembargo> onwards;
  };

  void continueLosses();
  size_t loseSome(Loss& loss, size_t most);
  void sendResults(Pipeline& root, Pipeline& pipeline, Age age);
  // A path that the caller's calls went, and the index of what the results hold there.
  struct UsedPath {
    uint32_t index;
    uint32_t order;  // of the first use
    PromiseNode* way;
  };
  // Into `used_paths_`, by index.
  void findUsedPaths(const Pipeline& root, const Pipeline& results);
  Connection::OutCapability toTell(const Pipeline& pipeline, const Ref& held,
                                   std::span<const UsedPath> paths, Age age);
  void arrive(Loopback loopback, Node& at);
  void endEmbargo(EmbargoNode& embargo, Ref why);
  void forgetLoopbacks(EmbargoNode& embargo);
  void endLateEmbargoes();
  void wait(WaitQueue& queue, PendingCall& pending, PathNode* path);
  void fail(Pipeline& pipeline, Ref why);
  bool endDoomedLink();
  void watchQueues();
  void loseQuestion(Question& question, Ref why);

  Effects* effects_ = nullptr;
  std::vector<Slot> links_;
  std::vector<uint32_t> free_slots_;
  std::deque<Loss> losses_;                              // whose entries have not all failed yet
  std::vector<std::unique_ptr<Connection>> lost_links_;  // until the end of the turn
  std::vector<Connection*> touched_;
  std::vector<Ref> told_;             // kept while a Return is written
  std::vector<UsedPath> used_paths_;  // scratch
  std::vector<Held<Pipeline>> flushes_;
  std::vector<End> ends_;
  std::vector<Held<Pipeline>> returns_;
  std::vector<Failure> failures_;
  std::vector<Counted*> drops_;
  std::vector<Pipeline*> idle_pipelines_;
  std::vector<Cell*> idle_cells_;
  std::unordered_map<OpId, Pipeline*> ops_;
  uint64_t next_op_ = 1;
  bool in_turn_ = false;
  NullNode null_;
  std::array<Ref, kUnusables> unusables_;  // made when first needed

  // Links that may stall, by when to look at them again; the earliest is on top.
  using Deadline = std::pair<Instant, LinkId>;
  struct Later {
    bool operator()(const Deadline& a, const Deadline& b) const { return a.first > b.first; }
  };
  std::priority_queue<Deadline, std::vector<Deadline>, Later> deadlines_;
  std::map<std::pair<Instant, uint64_t>, EmbargoNode*> embargo_deadlines_;
  uint64_t last_serial_ = 0;
  uint64_t embargoes_ = 0;
};

}  // namespace vatmesh::captp
