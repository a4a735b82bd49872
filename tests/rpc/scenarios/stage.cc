// SPDX-License-Identifier: Apache-2.0
#include "tests/rpc/scenarios/stage.h"

#include <algorithm>
#include <queue>
#include <set>
#include <utility>

#include "rpc/wire/printer.h"

namespace vatmesh::scenarios {

using fuzz::Net;

namespace {

constexpr int kMaxSteps = 3000;  // in which a scenario must come to rest

bool hasThree(Shape shape) {
  return shape != Shape::kDirect && shape != Shape::kOneVat && shape != Shape::kTwoVats;
}

const void* placeOf(const Net::End& end) {
  return end.proxy ? static_cast<const void*>(end.proxy) : end.app;
}

}  // namespace

Stage::Stage(const Setting& setting, uint64_t order, Log log)
    : setting_(setting),
      random_(order),
      net_(shadows_, random_),
      a(addActor("A")),
      b(addActor("B")),
      c(hasThree(setting.shape) ? addActor("C") : b),
      verbose_(log) {
  build();
  net_.tail_calls = true;  // to those who take them
  for (Net::Link& link : net_.links()) net_.join(link);
  net_.watch = [this](const End& from, const End& to, const wire::InMessage& message) {
    watch(from, to, message);
  };
  service = a.bootstrap(b);
  drain();
}

Stage::~Stage() {
  // Whatever still refers to each other must not outlive the vats.
  for (auto& actor : actors_) {
    for (auto& open : actor->open_) open.promise->queue.clear();
  }
}

Actor& Stage::addActor(const char* name) {
  actors_.push_back(std::make_unique<Actor>(*this, name, shadows_, setting_.habits));
  actors_.back()->vat().setRandom(random_);
  return *actors_.back();
}

void Stage::build() {
  auto proxy = [this]() -> Net::Proxy& { return net_.addProxy(setting_.behaviour); };
  switch (setting_.shape) {
    case Shape::kDirect:
      net_.addLink(a.vat(), b.vat());
      return;
    case Shape::kOneVat:
    case Shape::kStar: {
      auto& v0 = proxy();
      for (auto& actor : actors_) net_.addLink(actor->vat(), v0);
      return;
    }
    case Shape::kTwoVats:
    case Shape::kNear:
    case Shape::kFar:
    case Shape::kAcross: {
      auto& v0 = proxy();
      auto& v1 = proxy();
      net_.addLink(a.vat(), v0);
      net_.addLink(v0, v1);
      net_.addLink(b.vat(), setting_.shape == Shape::kAcross ? v0 : v1);
      if (actors_.size() == 3) net_.addLink(c.vat(), setting_.shape == Shape::kNear ? v0 : v1);
      return;
    }
    case Shape::kMesh: {
      auto& v0 = proxy();
      auto& v1 = proxy();
      auto& v2 = proxy();
      net_.addLink(a.vat(), v0);
      net_.addLink(b.vat(), v1);
      net_.addLink(c.vat(), v2);
      net_.addLink(v0, v1);
      net_.addLink(v1, v2);
      net_.addLink(v2, v0);
    }
  }
}

void Stage::watch(const End& from, const End& to, const wire::InMessage& message) {
  wire::Envelope envelope;
  if (!wire::decode(message, {}, envelope).ok()) return fail("a message that can't be read");
  ++heard_[{to.name(), envelope.kind}];
  if (envelope.kind == wire::MessageKind::kCall) {
    if (auto content = fuzz::readCall(message, envelope.payload)) {
      visits_[content->call].push_back(to.name());
    }
  }
  if (verbose_ == Log::kYes) {
    log_.push_back(from.name() + " -> " + to.name() + "  " + wire::describe(envelope));
  }
}

void Stage::stepAll() {
  for (auto& actor : actors_) actor->step(resting_);
}

size_t Stage::distance(const void* from, const void* to) {
  std::queue<std::pair<const void*, size_t>> todo;
  std::set<const void*> seen{from};
  todo.emplace(from, 0);
  while (!todo.empty()) {
    auto [place, far] = todo.front();
    todo.pop();
    if (place == to) return far;
    for (Net::Link& link : net_.links()) {
      for (int i = 0; i < 2 && link.up; ++i) {
        const void* next = placeOf(link.ends[1 - i]);
        if (placeOf(link.ends[i]) == place && seen.insert(next).second) todo.emplace(next, far + 1);
      }
    }
  }
  return SIZE_MAX;
}

// Each Bootstrap goes to whom it was meant for, the shortest way.
void Stage::restore() {
  if (hold_restores_) return;
  for (auto& proxy : net_.proxies()) {
    for (const captp::Start& start : std::exchange(proxy->starts, {})) {
      const std::string& object = start.restore.object_id;
      Actor* of = bootstraps_.at(static_cast<uint32_t>(std::stoul(object.substr(1))));
      size_t best = SIZE_MAX;
      captp::LinkId next;
      for (Net::Link& link : net_.links()) {
        for (int i = 0; i < 2 && link.up; ++i) {
          if (link.ends[i].proxy != proxy.get()) continue;
          size_t far = distance(placeOf(link.ends[1 - i]), &of->vat());
          if (far >= best) continue;
          best = far;
          next = link.ends[i].id;
        }
      }
      Result<vat::Completion> found = vat::BootstrapOf{next, object};
      if (best == SIZE_MAX) found = Status(Code::kFailed, "no such service");
      net_.input(*proxy, [&](captp::Effects& effects) {
        proxy->vat.complete(start.op, std::move(found), effects);
      });
    }
  }
}

std::vector<Stage::Way> Stage::ready() {
  restore();
  std::vector<Way> ways;
  for (Net::Link& link : net_.links()) {
    for (int i = 0; i < 2 && link.up; ++i) {
      bool held = std::ranges::find(held_, &link.ends[i]) != held_.end();
      if (!held && !link.ends[i].queue.empty()) ways.emplace_back(&link, i);
    }
  }
  return ways;
}

void Stage::deliver(const Way& way) {
  net_.deliver(*way.first, way.second);
  stepAll();
}

bool Stage::round() {
  auto ways = ready();
  for (const Way& way : ways) deliver(way);
  return !ways.empty();
}

void Stage::drain() {
  for (int i = 0; i < kMaxSteps && !failed(); ++i) {
    if (!round()) return;
  }
  fail("messages go round without end");
}

void Stage::holdTowards(Actor& actor) {
  for (End& end : linkOf(actor).ends) {
    if (end.app == &actor.vat()) held_.push_back(&end);
  }
}

void Stage::holdFrom(Actor& actor) {
  for (End& end : linkOf(actor).ends) {
    if (end.app == &actor.vat()) held_.push_back(&net_.other(end));
  }
}

void Stage::letGo() {
  held_.clear();
  hold_restores_ = false;
}

// Each script and each way has a rank; what is ready and ranks highest comes next, until a chance
// makes it the last. Few changes of rank find what depends on few events (Burckhardt and others,
// "A randomized scheduler with probabilistic guarantees of finding bugs"). Some orders are just
// any.
void Stage::play() {
  std::map<std::pair<const void*, int>, uint32_t> ranks;
  auto rankOf = [&](const void* what, int which) -> uint32_t& {
    auto [it, added] = ranks.try_emplace({what, which}, 0);
    if (added) it->second = 1000 + random_.below(1u << 30);
    return it->second;
  };
  bool any = random_.chance(25);
  uint32_t changes[] = {random_.below(40), random_.below(40)};
  for (uint32_t step = 0; step < kMaxSteps && !failed(); ++step) {
    struct Choice {
      Script* script;
      Way way;
      uint32_t* rank;
    };
    std::vector<Choice> choices;
    for (Script& script : scripts_) {
      if (script.done < script.acts.size()) {
        choices.push_back({&script, {}, &rankOf(script.acts.data(), 0)});
      }
    }
    for (const Way& way : ready()) {
      choices.push_back({nullptr, way, &rankOf(way.first, way.second)});
    }
    if (choices.empty()) return scripts_.clear();
    auto chosen =
        std::ranges::max_element(choices, {}, [](const Choice& each) { return *each.rank; });
    if (any) chosen = choices.begin() + random_.below(choices.size());
    if (std::ranges::find(changes, step) != std::end(changes)) *chosen->rank = step;
    if (chosen->script) {
      chosen->script->acts[chosen->script->done++]();
    } else {
      deliver(chosen->way);
    }
  }
  fail("messages go round without end");
}

Net::Link& Stage::linkOf(Actor& actor) {
  for (Net::Link& link : net_.links()) {
    for (End& end : link.ends) {
      if (end.app == &actor.vat()) return link;
    }
  }
  return net_.links().front();
}

void Stage::cut(Net::Link& link) {
  net_.cut(link);
  stepAll();
}

void Stage::join(Net::Link& link) {
  net_.join(link);
}

void Stage::finish() {
  letGo();
  resting_ = true;
  stepAll();
  for (bool busy = true; busy && !failed();) {
    drain();
    busy = false;
    for (auto& actor : actors_) busy |= actor->settle();
    stepAll();
  }
  shadows_.checkCalls(shadows_.lossy);
  service.reset();
  for (auto& actor : actors_) actor->dropAll();
  stepAll();
  drain();
  if (failed()) return;
  if (shadows_.circles) {  // they hold each other
    for (Net::Link& link : net_.links()) net_.cut(link);
    stepAll();
  }
  for (auto& actor : actors_) {
    if (!actor->vat().leftovers().empty()) fail(actor->vat().leftovers());
  }
  net_.checkEmpty();
}

}  // namespace vatmesh::scenarios
