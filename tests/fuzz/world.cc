// SPDX-License-Identifier: Apache-2.0
//
// What the applications do.
#include "tests/fuzz/world.h"

#include <algorithm>
#include <utility>

namespace vatmesh::fuzz {
namespace {

using State = ShadowWorld::State;

// Steps in which a run must come to rest.
constexpr int kMaxSteps = 200000;

template <typename T>
T takeOut(std::vector<T>& from, size_t index) {
  T taken = std::move(from[index]);
  from.erase(from.begin() + static_cast<std::ptrdiff_t>(index));
  return taken;
}

}  // namespace

World::World(uint64_t seed, bool verbose, std::optional<vat::Journal::Payloads> record)
    : null_(shadows_.add(State::kBroken)),
      verbose_(verbose),
      seed_(seed),
      chance_(seed),
      net_(shadows_, chance_) {
  if (record) net_.record(*record);
  Random random(seed ^ 0x5eed);
  build(random);
  circles_ = random.chance(25);
  gated_ = random.chance(50) && !record;  // what comes from inside a vat is not recorded
  for (App& app : apps_) app.vat().setRandom(chance_);
}

World::~World() {
  // Whatever still refers to each other must not keep the vats' frames alive.
  for (App& app : apps_) {
    for (Open& open : app.promises) open.promise->queue.clear();
  }
}

World::Picked World::makePromise(App& app) {
  Open open = app.does->newPromise();
  app.promises.push_back(open);
  return {open.promise, open.shadow};
}

World::Picked World::pick(App& app, Random& random) {
  uint32_t way = random.below(100);
  if (way < 5) return {nullptr, null_};
  if (way < 20) return app.does->newObject();
  if (way < 35) return makePromise(app);
  if (promising_ && way < 70 && !app.promises.empty()) {
    const Open& open = app.promises[random.below(app.promises.size())];
    return {open.promise, open.shadow};
  }
  if (way < 60 && !app.calls.empty()) {
    Asked& asked = app.calls[random.below(app.calls.size())];
    size_t slot = shadows_.call(asked.call).target == 0 ? kRootSlot : random.below(kSlots - 1);
    return app.does->field(asked, slot);
  }
  if (!app.references.empty()) {
    Reference& reference = app.references[random.below(app.references.size())];
    return {reference.cap, reference.shadow};
  }
  return {nullptr, null_};
}

// Whether a promise may be resolved so without waiting for itself: directly, or for a call that
// waits for it.
bool World::mayBecome(Shadow promise, Shadow holder, Shadow target) {
  Shadow root = shadows_.root(target);
  if (shadows_.root(promise) == root) return false;
  if (!circles_ && shadows_.wouldHoldItself(holder, target)) return false;
  if (shadows_.state(root) != State::kPromise) return true;
  const ShadowCall* call = shadows_.callOf(root);
  return !call || call->target == 0 || shadows_.state(call->target) == State::kObject;
}

// Half of all calls go to promises, where there are any: these are what moves.
size_t World::choose(const App& app, const Action& action) {
  std::vector<size_t> open;
  for (size_t i = 0; action.b % 2 && i < app.references.size(); ++i) {
    if (shadows_.state(app.references[i].shadow) == State::kPromise) open.push_back(i);
  }
  if (!open.empty()) return open[action.b / 2 % open.size()];
  return action.b / 2 % app.references.size();
}

void World::call(App& app, const Action& action, Random& random) {
  if (app.references.empty()) return;
  size_t index = choose(app, action);
  std::vector<Picked> arguments;
  for (int i = action.c % 3; i > 0; --i) arguments.push_back(pick(app, random));
  Reference& reference = app.references[index];
  Asked asked = app.does->call(reference, arguments);
  say(app.name() + " calls " + std::to_string(asked.call) + " on reference " +
      std::to_string(reference.id));
  app.calls.push_back(asked);
}

void World::tail(App& app, const Action& action, Random& random) {
  if (app.inbox.empty() || app.references.empty()) return;
  size_t index = action.b % app.inbox.size();
  uint32_t id = app.inbox[index].call;
  Reference& reference = app.references[action.c % app.references.size()];
  // A call that waits for the one that it answers would wait for ever.
  if (shadows_.state(reference.shadow) != State::kObject) return;
  if (!circles_ && shadows_.wouldHoldItself(shadows_.nodeOf(id), reference.shadow)) return;
  auto incoming = takeOut(app.inbox, index);
  std::vector<Picked> arguments;
  for (uint32_t i = random.below(3); i > 0; --i) arguments.push_back(pick(app, random));
  Reference& target = app.references[action.c % app.references.size()];
  uint32_t made = app.does->tail(incoming, target, arguments);
  say(app.name() + " answers " + std::to_string(id) + " with call " + std::to_string(made) +
      " on reference " + std::to_string(target.id));
}

void World::answer(App& app, const Action& action, Random& random) {
  if (app.inbox.empty()) return;
  auto incoming = takeOut(app.inbox, action.b % app.inbox.size());
  if (action.c < 25) {
    say(app.name() + " refuses " + std::to_string(incoming.call));
    return app.does->refuse(incoming);
  }
  say(app.name() + " answers " + std::to_string(incoming.call));
  Results results;
  Shadow holder = shadows_.nodeOf(incoming.call);
  for (size_t slot = 0; slot < kRootSlot; ++slot) {
    Picked picked;
    if (random.chance(40)) picked = pick(app, random);
    Shadow shadow = shadows_.call(incoming.call).slots[slot];
    bool may = picked.cap && mayBecome(shadow, holder, picked.shadow);
    app.does->give(results, incoming.call, slot, may ? picked : Picked{});
  }
  app.does->answer(incoming, std::move(results));
}

void World::redirect(App& app, const Action& action) {
  if (app.inbox.empty() || app.calls.empty()) return;
  size_t index = action.b % app.inbox.size();
  Asked& asked = app.calls[action.c % app.calls.size()];
  ShadowCall& other = shadows_.call(asked.call);
  uint32_t id = app.inbox[index].call;
  if (other.target == 0 || shadows_.state(other.target) != State::kObject) return;
  if (shadows_.source(asked.call).id == id) return;
  if (!circles_ && shadows_.wouldHoldItself(shadows_.nodeOf(id), shadows_.nodeOf(asked.call))) {
    return;
  }
  for (size_t slot = 0; slot < kSlots; ++slot) {
    // Those that are known already may lead back.
    Shadow from = shadows_.call(id).slots[slot];
    if (shadows_.root(from) == shadows_.root(other.slots[slot])) return;
    if (!mayBecome(from, shadows_.nodeOf(id), other.slots[slot])) return;
  }
  // What is no circle by itself may be one with the others.
  if (!shadows_.canUnite(shadows_.call(id).slots, other.slots)) return;
  auto incoming = takeOut(app.inbox, index);
  say(app.name() + " answers " + std::to_string(id) + " with the results of " +
      std::to_string(asked.call));
  if (!app.does->redirect(incoming, asked)) shadows_.fail("the fuzzer made a circle");
}

void World::resolve(App& app, const Action& action, Random& random) {
  if (app.promises.empty()) return;
  size_t index = action.b % app.promises.size();
  Picked picked;
  if (action.c >= 25) picked = pick(app, random);
  Shadow promise = app.promises[index].shadow;
  if (picked.cap && !mayBecome(promise, promise, picked.shadow)) return;
  Open open = takeOut(app.promises, index);
  say(app.name() + (picked.cap ? " resolves" : " breaks") + " promise, shadow " +
      std::to_string(open.shadow));
  if (picked.cap) {
    app.does->resolve(open, picked);
  } else {
    app.does->breakPromise(open);
  }
}

void World::takeField(App& app, const Action& action) {
  if (app.calls.empty()) return;
  Asked& asked = app.calls[action.b % app.calls.size()];
  ShadowCall& shadow = shadows_.call(asked.call);
  size_t slot = shadow.target == 0 ? kRootSlot : action.c % kRootSlot;
  app.references.push_back(app.does->reference(app.does->field(asked, slot)));
  say(app.name() + " takes slot " + std::to_string(slot) + " of call " +
      std::to_string(asked.call) + " as reference " + std::to_string(app.references.back().id));
}

void World::finishCall(App& app, const Action& action) {
  if (app.calls.empty()) return;
  Asked asked = takeOut(app.calls, action.b % app.calls.size());
  say(app.name() + " finishes call " + std::to_string(asked.call));
  app.does->finish(asked);
}

void World::bootstrap(App& app) {
  if (!app.vat().connected()) return;
  Asked asked = app.does->bootstrap();
  say(app.name() + " bootstraps, call " + std::to_string(asked.call));
  app.calls.push_back(asked);
  app.references.push_back(app.does->reference(app.does->field(asked, kRootSlot)));
}

void World::twin(App& app, const Action& action) {
  if (app.references.empty()) return;
  const Reference& first = app.references[action.b % app.references.size()];
  app.references.push_back(app.does->reference({first.cap, first.shadow}));
}

void World::act(const Action& action) {
  chance_ = Random(action.salt ^ seed_ << 32);
  Random random(action.salt);
  for (int& stalled : stalled_) stalled -= stalled > 0;
  App& app = apps_[action.a % apps_.size()];
  size_t at = action.a % net_.links().size();
  Link& link = net_.links()[at];
  switch (action.what) {
    case Do::kDeliver:
      deliverAny(random);
      break;
    case Do::kDrain:
      for (uint32_t i = random.below(30); i > 0 && failure().empty(); --i) {
        net_.deliver(link, action.b % 2);
        stepAll();
      }
      break;
    case Do::kCall:
      call(app, action, random);
      // Order is a matter of several calls on one reference.
      for (uint32_t again = random.below(8); again < 2; ++again) call(app, action, random);
      break;
    case Do::kTake:
      takeField(app, action);
      break;
    case Do::kFinish:
      finishCall(app, action);
      break;
    case Do::kRelease: {
      if (app.references.empty()) break;
      Reference gone = takeOut(app.references, action.b % app.references.size());
      say(app.name() + " releases reference " + std::to_string(gone.id));
      break;
    }
    case Do::kAnswer:
      answer(app, action, random);
      break;
    case Do::kRedirect:
      redirect(app, action);
      break;
    case Do::kTail:
      tail(app, action, random);
      break;
    case Do::kPromise: {
      app.references.push_back(app.does->reference(makePromise(app)));
      break;
    }
    case Do::kResolve:
      resolve(app, action, random);
      break;
    case Do::kBootstrap:
      bootstrap(app);
      break;
    case Do::kComplete: {
      Proxy& proxy = *net_.proxies()[action.a % net_.proxies().size()];
      if (!proxy.starts.empty()) complete(proxy, action.b % proxy.starts.size(), random);
      break;
    }
    case Do::kTwin:
      twin(app, action);
      break;
    case Do::kStall:
      for (size_t end = 0; end < 2; ++end) {
        if (action.c % 3 != end) stalled_[2 * at + end] = 1 + action.b % 64;
      }
      break;
    case Do::kCut:
      say("the link between " + link.ends[0].name() + " and " + link.ends[1].name() + " is cut");
      net_.cut(link);
      stepAll();
      break;
    case Do::kJoin:
      net_.join(link);
      break;
    case Do::kCutGate:
      cutGate(action);
      break;
    case Do::kSwapGate:
      swapGate(action);
      break;
  }
  stepAll();
}

void World::drain(Random& random) {
  std::ranges::fill(stalled_, 0);
  for (int i = 0; i < kMaxSteps; ++i) {
    if (!failure().empty()) return;
    for (auto& proxy : net_.proxies()) {
      if (!proxy->starts.empty()) complete(*proxy, 0, random);
    }
    if (!deliverAny(random)) return;
  }
  shadows_.fail("messages go round without end");
}

void World::settleAll(Random& random) {
  for (bool busy = true; busy && failure().empty();) {
    drain(random);
    busy = false;
    for (App& app : apps_) {
      while (!app.promises.empty()) {
        busy = true;
        resolve(app, Action{Do::kResolve, 0, 0, 0, 0}, random);
        step(app);
      }
      while (!app.inbox.empty() && failure().empty()) {
        busy = true;
        auto incoming = takeOut(app.inbox, 0);
        app.does->answer(incoming, {});
        step(app);
      }
    }
  }
}

void World::letGo() {
  for (App& app : apps_) {
    for (Asked& asked : app.calls) RefVat::unwatch(*asked.result);
    app.calls.clear();
    app.references.clear();
    app.promises.clear();
    app.inbox.clear();
    step(app);
  }
}

void World::finish() {
  chance_ = Random(seed_);
  Random random(seed_ + 1);
  resting_ = true;
  if (failure().empty()) settleAll(random);
  if (!failure().empty()) return;
  shadows_.checkCalls(shadows_.lossy);
  for (App& app : apps_) {
    for (Reference& reference : app.references) {
      if (!failure().empty()) return;
      Cap now = app.vat().follow(reference.cap);
      bool open = now->kind == NodeKind::kPromise;
      if (now->kind == NodeKind::kImport) {
        auto& import = static_cast<Import&>(*now);
        open = import.promise && import.how == Remote::How::kOpen;
      } else if (now->kind == NodeKind::kPath) {
        auto& path = static_cast<Path&>(*now);
        open = path.how == Remote::How::kOpen && !path.question->tail;
      }
      // A promise that depends on a canceled call may stay one for ever.
      if (open && shadows_.state(reference.shadow) != State::kPromise) {
        shadows_.fail(app.name() + " was never told what became of reference " +
                      std::to_string(reference.id));
      }
    }
  }
  letGo();
  drain(random);
  if (circles_) {
    for (Link& link : net_.links()) net_.cut(link);
    stepAll();
  }
  for (App& app : apps_) {
    if (failure().empty() && !app.vat().leftovers().empty()) shadows_.fail(app.vat().leftovers());
  }
  net_.checkEmpty();
}

std::vector<Recording> record(const Run& run, vat::Journal::Payloads payloads) {
  World world(run.seed, false, payloads);
  for (const Action& action : run.actions) world.act(action);
  world.finish();
  std::vector<Recording> recordings;
  for (auto& proxy : world.net().proxies()) {
    recordings.push_back({proxy->journal->take(), std::move(proxy->effects)});
  }
  return recordings;
}

std::string play(const Run& run, std::vector<std::string>* log) {
  World world(run.seed, log != nullptr);
  for (const Action& action : run.actions) {
    if (!world.failure().empty()) break;
    world.act(action);
  }
  if (world.failure().empty()) world.finish();
  if (log) *log = world.log();
  return world.failure();
}

}  // namespace vatmesh::fuzz
