// SPDX-License-Identifier: Apache-2.0
//
// LinkRules watches one link, both ways, in the order in which the vat handles messages, and fails
// the test when the vat sends what a legal peer could not take: an id that means nothing there, a
// second Return, a Finish too many, a Release of more than it was given, a Call on a finished
// question, a Resolve for nothing, a descriptor for an entry that was resolved (captp-engine 1.2 to
// 1.8; the strictest reader of peers.md 4), a Disembargo for what the peer never gave back.
//
// The peer's own messages are taken to be legal.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "rpc/wire/envelope.h"

namespace vatmesh::captp {

class LinkRules {
 public:
  explicit LinkRules(std::string name) : name_(std::move(name)) {}

  // The peer sends `message`: call it before the vat gets it.
  void said(const wire::Envelope& message);
  // The vat has sent `message`.
  void heard(const wire::Envelope& message);
  // The vat has handled the peer's last message: what it owes at once must have come.
  void turnEnded();
  // Why the link is not idle; empty when it is.
  std::string leftOver() const;

 private:
  // What became of something of the peer's that the vat was told of: the vat's own, or another of
  // the peer's. Outlives the vat's references, since a question that returned it still leads there.
  struct Fate {
    bool moved = false;
    std::shared_ptr<Fate> next;
  };
  // What the vat asks the peer.
  struct VatQuestion {
    bool returned = false;
    bool finished = false;
    bool taken = false;                          // answered by takeFromOtherQuestion
    std::vector<std::shared_ptr<Fate>> results;  // null: no promise and not moved
    std::vector<uint32_t> param_exports;         // of the vat
  };
  // What the peer asks the vat.
  struct PeerQuestion {
    bool wants_return = true;
    bool redirected = false;
    bool taken = false;
    bool returned = false;
    bool canceled = false;
    std::vector<uint32_t> result_exports;  // of the vat
  };
  struct VatExport {
    int64_t refs = 0;
    bool promise = false;
    bool resolved = false;
  };
  // What the vat holds of the peer.
  struct PeerExport {
    int64_t refs = 0;
    std::shared_ptr<Fate> fate = std::make_shared<Fate>();
  };

  void fail(const wire::Envelope& message, const std::string& why) const;
  void count(const std::vector<wire::Descriptor>& descriptors);
  void drop(uint32_t vat_export, int64_t refs);
  void saidReturn(const wire::Envelope& message);
  void saidFinish(const wire::Envelope& message);
  void saidResolve(const wire::Envelope& message);
  void saidDisembargo(const wire::Envelope& message);
  void heardCall(const wire::Envelope& message);
  void heardReturn(const wire::Envelope& message);
  void heardFinish(const wire::Envelope& message);
  void heardResolve(const wire::Envelope& message);
  void heardRelease(const wire::Envelope& message);
  void heardDisembargo(const wire::Envelope& message);
  void heardDescriptors(const wire::Envelope& message, std::vector<uint32_t>* record);
  bool mayName(uint32_t question) const;
  std::shared_ptr<Fate> fateOf(const wire::Descriptor& descriptor);
  static bool isMoved(const std::shared_ptr<Fate>& fate);

  std::string name_;
  std::map<uint32_t, VatQuestion> asked_by_vat_;
  std::map<uint32_t, PeerQuestion> asked_by_peer_;
  std::map<uint32_t, VatExport> vat_exports_;
  std::map<uint32_t, PeerExport> peer_exports_;
  std::set<uint32_t> embargoes_;         // of the peer
  std::set<uint32_t> embargoes_of_vat_;  // whose echo the peer owes
};

}  // namespace vatmesh::captp
