// SPDX-License-Identifier: Apache-2.0
//
// Embargoes (captp-engine 1.8, 2.6; design 4.6). A promise that was used and turns out to be
// something that its host does not serve itself has two ways: the old one, along which calls are
// still coming back, and the short one. Whoever holds the promise gets an EmbargoNode, which queues
// calls until a Disembargo that followed the old ones has come back, and becomes the target then.
//
//   Core::embargo        -> held, with a Loopback under way along each old path
//   Core::lift           held -> lifted: all came back; the queue goes out, holders are told
//   Core::reject         held -> rejected: a link was lost, or the time is over; never lifted then,
//                        since calls that got lost would be overtaken (R-E6, 0.1.10)
//
// Loopbacks follow the old path to its end, which may be several links away: each time one comes
// back, it goes on as if addressed to the place that the host had named (Core::travel). A peer's
// own Disembargo is relayed by the same rule. Only promises that their host resolved to something
// of ours are ever named in a Disembargo, so nobody can make us send one that its receiver must
// refuse.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "rpc/base/instant.h"
#include "rpc/captp/cap.h"
#include "rpc/captp/ids.h"
#include "rpc/captp/queue.h"

namespace vatmesh::captp {

class EmbargoNode final : public Counted, public PromiseNode {
 public:
  EmbargoNode(Core& core, Ref what)
      : Counted(core), PromiseNode(NodeKind::kEmbargo, *this), target(std::move(what)) {}
  void onUnused() override;

  WaitQueue queue;
  Ref target;            // what it becomes
  uint32_t pending = 0;  // Loopbacks that have not arrived
  uint64_t serial = 0;   // in the Core's deadlines; 0: in none
  Instant deadline;
  // Where Disembargoes of ours wait for their echo.
  struct UnderWay {
    LinkId link;
    EmbargoId id;
    bool operator==(const UnderWay&) const = default;
  };
  std::vector<UnderWay> under_way;
};

// An entry of a link's embargo table: a Disembargo that we sent and whose echo has not come.
struct SentDisembargo {
  Loopback loopback;
  Pin along;     // the old path stays open until the echo comes
  Place bounce;  // where its host sends on what comes along it

  void clear() {
    loopback = {};
    along.reset();
    bounce = {};
  }
};

}  // namespace vatmesh::captp
