// SPDX-License-Identifier: Apache-2.0
//
// Connection is one link's side of the protocol: its four tables and a handler for each message
// kind. handle() is the switch; the handlers stand with the table they act on (question.cc,
// answer.cc, import.cc, export.cc), descriptors in descriptors.cc. What touches more than one link
// is the Core's.
//
// Invariants (checked by invariants.cc; numbers of captp-engine 2.10):
//   I1  an export's wire_refs is the number of descriptors sent less those released, and not 0
//   I2  the exports recorded in params and results add up to no more than that
//   I3  canonical_ maps a node to an entry that has it as its Ref
//   I4  an import has wire_refs >= 1 and a handle
//   I5  a question waiting or lingering has a pipeline that names it back; a canceled one has none
//   I6  an answer that has not returned has a pipeline that will return to it
//   I7  a Disembargo under way keeps its old path open, on this link
//   I8  no cell leads to what is gone
//   I10 what is charged to a link is what is held because of it (budget.h)
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rpc/captp/answer.h"
#include "rpc/captp/cap.h"
#include "rpc/captp/counters.h"
#include "rpc/captp/embargo.h"
#include "rpc/captp/export.h"
#include "rpc/captp/flow.h"
#include "rpc/captp/ids.h"
#include "rpc/captp/limits.h"
#include "rpc/captp/outbox.h"
#include "rpc/captp/profile.h"
#include "rpc/captp/question.h"
#include "rpc/captp/question_table.h"
#include "rpc/captp/table.h"
#include "rpc/wire/envelope.h"
#include "rpc/wire/forward.h"
#include "rpc/wire/frame.h"

namespace vatmesh::captp {

class Connection {
 public:
  Connection(Core& core, LinkId id, LinkKind kind, const Profile& profile, const Limits& limits);

  LinkId id() const { return id_; }
  LinkKind kind() const { return kind_; }
  const Limits& limits() const { return limits_; }
  const Profile& profile() const { return profile_; }

  // One received message: decodes it into the Core's envelope and acts. A message that breaks the
  // protocol ends the link (Core::abort).
  void handle(wire::InMessage&& message);

  // --- questions (question.cc)
  // Forgets a lingering question or cancels a waiting one, and sends its Finish.
  void finish(QuestionId id, const Pipeline& pipeline);
  // Writes a call to this link as a new question. Not ok: nothing was sent or counted, and the
  // call's result is to be broken with the status. Precondition: call.result is waiting.
  Status sendCall(PendingCall& call, const wire::OutTarget& target);
  // True when `call` came from this peer, who takes its results itself (R-T4).
  bool isTailCall(const PendingCall& call);
  void sendBootstrap(Pipeline& pipeline, std::string_view object_id);

  // --- answers (answer.cc)
  void returnException(AnswerId id, const wire::Exception& why);
  void returnElsewhere(AnswerId id);
  // Answer `id` has the results of our question `from`.
  void returnTakeFrom(AnswerId id, QuestionId from);
  // Writes the results that `pipeline` retains to answer `id`. `out` are their capabilities as this
  // link is to be told of them.
  struct OutCapability {
    Node* node;
    // The peer embargoes what it is told is its own, since it holds a promise of it: it may be told
    // before our own embargo is lifted.
    bool embargoes;
  };
  void returnResults(AnswerId id, std::span<const OutCapability> out, Pipeline& pipeline);

  // --- imports (import.cc)
  // Counts one descriptor that named import `id` and gives its node.
  Ref import(ImportId id, bool promise);
  void releaseImport(ImportNode& node);

  // --- exports (export.cc)
  // Announces how the promise in export `id` was resolved, and lets the Disembargoes go on that
  // waited for it.
  void announce(ExportId id);
  void releaseExport(ExportId id, uint32_t count);
  // Nothing leads to `entry` any more, which is about to go.
  void unlist(ExportId id, Export& entry);

  // --- embargoes (disembargo.cc)
  void sendDisembargo(Loopback&& loopback, PromiseNode& along);
  void echoDisembargo(uint32_t id, Node& at);

  // --- descriptors (descriptors.cc)
  // Reads a descriptor. `bounce` becomes the place that it named, when that is one of ours.
  Ref read(const wire::Descriptor& descriptor, const wire::Envelope& envelope, Place& bounce);
  // Writes a descriptor for what the capability is by now, counts the export it names, and adds
  // that to `record`. A broken one is written as a promise; its Resolve is sent by resolveBroken(),
  // right behind the message and charged to whom that is charged to.
  wire::OutDescriptor describe(const OutCapability& capability, ExportRecord* record);
  void resolveBroken(LinkId asker);

  void send(wire::FrameRef frame, wire::MessageKind kind) { send(std::move(frame), kind, id_); }
  // What is sent is charged to `asker`.
  void send(wire::FrameRef frame, wire::MessageKind kind, LinkId asker);

  bool tablesEmpty() const {
    return questions.empty() && answers.empty() && exports.empty() && imports.empty() &&
           embargoes.empty();
  }

  QuestionTable questions;
  PeerTable<AnswerId, Answer> answers;
  OwnTable<ExportId, Export> exports;
  struct ImportEntry {
    ImportNode* node = nullptr;
    void clear() { node = nullptr; }
  };
  PeerTable<ImportId, ImportEntry> imports;
  OwnTable<EmbargoId, SentDisembargo> embargoes;
  // Disembargoes of other peers that wait until there is room among those under way.
  std::deque<SentDisembargo> delayed;
  // The peer's own Disembargoes that were not echoed yet; those among them that wait for a promise.
  uint32_t loopbacks = 0;
  // The entry to use again when a node is exported once more (R-RC9).
  std::unordered_map<const Node*, ExportId> canonical;

  // Its application's objects are saved by this vat (save.cc).
  bool gateway = false;

  // Path nodes made for what this peer asked (limits().paths).
  uint32_t path_count = 0;
  // In the records of all questions and answers.
  uint32_t recorded_exports = 0;

  // Back-pressure (flow.h): what has been sent and has not left our queue, and whether the peer is
  // read.
  Outbox outbox;
  Reading reading = Reading::kOpen;
  Patience patience;
  uint32_t owed_returns = 0;     // questions that are waiting
  uint32_t canceled = 0;         // questions that are canceled
  uint64_t charged_entries = 0;  // what the tables are charged with
  Charge arriving;               // a message that has come in part
  Instant last_progress;
  bool stall_armed = false;

  // Set when the link is to be ended, which happens at the end of the turn: no table goes away
  // under the feet of what is being done.
  std::optional<Status> doomed;
  bool touched = false;  // in this turn
  bool was_idle = true;  // as last told by an Idle effect

 private:
  void handleAbort(const wire::Envelope& envelope);
  void handleBootstrap(const wire::Envelope& envelope);
  void handleCall(wire::InMessage&& message, const wire::Envelope& envelope);
  void handleReturn(wire::InMessage&& message, const wire::Envelope& envelope);
  void handleFinish(const wire::Envelope& envelope);
  void handleResolve(const wire::Envelope& envelope);
  void handleRelease(const wire::Envelope& envelope);
  void handleDisembargo(wire::InMessage&& message, const wire::Envelope& envelope);
  void handleUnimplemented(const wire::Envelope& envelope);
  void replyUnimplemented(wire::InMessage&& message);

  // Dooms the link: `what` names the rule that the peer broke.
  void abort(std::string_view what);

  // The entry for a new question of the peer; null when the id is in use, which ends the link.
  Answer* newAnswer(AnswerId id);
  // What a call is addressed to. Null and `why` when that call fails; null without a reason in
  // `why` when the target is unknown in a way that ends the link.
  Node* findTarget(const wire::Envelope& envelope, wire::Exception& why);
  std::optional<wire::Exception> refuseCall(const wire::InMessage& message,
                                            const wire::Envelope& envelope);
  std::optional<wire::Exception> refuseResults(const wire::InMessage& message,
                                               const wire::Envelope& envelope);
  void onResults(Question& question, Pipeline& pipeline, wire::InMessage&& message,
                 const wire::Envelope& envelope);
  void releaseParams(Question& question, const wire::Envelope& envelope);
  void onTaken(Pipeline* pipeline, AnswerId taken);
  void onTailReturn(Question& question, Pipeline* pipeline, const wire::Envelope& envelope);
  void countOutcome(const Answer& answer, CallOutcome outcome);
  bool hasQuestionId();
  // The peer flushes its way to `cell`, or to a path of its question.
  void flushCell(Cell& cell, Cell::WaitingDisembargo embargo);
  void flushPath(PathNode* path, uint32_t id);
  void startLoopback(uint32_t id, Node& at);
  void echoStray(uint32_t id, Node& at);
  void write(Loopback&& loopback, Node& along, Place bounce);
  void handleEcho(EmbargoId id);
  void handleUnknownDisembargo(EmbargoId id);
  std::pair<ExportId, Export*> newExport(Node& node);
  // What a descriptor names: the node at the peer, or the one that is exported.
  Node* toldOf(const OutCapability& capability) const;
  // Without a gate in front of something of the peer's own.
  Node* withoutGate(Node* node) const;
  // What the peer was told in a Return is where its paths lead from now on.
  void setPlaces(Pipeline& root, const Pipeline& results, std::span<const OutCapability> out,
                 std::span<const wire::OutDescriptor> descriptors);
  Status checkRoom(std::span<const OutCapability> capabilities, const wire::InMessage& message,
                   const wire::OutTarget& target);
  // What the peer itself hosts: the node as an import from it, as a path of what we asked it; else
  // null.
  const ImportNode* theirImport(const Node& node) const;
  const PathNode* theirPath(const Node& node) const;

  Core& core_;
  LinkId id_;
  LinkKind kind_;
  Profile profile_;
  Limits limits_;
  std::vector<ExportId> broken_exports_;  // written in this message, to be resolved behind it
};

}  // namespace vatmesh::captp
