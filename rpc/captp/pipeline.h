// SPDX-License-Identifier: Apache-2.0
//
// Pipeline is the struct that an answer will hold, or holds: what can be pipelined on. It begins as
// one of
//   waiting    nobody has been asked yet (a restore is under way, or the call itself is queued):
//              calls on its paths queue, bounded
//   asked      a question on some link stands for it; calls on its paths go there
// and becomes
//   returned   results came; each path is what the capability table says, or stays with the
//   question taken      the question was answered by takeFromOtherQuestion: `next` holds the
//   results broken     one exception for every path
//
// Who performs the transitions: Core::ask (waiting -> asked), Core::deliverResults (-> returned),
// Core::take (-> taken), Core::breakPipeline (-> broken).
//
// A question stays open while its pipeline has a handle: the answer that waits for it, an entry
// pinned to one of its paths, a queued call. The last one to go sends Finish.
//
// Paths. A PathNode is the one shared node for (pipeline, path): a promise that stands for the
// question at that path. Refs follow it to what the results hold there. What the caller itself
// addresses to the path goes to its place: the question, until the caller is told of the results.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_set>
#include <vector>

#include "rpc/captp/budget.h"
#include "rpc/captp/cap.h"
#include "rpc/captp/effects.h"
#include "rpc/captp/queue.h"
#include "rpc/wire/envelope.h"
#include "rpc/wire/frame.h"
#include "rpc/wire/message.h"

namespace vatmesh::captp {

class Pipeline;

class PathNode final : public PromiseNode {
 public:
  PathNode(Pipeline& pipeline, std::span<const uint16_t> path);

  Pipeline& pipeline() const { return pipeline_; }
  std::span<const uint16_t> path() const { return path_; }

  // Where the caller's messages go that are addressed to the path.
  Node* place() { return cell ? cell->node() : this; }
  Held<Cell> cell;  // empty: the question itself
  // The question itself serves although the caller was told that its own object stands there.
  bool told_theirs = false;

 private:
  Pipeline& pipeline_;
  std::vector<uint16_t> path_;
};

class Pipeline final : public Counted {
 public:
  explicit Pipeline(Core& core);
  ~Pipeline() override;
  void onUnused() override;
  void onStillUsed() override;
  void onNodeUnused() override;
  // Back to a new, waiting one, keeping memory.
  void recycle();

  // Different paths of one pipeline; more are refused, so that nobody makes a long-lived answer
  // grow.
  static constexpr size_t kMaxPaths = 1024;
  // Takes in a row. The answers between may be finished, so no table bounds them, and every path is
  // looked up along all of them.
  static constexpr uint32_t kMaxTakes = 512;

  // The cell of `path`, made on first use; valid while the pipeline lives. Null above kMaxPaths,
  // and above `paths` of the asking link's limits.
  PathNode* pathNode(std::span<const uint16_t> path);
  const std::vector<std::unique_ptr<PathNode>>& paths() const { return paths_; }

  // The pipeline whose results these are: follows takes.
  Pipeline& last();

  bool waiting() const { return !connection && !returned && !broken; }

  // The question that stands for it; null when it was never asked, or is finished, or its link
  // lost.
  Connection* connection = nullptr;
  QuestionId question;

  // Who gets the Return; null when nobody waits.
  Connection* sink = nullptr;
  AnswerId sink_answer;
  LinkId asker;                  // the link that asked, which the paths are counted for
  bool sink_redirected = false;  // a `yourself` answer not yet taken: results are kept, not sent

  // Who gets it when the call was made inside the vat, then there is no sink (local.h).
  CallId caller;
  // The call whose end lets these results be returned, which are known already.
  CallId awaits;

  bool returned = false;
  bool local = false;   // by something inside the vat: no question leads to what the results hold
  Held<Pipeline> next;  // taken
  uint32_t takes = 0;   // how many lead here
  Ref broken;           // a BrokenNode

  // Results, while a path may still be looked up in them: the table's capabilities, the places of
  // those that were announced as receiver*, and the content.
  std::vector<Ref> capabilities;
  std::vector<Place> bounces;
  wire::FrameRef image;      // delivered
  wire::InMessage retained;  // not yet delivered
  wire::Payload retained_payload;
  Charge kept;  // of the results; before, of what the op was started with
  // What the caller was told, one for each capability of the results: where a path leads that it
  // uses later. Empty until it is told, and when the question itself serves for all.
  std::vector<Held<Cell>> told;
  // Answers and calls made here that stand for it, through takes: the content is kept for them.
  uint32_t answers = 0;

  // The restore that will tell whom to ask, or the call on a local object; 0: none. Canceled when
  // nobody needs the pipeline.
  OpId op;
  Ref callee;  // the object, while the call runs
  // Each call keeps the pipeline alive: a caller may finish what it pipelined on, not what it asked
  // (R-F11).
  WaitQueue queue;
  WaitQueue* queued_in = nullptr;  // where the call that this is the result of waits

  // Bits of the Finish that we will send.
  bool early_cancellation_workaround = false;
  bool deliver_canceled = false;  // a queued call goes out although its caller finished it

 private:
  // What finds a path among many.
  struct PathHash {
    using is_transparent = void;
    size_t operator()(std::span<const uint16_t> path) const;
    size_t operator()(const PathNode* node) const { return (*this)(node->path()); }
  };
  struct PathEqual {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return std::ranges::equal(pathOf(a), pathOf(b));
    }
    static std::span<const uint16_t> pathOf(std::span<const uint16_t> path) { return path; }
    static std::span<const uint16_t> pathOf(const PathNode* node) { return node->path(); }
  };
  using PathIndex = std::unordered_set<PathNode*, PathHash, PathEqual>;

  void countPaths(int64_t more);
  PathNode* findPath(std::span<const uint16_t> path) const;

  std::vector<std::unique_ptr<PathNode>> paths_;
  std::unique_ptr<PathIndex> index_;  // of all of them; empty while there are few
};

}  // namespace vatmesh::captp
