// SPDX-License-Identifier: Apache-2.0
//
// What waits in order for something to be known: calls, and the Disembargoes that must stay behind
// them. Pipelines that nobody was asked for yet and embargoes hold one each.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "rpc/captp/budget.h"
#include "rpc/captp/cap.h"
#include "rpc/captp/handle.h"
#include "rpc/wire/envelope.h"
#include "rpc/wire/message.h"

namespace vatmesh::captp {

class EmbargoNode;
class Pipeline;

// A call on its way, not yet written to any link. Reused; queues hold copies of their own.
struct PendingCall {
  Held<Pipeline> result;
  wire::InMessage message;  // scrubbed
  wire::Payload payload;
  uint64_t interface_id = 0;
  uint16_t method_id = 0;
  bool no_promise_pipelining = false;
  ObjectId gate;                  // the first one that it passed
  std::vector<Ref> capabilities;  // one for each entry of its table

  void clear();
};

// A Disembargo on its way: it goes where calls go that are addressed to the same place, hop by hop,
// and so arrives behind them. A peer's own is echoed to it then; one of ours lifts an embargo.
struct Loopback {
  LinkId peer;  // whose it is; none: ours
  uint32_t id = 0;
  Held<EmbargoNode> embargo;  // ours
  int hops = 0;
};

struct Waiting {
  Pin path;  // of the pipeline that queues it; empty behind an embargo
  PendingCall call;
  Loopback loopback;  // instead of the call, when that has no result
  Charge charge;
};

struct WaitQueue {
  std::deque<Waiting> items;
  uint64_t bytes = 0;  // pinned by the calls' messages
  size_t calls = 0;

  bool empty() const { return items.empty(); }
};

}  // namespace vatmesh::captp
