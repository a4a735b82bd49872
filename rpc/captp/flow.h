// SPDX-License-Identifier: Apache-2.0
//
// Flow keeps what we hold inside its bounds (design 4.8, captp-engine 5.2): it decides which links
// are read, which calls are refused and, last, which link has to go.
//
//   open     read
//   paused   not read: what the link asked for is above `queue_soft`, and it owes us nothing
//   drained  the same, but it owes us Returns or the echo of a Disembargo, which may be what others
//            wait for: it is read, and its calls are refused above `queue_hard`
//
// Back to open at half of `queue_soft`. Only peers and clients are ever paused. An application's
// calls are refused where the receiver's queue is above `queue_soft`; its Returns never are.
//
// In order of need: the heaviest askers are paused when little room is left in VatLimits::total,
// calls are refused when there is none, and what goes above it all the same (Returns, mostly) ends
// the link that makes us hold most. A receiver whose queue is above `queue_hard` is ended too;
// calls alone don't bring it there, they are refused before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "rpc/base/status.h"
#include "rpc/captp/effects.h"
#include "rpc/wire/envelope.h"

namespace vatmesh::captp {

class Connection;
class Core;

enum class Reading : uint8_t { kOpen, kPaused, kDrained };

class Flow {
 public:
  explicit Flow(Core& core) : core_(core) {}

  // Why work that `from` asks for, and that makes us hold `bytes`, is not taken on.
  std::optional<wire::Exception> refuse(const Connection& from, uint64_t bytes);
  // Not ok: no call of `wire_bytes` may be sent to `to` on behalf of `asker`.
  Status checkQueue(const Connection& to, LinkId asker, uint64_t wire_bytes);

  // Charges the entries of links that changed, and dooms those that must go. Once for each time
  // that a turn has nothing else to do.
  void doom(std::span<Connection* const> changed);
  // At the end of a turn: who is read from now on.
  void endTurn(std::span<Connection* const> changed);
  // `connection` is lost, its tables are empty.
  void forget(Connection& connection);

  // What the entries of its tables are charged with.
  static uint64_t entryBytes(const Connection& connection);

 private:
  void chargeEntries(Connection& connection);
  void review(Connection& connection);
  void relieve();
  void doomHeaviest();

  Core& core_;
};

}  // namespace vatmesh::captp
