// SPDX-License-Identifier: Apache-2.0
//
// Flow keeps what we hold inside its bounds (design 4.8, captp-engine 5.2): it decides which links
// are read, which calls are refused and, last, which link has to go.
//
//   open     read
//   paused   not read: what the link asked for is above `queue_soft`, and it owes us nothing
//   drained  the same, but it owes us Returns or the echo of a Disembargo, which may be what others
//            wait for, or it was paused for long: it is read, and its calls are refused above
//            `queue_hard`
//
// Back to open at half of `queue_soft`. Only peers and clients are ever paused. An application's
// calls are refused where the receiver's queue is above `queue_soft`; its Returns never are.
//
// No pause lasts. Two vats may pause each other when what waits are Returns, tail calls, Releases:
// nobody owes anything, and both queues stand still. So may three in a circle, each of whose queues
// holds what the one before asked for. Hence a pause ends, and half of `queue_soft` more may be
// asked for before the next one,
//   after 200 ms in which the link has read nothing of what we have for it: most likely it waits
//   for us. Twice as long each time until it is open again, for those who never read;
//   after a quarter of `stall` in any case.
// Why that is enough: whatever a vat of ours has for another one, the first message of that queue
// is read within a quarter of `stall`. Reading one is a turn, which waits for nothing. So each
// message has a bound for the time until it is handled, which its place in its queue gives, and a
// call is done after as many queues as it has hops. None of these queues stands still for `stall`,
// so none of those links is ended either. And the price is bounded: who never reads makes us hold a
// dozen times half of `queue_soft` before `stall` ends its link.
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
#include <vector>

#include "rpc/base/instant.h"
#include "rpc/base/status.h"
#include "rpc/captp/effects.h"
#include "rpc/wire/envelope.h"

namespace vatmesh::captp {

class Connection;
class Core;

enum class Reading : uint8_t { kOpen, kPaused, kDrained };

// How long a link that asked for too much is not read.
struct Patience {
  Instant since;       // when it was paused
  uint64_t bound = 0;  // it is read until it has asked for more
  uint32_t ended = 0;  // pauses that were over before enough was done, since it was open
};

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
  // Reads on the links that were paused long enough.
  void endPauses();
  // When that is wanted next; kNever when none is paused.
  Instant nextDeadline() const;
  // `connection` is lost, its tables are empty.
  void forget(Connection& connection);

  // What the entries of its tables are charged with.
  static uint64_t entryBytes(const Connection& connection);

 private:
  void chargeEntries(Connection& connection);
  void review(Connection& connection);
  static Instant endOfPause(const Connection& connection);
  void relieve();
  void doomHeaviest();

  Core& core_;
  std::vector<Connection*> paused_;
};

}  // namespace vatmesh::captp
