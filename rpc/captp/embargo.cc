// SPDX-License-Identifier: Apache-2.0
#include "rpc/captp/embargo.h"

#include <utility>

#include "rpc/captp/connection.h"
#include "rpc/captp/core.h"
#include "rpc/captp/errors.h"
#include "rpc/captp/planted.h"

namespace vatmesh::captp {
namespace {

// Hops of one Disembargo; more are a circle that somebody made (captp-engine 5.6).
constexpr int kMaxHops = 64;

// The link that `node` leads to; null when it leads nowhere now.
Connection* linkOf(Node& node) {
  if (node.kind() == NodeKind::kImport) return static_cast<ImportNode&>(node).connection();
  if (node.kind() == NodeKind::kPath) return static_cast<PathNode&>(node).pipeline().connection;
  return nullptr;
}

}  // namespace

void EmbargoNode::onUnused() {
  core_.forgetDeadline(*this);
  VATMESH_CHECK(queue.empty());
  delete this;
}

Ref Core::embargo(Ref target) {
  auto* embargo = new EmbargoNode(*this, std::move(target));
  ++embargoes_;
  return Ref(embargo);
}

void Core::flushAlong(EmbargoNode& embargo, Node& old_path) {
  ++embargo.pending;
  if (planted("embargo")) return arrive({{}, 0, Held<EmbargoNode>(&embargo)}, old_path);
  travel({{}, 0, Held<EmbargoNode>(&embargo)}, old_path);
}

void Core::travel(Loopback loopback, Node& at) {
  Node* node = &at;
  while (node->kind() == NodeKind::kEmbargo) {
    auto& embargo = static_cast<EmbargoNode&>(*node);
    if (!embargo.settled()) {
      // Behind itself: what it holds back was promised in terms of itself.
      if (loopback.embargo.get() == &embargo) return reject(embargo, unusable(Unusable::kItself));
      // Should the other one never end, this one does.
      if (loopback.embargo) startDeadline(*loopback.embargo, Limits().embargo_timeout);
      Waiting waiting;
      waiting.loopback = std::move(loopback);
      embargo.queue.items.push_back(std::move(waiting));
      return;
    }
    node = follow(node);
  }
  Connection* there = linkOf(*node);
  const bool skips = planted(loopback.peer ? "relay" : "chain") && (loopback.peer || loopback.hops);
  if (skips) return arrive(std::move(loopback), *node);
  if (!there) return arrive(std::move(loopback), *node);
  PromiseNode& promise = *asPromise(*node);
  // The end of the way: what goes along `promise` from now on stays behind what went before. Where
  // its host sent it back, it is not: not even when it is the peer's own, which then holds calls
  // that are on another round.
  if (!promise.settled() || !promise.bounce) return arrive(std::move(loopback), *node);
  if (loopback.hops++ >= kMaxHops) return strand(std::move(loopback), "too many hops");
  there->sendDisembargo(std::move(loopback), promise);
}

void Core::arrive(Loopback loopback, Node& at) {
  if (EmbargoNode* embargo = loopback.embargo.get()) {
    if (!embargo->settled() && --embargo->pending == 0) ends_.push_back({loopback.embargo, {}});
    return;
  }
  if (Connection* peer = find(loopback.peer)) peer->echoDisembargo(loopback.id, at);
}

// It can't follow the calls any further. A peer's is echoed all the same: whatever could still
// arrive before has arrived.
void Core::strand(Loopback loopback, std::string_view why) {
  if (EmbargoNode* embargo = loopback.embargo.get()) {
    reject(*embargo, broken(disconnected(why)));
  } else {
    ++counters.tolerated;
    arrive(std::move(loopback), null_);
  }
}

void Core::reject(EmbargoNode& embargo, Ref why) {
  if (!embargo.settled()) ends_.push_back({Held<EmbargoNode>(&embargo), std::move(why)});
}

void Core::endEmbargo(EmbargoNode& embargo, Ref why) {
  if (embargo.settled()) return;
  const bool lifted = !why;
  if (lifted && embargo.pending > 0) return;  // one more Disembargo has started since
  if (lifted) why = embargo.target;
  if (followToEnd(why.get()) == &embargo) why = unusable(Unusable::kItself);
  forgetDeadline(embargo);
  embargo.target.reset();
  embargo.markSettled();
  embargo.setTo(Ref(follow(why.get())));
  // Calls go out before anybody is told, so that the peer's own Disembargo stays behind them.
  for (Waiting& waiting : takeQueue(embargo.queue)) {
    if (!waiting.call.result) {
      if (lifted || !waiting.loopback.embargo) {
        travel(std::move(waiting.loopback), *follow(&embargo));
      } else {
        reject(*waiting.loopback.embargo, why);
      }
    } else if (isWanted(waiting.call)) {
      dispatch(waiting.call, *follow(&embargo));
    }
  }
  --embargoes_;
  announceAll(embargo);
  forgetLoopbacks(embargo);
}

// The old paths need not stay open for an echo that lifts nothing any more.
void Core::forgetLoopbacks(EmbargoNode& embargo) {
  for (auto [link, id] : std::exchange(embargo.under_way, {})) {
    Connection* connection = find(link);
    SentDisembargo* sent = connection ? connection->embargoes.find(id) : nullptr;
    if (sent) sent->clear();
  }
}

void Core::startDeadline(EmbargoNode& embargo, Duration timeout) {
  if (embargo.serial != 0) return;
  embargo.serial = ++last_serial_;
  embargo.deadline = now + timeout;
  embargo_deadlines_[{embargo.deadline, embargo.serial}] = &embargo;
}

void Core::forgetDeadline(EmbargoNode& embargo) {
  if (embargo.serial == 0) return;
  embargo_deadlines_.erase({embargo.deadline, embargo.serial});
  embargo.serial = 0;
}

void Core::endLateEmbargoes() {
  while (!embargo_deadlines_.empty() && embargo_deadlines_.begin()->first.first <= now) {
    EmbargoNode& embargo = *embargo_deadlines_.begin()->second;
    forgetDeadline(embargo);
    reject(embargo, broken(failed("a peer did not echo a Disembargo in time")));
  }
}

}  // namespace vatmesh::captp
