// SPDX-License-Identifier: Apache-2.0
//
// How the vats of a run are joined, and what moves between them.
#include <algorithm>

#include "rpc/wire/printer.h"
#include "tests/fuzz/world.h"

namespace vatmesh::fuzz {
namespace {

constexpr int kMaxHops = 3;  // of one Bootstrap

}  // namespace

void World::addApp(Random& random) {
  Habits habits;
  habits.stays_on_paths = random.chance(25);
  habits.lingers = random.chance(50);
  habits.says_no_finish = random.chance(50);
  habits.always_finishes = random.chance(50);
  habits.workaround = random.chance(50);
  habits.tail_calls = random.chance(50);
  habits.lazy = random.chance(30);
  habits.resolves_again = random.chance(20);
  habits.promises_hosted = random.chance(20);
  habits.keeps_canceled = random.chance(30);
  habits.releases_params = random.chance(50);
  habits.tells_promises = random.chance(50);
  App app;
  app.does = std::make_unique<Application>(std::string(1, static_cast<char>('A' + apps_.size())),
                                           shadows_, habits);
  apps_.push_back(std::move(app));
}

void World::build(Random& random) {
  struct Wire {
    int from;  // an application, or a vat of ours as -1 - index
    int to;
  };
  static const std::vector<std::vector<Wire>> kTopologies = {
      {{0, -1}, {1, -1}},                                         // app, vat, app
      {{0, -1}, {-1, -2}, {1, -2}},                               // app, vat, vat, app
      {{0, -1}, {1, -1}, {2, -1}},                                // three apps around a vat
      {{0, -1}, {1, -2}, {2, -3}, {-1, -2}, {-2, -3}, {-3, -1}},  // three meshed vats
      {{0, -1}},                                                  // one app, alone
      {{0, -1}, {1, -1}, {-1, -2}, {2, -2}},
  };
  static const uint32_t kShare[] = {30, 20, 20, 15, 5, 10};
  size_t topology = 0;
  for (uint32_t at = random.below(100); at >= kShare[topology]; ++topology) at -= kShare[topology];
  int apps = 0;
  int proxies = 0;
  for (const Wire& wire : kTopologies[topology]) {
    for (int end : {wire.from, wire.to}) {
      apps = std::max(apps, end + 1);
      proxies = std::max(proxies, -end);
    }
  }
  for (int i = 0; i < apps; ++i) addApp(random);
  for (int i = 0; i < proxies; ++i) net_.addProxy({.shortens_paths = !random.chance(15)});
  auto app = [&](int index) -> RefVat& { return apps_[static_cast<size_t>(index)].vat(); };
  auto proxy = [&](int index) -> Proxy& {
    return *net_.proxies()[static_cast<size_t>(-1 - index)];
  };
  net_.tail_calls = random.chance(30);
  if (random.chance(15)) {
    // Calls are refused: an excuse for failures, none for order or leaks.
    net_.limits.queued_messages = 1 + random.below(3);
    shadows_.lossy = true;
  }
  promising_ = random.chance(40);
  chooseQueues();
  for (const Wire& wire : kTopologies[topology]) {
    Link& link = wire.from >= 0 ? net_.addLink(app(wire.from), proxy(wire.to))
                                : net_.addLink(proxy(wire.from), proxy(wire.to));
    net_.join(link);
  }
  stalled_.resize(2 * net_.links().size());
  for (size_t i = 0; i < stalled_.size(); ++i) slow_.push_back(random.chance(25) ? 80 : 0);
  if (!verbose_) return;
  net_.watch = [this](const End& from, const End& to, const wire::InMessage& message) {
    say(from.name() + " -> " + to.name() + "  " + wire::describe(message));
  };
}

// In some runs a few messages are all that a link may ask for: then it is not read. Time passes
// where nothing else moves, and a pause that doesn't end ends the link. Calls are refused.
void World::chooseQueues() {
  Random random(seed_ ^ 0x9a05e5);
  if (!random.chance(20)) return;
  net_.limits.queue_soft = 200 + random.below(random.chance(50) ? 1000 : 5000);
  if (random.chance(70)) net_.app_kind = captp::LinkKind::kPeer;
  shadows_.lossy = true;
}

bool World::deliverAny(Random& random) {
  std::vector<std::pair<Link*, int>> ready;
  for (size_t i = 0; i < net_.links().size(); ++i) {
    Link& link = net_.links()[i];
    for (size_t end = 0; end < 2; ++end) {
      if (stalled_[2 * i + end] > 0 || (!resting_ && random.chance(slow_[2 * i + end]))) continue;
      if (link.up && link.ends[end].ready()) ready.emplace_back(&link, end);
    }
  }
  if (ready.empty()) return net_.sleep();
  auto [link, end] = ready[random.below(ready.size())];
  net_.deliver(*link, end);
  stepAll();
  return true;
}

// The outside of one of our vats says where a Bootstrap leads.
void World::complete(Proxy& proxy, size_t index, Random& random) {
  captp::Start start = proxy.starts[index];
  proxy.starts.erase(proxy.starts.begin() + static_cast<std::ptrdiff_t>(index));
  std::vector<End*> ends;
  bool far = ++hops_[start.restore.object_id] > kMaxHops;
  for (Link& link : net_.links()) {
    for (int i = 0; i < 2 && link.up; ++i) {
      End& end = link.ends[i];
      if (end.proxy == &proxy && (!far || link.ends[1 - i].app)) ends.push_back(&end);
    }
  }
  if (ends.empty() || random.chance(5)) {
    uint32_t call = static_cast<uint32_t>(std::stoul(start.restore.object_id.substr(1)));
    shadows_.breakPromise(shadows_.call(call).slots[kRootSlot]);
    say(proxy.name + " refuses the Bootstrap of call " + std::to_string(call));
    return net_.input(proxy, [&](captp::Effects& effects) {
      proxy.vat.complete(start.op, Status(Code::kFailed, "no such service"), effects);
    });
  }
  End* chosen = ends[random.below(ends.size())];
  say(proxy.name + " bootstraps from " + net_.other(*chosen).name());
  if (gated_ && random.chance(60)) return completeGated(proxy, start, *chosen);
  net_.input(proxy, [&](captp::Effects& effects) {
    proxy.vat.complete(start.op, vat::BootstrapOf{chosen->id, start.restore.object_id}, effects);
  });
}

void World::step(App& app) {
  for (RefVat::Incoming& incoming : app.vat().inbox) {
    for (size_t i = 0; i < incoming.arguments.size(); ++i) {
      Cap cap = incoming.arguments[i];
      if (!cap) {
        if (!shadows_.lossy && !shadows_.failsForGood(incoming.shadows[i])) {
          shadows_.fail("an argument of call " + std::to_string(incoming.call) + " got lost");
        }
        continue;
      }
      app.references.push_back(app.does->reference({cap, incoming.shadows[i]}));
    }
    incoming.arguments.clear();
    app.inbox.push_back(std::move(incoming));
  }
  app.vat().inbox.clear();
  net_.post(app.vat(), app.vat().flush(resting_));
}

void World::stepAll() {
  for (App& app : apps_) step(app);
}

}  // namespace vatmesh::fuzz
