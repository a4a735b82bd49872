// SPDX-License-Identifier: Apache-2.0
//
// ModelPeer is a legal peer that does things at random: it keeps tables of its own, reads what the
// vat sends at its leisure (so that messages cross), and never says what the protocol forbids. What
// the vat sends is judged by LinkRules at the moment it is sent, and by CallOrder.
//
//   World: harness.turn or peer.act(); then observe() on every peer, since each turn may send to
//   all. At the end rounds of windDown() until done().
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/harness.h"
#include "tests/rpc/captp/link_rules.h"

namespace vatmesh::captp {

// Every call carries, as its interface id, through which reference of which peer it was made and
// its number there. Calls through one reference must leave the vat in order, each once (I12).
class CallOrder {
 public:
  uint32_t newReference() { return ++references_; }
  uint64_t nextCall(uint32_t reference);
  void left(uint64_t call);
  // Calls that have left the vat.
  uint64_t seen() const { return seen_; }

 private:
  uint32_t references_ = 0;
  uint64_t seen_ = 0;
  std::map<uint32_t, uint32_t> made_;
  std::map<uint32_t, uint32_t> left_;
};

inline constexpr uint64_t kPersistent = 0xc8cb212fcd9f5691;

// What the peers of one test share.
struct Shared {
  explicit Shared(uint32_t seed) : random(seed) {}

  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(random() % bound); }
  // Keeps `line` for tail().
  void note(std::string line);
  // The last lines, for failures.
  std::string tail() const;

  std::mt19937 random;
  bool saves = false;  // some calls are Persistent.save, which have no order here
  CallOrder order;
  std::deque<std::string> journal;
};

class ModelPeer {
 public:
  ModelPeer(Harness& harness, Peer& peer, Shared& shared);

  Peer& peer() { return peer_; }

  // Judges what has been sent since, and puts it where it will be read.
  void observe();
  // Reads the oldest message.
  bool read();
  // Does one thing that the protocol allows, chosen at random. False: there was nothing to do.
  bool act();
  // Reads everything, answers everything, finishes everything, releases everything.
  void windDown();
  bool done() const;
  std::string leftOver() const { return rules_.leftOver(); }

 private:
  struct Import {
    uint32_t refs = 0;
    uint32_t reference = 0;
    bool promise = false;
    bool resolved = false;
  };
  // One of this peer's own objects, as far as it has read of the vat's Releases.
  struct Export {
    int64_t refs = 0;
    bool promise = false;
    bool resolved = false;
    uint32_t age = 0;  // promises resolve to younger ones only
  };
  // What this peer asked.
  struct Question {
    bool finished = false;
    bool releases = false;  // by its Finish
    bool returned = false;
    bool redirected = false;
    bool taken = false;
    bool silent = false;  // onlyPromisePipeline
    std::vector<wire::Descriptor> results;
    std::map<size_t, uint32_t> references;  // by path
  };
  // What the vat asked.
  struct Asked {
    bool finished = false;
    bool returned = false;
    std::vector<uint32_t> params;   // imports, one for each descriptor
    std::vector<uint32_t> results;  // exports, likewise
  };

  uint32_t below(uint32_t bound) { return shared_.below(bound); }
  template <typename Map>
  auto pick(Map& map, std::function<bool(const typename Map::mapped_type&)> wanted);
  void say(const Draft& draft);
  void say(const wire::FrameRef& frame) { say(Draft(frame)); }

  // --- what it does (model_peer_acts.cc)
  bool bootstrap();
  bool call();
  bool answer();
  bool takeFrom();
  bool finish();
  bool release();
  bool resolve();
  bool disembargo();
  bool echo();
  std::optional<wire::OutTarget> target(uint64_t& call_number);
  wire::OutDescriptor describe(std::vector<uint32_t>* exports);
  wire::OutDescriptor describeOwn(std::vector<uint32_t>* exports);
  std::vector<wire::OutDescriptor> describeSome(std::vector<uint32_t>* exports);
  uint32_t newQuestion();
  uint32_t newExport(bool promise);
  void finishQuestion(uint32_t id);
  bool holdsAll(const std::vector<uint32_t>& imports) const;
  void forgetImport(uint32_t id, uint32_t refs);

  // --- what it reads (model_peer.cc)
  void readCall(const wire::Envelope& message);
  void readReturn(const wire::Envelope& message);
  void readFinish(const wire::Envelope& message);
  void readResolve(const wire::Envelope& message);
  void import(const wire::Envelope& message, std::vector<uint32_t>* record);
  void importOne(const wire::Descriptor& descriptor, std::vector<uint32_t>* record);
  void dropExport(uint32_t id, int64_t refs);

  Harness& harness_;
  Peer& peer_;
  Shared& shared_;
  std::string name_;
  LinkRules rules_;
  std::deque<wire::Envelope> unread_;
  std::map<uint32_t, Import> imports_;
  std::map<uint32_t, Export> exports_;
  std::map<uint32_t, Question> questions_;
  std::map<uint32_t, Asked> asked_;
  std::map<uint32_t, bool> embargoes_;
  std::deque<wire::Envelope> owed_echoes_;  // Disembargoes of the vat
  uint32_t exports_made_ = 0;
  uint32_t silent_questions_ = 0;
  bool always_finishes_;  // like peers from before noFinishNeeded
};

}  // namespace vatmesh::captp
