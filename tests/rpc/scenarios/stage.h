// SPDX-License-Identifier: Apache-2.0
//
// Stage is one scenario: actors, the vats of ours between them, and when what is delivered.
//
//   TEST_P(Promises, TakeCallsBeforeTheyAreResolved) {
//     inEveryOrder([](Stage& s) {
//       Promised promise = s.a.promise();
//       s.a.call(s.service, {promise.ref});      // s.service: A's reference to B's bootstrap
//       s.drain();
//       ...
//       s.meanwhile({[&] { ... }, [&] { ... }});  // these two in this order,
//       s.meanwhile({[&] { ... }});               // this one whenever,
//       s.play();                                 // messages whenever they can
//     });
//   }
//
// At its end everything is answered and let go, and nothing may be left anywhere.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rpc/wire/envelope.h"
#include "tests/fuzz/net.h"
#include "tests/rpc/scenarios/actor.h"
#include "tests/rpc/scenarios/setting.h"

namespace vatmesh::scenarios {

class Stage {
 public:
  enum class Log { kNo, kYes };
  // `order` chooses the order of play() and the layout of messages.
  Stage(const Setting& setting, uint64_t order, Log log);
  ~Stage();

  const Setting& setting() const { return setting_; }
  fuzz::Net& net() { return net_; }

 private:
  // First what the actors stand on.
  Setting setting_;
  fuzz::ShadowWorld shadows_;
  fuzz::Random random_;
  fuzz::Net net_;
  std::vector<std::unique_ptr<Actor>> actors_;

 public:
  Actor& a;
  Actor& b;
  Actor& c;  // the same as b where there are two
  // What A holds of B from the start.
  Ref service;

  // --- when things happen
  // Delivers until nothing moves.
  void drain();
  // One message on each way that is not held. False when nothing moved.
  bool round();
  // What goes to `actor`, or comes from it, waits until letGo().
  void holdTowards(Actor& actor);
  void holdFrom(Actor& actor);
  void letGo();
  // Restores wait until letGo().
  void holdRestores() { hold_restores_ = true; }
  // Acts in this order, whenever; in play().
  void meanwhile(std::vector<std::function<void()>> acts) { scripts_.push_back({std::move(acts)}); }
  // Does all that, and delivers everything, in the order that this stage was made with.
  void play();

  // --- links
  fuzz::Net::Link& linkOf(Actor& actor);
  void cut(fuzz::Net::Link& link);
  void join(fuzz::Net::Link& link);

  // --- what can be seen
  // Fails unless exactly `calls` have come to the object behind `ref`, in this order.
  void expectArrived(const Ref& ref, const std::vector<Call>& calls);
  void expectReturned(const Call& call);
  // The exception is `reason`; any when empty.
  void expectFailed(const Call& call, const std::string& reason = {});
  void expectOpen(const Call& call);
  void expectEnded(const Call& call);
  // `call` of `from` went to `to` the shortest way, and did not pass `past`.
  void expectShortest(const Call& call, Actor& from, Actor& to, Actor& past);
  // Messages of this kind that were delivered to `actor`.
  size_t heard(Actor& actor, wire::MessageKind kind) const;

  // Settles everything, lets everything go, and fails when anything is left.
  void finish();
  bool failed() const { return !shadows_.failure.empty(); }
  void fail(const std::string& what) { shadows_.fail(what); }
  // What went wrong, with all messages when they were logged.
  std::string report() const;

 private:
  friend class Actor;
  struct Script {
    std::vector<std::function<void()>> acts;
    size_t done = 0;
  };
  using End = fuzz::Net::End;
  using Way = std::pair<fuzz::Net::Link*, int>;  // a link, and to which end

  Actor& addActor(const char* name);
  void build();
  void watch(const End& from, const End& to, const wire::InMessage& message);
  void stepAll();
  void arrived(uint32_t call) { arrivals_.push_back(call); }
  void wantBootstrap(uint32_t call, Actor& of) { bootstraps_[call] = &of; }
  void breakShadow(fuzz::Shadow shadow) { shadows_.breakPromise(shadow); }
  void restore();
  // Links between two places (a vat of either kind); SIZE_MAX when there is no way.
  size_t distance(const void* from, const void* to);
  std::vector<Way> ready();
  void deliver(const Way& way);

  std::vector<Script> scripts_;
  std::vector<const End*> held_;
  bool hold_restores_ = false;
  bool resting_ = false;
  std::map<uint32_t, Actor*> bootstraps_;
  std::vector<uint32_t> arrivals_;
  std::map<uint32_t, std::vector<std::string>> visits_;  // of calls: where they came to
  std::map<std::pair<std::string, wire::MessageKind>, size_t> heard_;
  Log verbose_;
  std::vector<std::string> log_;
};

}  // namespace vatmesh::scenarios
