// SPDX-License-Identifier: Apache-2.0
//
// World is one run: vats of ours and reference vats, joined by links that are queues of frames, and
// the applications on the reference vats, which do what the actions say.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/fuzz/action.h"
#include "tests/fuzz/application.h"
#include "tests/fuzz/net.h"

namespace vatmesh::fuzz {

class World {
 public:
  // `record`: vats of ours have journals.
  World(uint64_t seed, bool verbose, std::optional<vat::Journal::Payloads> record = {});
  ~World();

  void act(const Action& action);
  // Settles everything, checks outcomes, lets everything go, and checks that nothing is left.
  void finish();
  // Empty while all is well.
  const std::string& failure() const { return shadows_.failure; }
  Net& net() { return net_; }
  // What happened, one line each; when verbose.
  const std::vector<std::string>& log() const { return log_; }

 private:
  using Proxy = Net::Proxy;
  using End = Net::End;
  using Link = Net::Link;
  using Picked = Application::Picked;
  using Reference = Application::Reference;
  using Asked = Application::Asked;
  using Open = Application::Open;
  // In front of what a Bootstrap found on a link.
  struct Gate {
    Proxy* proxy;
    captp::ObjectId id;
    captp::LinkId link;
    std::string object_id;
    bool at_app;
  };
  // What the actions choose from.
  struct App {
    std::unique_ptr<Application> does;
    std::vector<Reference> references;
    std::vector<Asked> calls;
    std::vector<Open> promises;
    std::vector<RefVat::Incoming> inbox;
    RefVat& vat() const { return does->vat; }
    const std::string& name() const { return does->name(); }
  };

  // --- the net (topology.cc)
  void build(Random& random);
  void addApp(Random& random);
  void chooseQueues();
  bool deliverAny(Random& random);
  void complete(Proxy& proxy, size_t index, Random& random);
  // --- gates (gates.cc)
  void completeGated(Proxy& proxy, const captp::Start& start, End& there);
  void cutGate(const Action& action);
  void swapGate(const Action& action);
  // Sends what the application's vat has written, and takes over the calls that came.
  void step(App& app);
  void stepAll();

  // --- applications (world.cc)
  Picked pick(App& app, Random& random);
  bool mayBecome(Shadow promise, Shadow holder, Shadow target);
  size_t choose(const App& app, const Action& action);
  void call(App& app, const Action& action, Random& random);
  void answer(App& app, const Action& action, Random& random);
  void redirect(App& app, const Action& action);
  void tail(App& app, const Action& action, Random& random);
  void resolve(App& app, const Action& action, Random& random);
  void takeField(App& app, const Action& action);
  void finishCall(App& app, const Action& action);
  void bootstrap(App& app);
  void twin(App& app, const Action& action);
  Picked makePromise(App& app);
  void settleAll(Random& random);
  void letGo();
  void drain(Random& random);
  void say(const std::string& line) {
    if (verbose_) log_.push_back(line);
  }

  ShadowWorld shadows_;
  Shadow null_;
  std::vector<App> apps_;
  std::vector<Gate> gates_;
  std::unordered_map<std::string, int> hops_;  // of Bootstraps
  // Whether what is held in circles may come about; then only lost links end it.
  bool circles_ = false;
  // Whether Bootstraps are answered with a gate in front of what is found.
  bool gated_ = false;
  // Whether promises are preferred to all else, so that they resolve to each other.
  bool promising_ = false;
  bool resting_ = false;  // at the end: what is due is done at once
  bool verbose_;
  std::vector<std::string> log_;
  uint64_t seed_;
  Random chance_;  // of the action that is done
  Net net_;
  // By direction (twice the link's index, plus the end that receives): for how many actions
  // nothing arrives, and how often, in percent, something else goes first.
  std::vector<int> stalled_;
  std::vector<uint32_t> slow_;
};

// The inputs of one vat of ours, and the effects that they had, a line each.
struct Recording {
  std::string journal;
  std::vector<std::string> effects;
};
// Plays a whole run, which must go well.
std::vector<Recording> record(const Run& run, vat::Journal::Payloads payloads);

// Plays a whole run; what went wrong, or nothing.
std::string play(const Run& run, std::vector<std::string>* log = nullptr);

}  // namespace vatmesh::fuzz
