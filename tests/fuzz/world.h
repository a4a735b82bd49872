// SPDX-License-Identifier: Apache-2.0
//
// World is one run: vats of ours and reference vats, joined by links that are queues of frames, and
// the applications on the reference vats, which do what the actions say.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "rpc/vat/vat.h"
#include "rpc/wire/frame_reader.h"
#include "tests/fuzz/action.h"
#include "tests/fuzz/ref_vat.h"

namespace vatmesh::fuzz {

class World {
 public:
  World(uint64_t seed, bool verbose);
  ~World();

  void act(const Action& action);
  // Settles everything, checks outcomes, lets everything go, and checks that nothing is left.
  void finish();
  // Empty while all is well.
  const std::string& failure() const { return shadows_.failure; }
  // What happened, one line each; when verbose.
  const std::vector<std::string>& log() const { return log_; }

 private:
  // --- the net (net.cc)
  struct Proxy {
    std::string name;
    wire::BufferPool buffers;
    vat::Vat vat;
    std::vector<captp::Start> starts;
  };
  struct End {
    Proxy* proxy = nullptr;  // one of the two
    RefVat* app = nullptr;
    captp::LinkId id;
    std::unique_ptr<wire::FrameReader> reader;
    std::deque<Frame> queue;  // what comes to this end
    size_t in_reader = 0;     // of these, handed to the reader already
    const std::string& name() const { return proxy ? proxy->name : app->name(); }
  };
  struct Link {
    End ends[2];
    bool up = false;
    int stalled = 0;
  };
  // What the actions choose from.
  struct Reference {
    uint32_t id;
    Cap cap;
    Shadow shadow;
    uint32_t sequence = 0;
  };
  struct Asked {
    uint32_t call;
    std::shared_ptr<Struct> result;
  };
  struct Open {
    std::shared_ptr<Promise> promise;
    Shadow shadow;
  };
  struct App {
    std::unique_ptr<RefVat> vat;
    std::vector<Reference> references;
    std::vector<Asked> calls;
    std::vector<Open> promises;
    std::vector<RefVat::Incoming> inbox;
  };

  void build(Random& random);
  void addApp(Random& random);
  void addProxy();
  void join(Link& link);
  void cut(Link& link);
  End& other(End& end);
  // Delivers the oldest message that goes to `end`.
  void deliver(Link& link, int end);
  bool deliverAny(Random& random);
  void input(Proxy& proxy, const std::function<void(captp::Effects&)>& turn);
  void apply(Proxy& proxy, const captp::Effects& effects);
  End* endOf(const Proxy& proxy, captp::LinkId id);
  void complete(Proxy& proxy, size_t index, Random& random);
  // Sends what the application's vat has written, and takes over the calls that came.
  void step(App& app);
  void checkProxies();

  // --- applications (world.cc)
  struct Picked {
    Cap cap;
    Shadow shadow = 0;
  };
  Picked pick(App& app, Random& random);
  bool mayBecome(Shadow promise, Shadow holder, Shadow target);
  void call(App& app, const Action& action, Random& random);
  void answer(App& app, const Action& action, Random& random);
  void redirect(App& app, const Action& action);
  void tail(App& app, const Action& action, Random& random);
  CallContent newCall(Reference& reference, const std::vector<Picked>& arguments);
  void resolve(App& app, const Action& action, Random& random);
  Picked makePromise(App& app);
  void settleAll(Random& random);
  void letGo();
  void drain(Random& random);
  void say(const std::string& line) {
    if (verbose_) log_.push_back(line);
  }

  ShadowWorld shadows_;
  Shadow null_;
  std::vector<std::unique_ptr<Proxy>> proxies_;
  std::vector<App> apps_;
  std::deque<Link> links_;
  std::unordered_map<std::string, int> hops_;  // of Bootstraps
  // Whether what is held in circles may come about; then only lost links end it.
  bool circles_ = false;
  // Whether limits are so low that they are reached.
  bool tight_ = false;
  captp::Limits limits_;
  Instant now_{};
  bool resting_ = false;  // at the end: what is due is done at once
  bool verbose_;
  std::vector<std::string> log_;
  uint64_t seed_;
  Random chance_;  // of the action that is done
};

// Plays a whole run; what went wrong, or nothing.
std::string play(const Run& run, std::vector<std::string>* log = nullptr);

}  // namespace vatmesh::fuzz
