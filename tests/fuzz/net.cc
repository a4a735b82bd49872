// SPDX-License-Identifier: Apache-2.0
//
// Vats of both kinds, and the links between them.
#include <algorithm>
#include <cstring>

#include "rpc/wire/printer.h"
#include "tests/fuzz/world.h"

namespace vatmesh::fuzz {
namespace {

constexpr int kMaxHops = 3;  // of one Bootstrap

Frame bytesOf(const wire::FrameRef& frame) {
  Frame bytes;
  for (auto piece : frame->pieces()) bytes.insert(bytes.end(), piece.begin(), piece.end());
  return bytes;
}

}  // namespace

void World::addProxy() {
  proxies_.push_back(std::make_unique<Proxy>());
  proxies_.back()->name = "V" + std::to_string(proxies_.size() - 1);
}

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
  App app;
  app.vat = std::make_unique<RefVat>(std::string(1, static_cast<char>('A' + apps_.size())),
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
  for (int i = 0; i < proxies; ++i) addProxy();
  for (const Wire& wire : kTopologies[topology]) {
    Link& link = links_.emplace_back();
    int index = 0;
    for (int end : {wire.from, wire.to}) {
      End& at = link.ends[index++];
      if (end >= 0) {
        at.app = apps_[static_cast<size_t>(end)].vat.get();
      } else {
        at.proxy = proxies_[static_cast<size_t>(-1 - end)].get();
      }
    }
    join(link);
  }
}

void World::join(Link& link) {
  if (link.up) return;
  link.up = true;
  for (int i = 0; i < 2; ++i) {
    End& end = link.ends[i];
    end.queue.clear();
    end.in_reader = 0;
    if (end.app) {
      end.app->connect();
      continue;
    }
    vat::LinkInfo info;
    info.kind = link.ends[1 - i].app ? captp::LinkKind::kApp : captp::LinkKind::kPeer;
    end.id = end.proxy->vat.addLink(info);
    end.reader = std::make_unique<wire::FrameReader>(end.proxy->buffers, wire::FrameLimits());
  }
}

void World::cut(Link& link) {
  if (!link.up) return;
  link.up = false;
  shadows_.lossy = true;
  for (End& end : link.ends) {
    end.queue.clear();
    end.reader.reset();
    if (end.app) {
      end.app->lose();
    } else {
      auto id = end.id;
      input(*end.proxy, [&](captp::Effects& effects) {
        end.proxy->vat.onLost(id, Status(Code::kDisconnected, "the link was cut"), effects);
      });
    }
  }
  for (App& app : apps_) step(app);
}

World::End& World::other(End& end) {
  for (Link& link : links_) {
    if (&link.ends[0] == &end) return link.ends[1];
    if (&link.ends[1] == &end) return link.ends[0];
  }
  return end;
}

World::End* World::endOf(const Proxy& proxy, captp::LinkId id) {
  for (Link& link : links_) {
    for (End& end : link.ends) {
      if (end.proxy == &proxy && end.id == id && link.up) return &end;
    }
  }
  return nullptr;
}

void World::input(Proxy& proxy, const std::function<void(captp::Effects&)>& turn) {
  captp::Effects effects;
  turn(effects);
  apply(proxy, effects);
  if (auto broken = proxy.vat.checkInvariants()) {
    shadows_.fail(proxy.name + ": invariant " + *broken);
  }
}

void World::apply(Proxy& proxy, const captp::Effects& effects) {
  for (const captp::Effect& effect : effects) {
    if (auto* send = std::get_if<captp::Send>(&effect)) {
      if (End* end = endOf(proxy, send->link)) other(*end).queue.push_back(bytesOf(send->frame));
    } else if (auto* close = std::get_if<captp::Close>(&effect)) {
      shadows_.fail(proxy.name + " closed a link: " + close->reason.message());
    } else if (auto* start = std::get_if<captp::Start>(&effect)) {
      proxy.starts.push_back(*start);
    } else if (auto* cancel = std::get_if<captp::Cancel>(&effect)) {
      std::erase_if(proxy.starts, [&](const auto& s) { return s.op == cancel->op; });
    } else if (auto* idle = std::get_if<captp::Idle>(&effect)) {
      if (proxy.vat.has(idle->link) && proxy.vat.idle(idle->link) != idle->idle) {
        shadows_.fail(proxy.name + " told Idle of a link that is not");
      }
    }
  }
}

void World::deliver(Link& link, int to) {
  End& end = link.ends[to];
  if (!link.up || end.queue.empty()) return;
  End& from = link.ends[1 - to];
  if (end.app) {
    Frame frame = std::move(end.queue.front());
    end.queue.pop_front();
    wire::BufferPool pool;
    wire::FrameReader reader(pool, wire::FrameLimits());
    auto space = reader.prepare();
    if (space.size() < frame.size()) return shadows_.fail("a frame that is far too large");
    std::memcpy(space.data(), frame.data(), frame.size());
    reader.commit(frame.size());
    auto message = reader.next();
    if (!message.ok() || !*message) return shadows_.fail("a frame that is none");
    if (verbose_) say(from.name() + " -> " + end.name() + "  " + wire::describe(**message));
    end.app->receive(std::move(**message));
    auto size = frame.size();
    input(*from.proxy,
          [&](captp::Effects& effects) { from.proxy->vat.onFlushed(from.id, size, effects); });
    return;
  }
  // Our vats read through their reader, sometimes several frames into one buffer.
  size_t batch = 1 + chance_.below(chance_.chance(30) ? 4 : 1);
  while (end.in_reader == 0 || (end.in_reader < batch && end.in_reader < end.queue.size())) {
    const Frame& frame = end.queue[end.in_reader++];
    size_t done = 0;
    while (done < frame.size()) {
      auto space = end.reader->prepare();
      size_t size = std::min(space.size(), frame.size() - done);
      std::memcpy(space.data(), frame.data() + done, size);
      end.reader->commit(size);
      done += size;
    }
  }
  auto message = end.reader->next();
  if (!message.ok() || !*message) return shadows_.fail("a frame that can't be read");
  auto size = end.queue.front().size();
  end.queue.pop_front();
  --end.in_reader;
  if (verbose_) say(from.name() + " -> " + end.name() + "  " + wire::describe(**message));
  input(*end.proxy, [&](captp::Effects& effects) {
    end.proxy->vat.onMessage(end.id, std::move(**message), effects);
  });
  if (from.proxy) {
    input(*from.proxy,
          [&](captp::Effects& effects) { from.proxy->vat.onFlushed(from.id, size, effects); });
  }
}

bool World::deliverAny(Random& random) {
  std::vector<std::pair<Link*, int>> ready;
  for (Link& link : links_) {
    if (link.stalled > 0) continue;
    for (int end = 0; end < 2; ++end) {
      if (link.up && !link.ends[end].queue.empty()) ready.emplace_back(&link, end);
    }
  }
  if (ready.empty()) return false;
  auto [link, end] = ready[random.below(ready.size())];
  deliver(*link, end);
  for (App& app : apps_) step(app);
  return true;
}

// The outside of one of our vats says where a Bootstrap leads.
void World::complete(Proxy& proxy, size_t index, Random& random) {
  captp::Start start = proxy.starts[index];
  proxy.starts.erase(proxy.starts.begin() + static_cast<std::ptrdiff_t>(index));
  std::vector<End*> ends;
  bool far = ++hops_[start.restore.object_id] > kMaxHops;
  for (Link& link : links_) {
    for (int i = 0; i < 2 && link.up; ++i) {
      End& end = link.ends[i];
      if (end.proxy == &proxy && (!far || link.ends[1 - i].app)) ends.push_back(&end);
    }
  }
  if (ends.empty() || random.chance(5)) {
    uint32_t call = static_cast<uint32_t>(std::stoul(start.restore.object_id.substr(1)));
    shadows_.breakPromise(shadows_.call(call).slots[kRootSlot]);
    say(proxy.name + " refuses the Bootstrap of call " + std::to_string(call));
    return input(proxy, [&](captp::Effects& effects) {
      proxy.vat.complete(start.op, Status(Code::kFailed, "no such service"), effects);
    });
  }
  End* chosen = ends[random.below(ends.size())];
  say(proxy.name + " bootstraps from " + other(*chosen).name());
  input(proxy, [&](captp::Effects& effects) {
    proxy.vat.complete(start.op, vat::BootstrapOf{chosen->id, start.restore.object_id}, effects);
  });
}

void World::step(App& app) {
  for (RefVat::Incoming& incoming : app.vat->inbox) {
    for (size_t i = 0; i < incoming.arguments.size(); ++i) {
      Cap cap = incoming.arguments[i];
      if (!cap) {
        if (!shadows_.lossy && !shadows_.failsForGood(incoming.shadows[i])) {
          shadows_.fail("an argument of call " + std::to_string(incoming.call) + " got lost");
        }
        continue;
      }
      app.references.push_back({shadows_.newReference(), cap, incoming.shadows[i]});
    }
    incoming.arguments.clear();
    app.inbox.push_back(std::move(incoming));
  }
  app.vat->inbox.clear();
  auto frames = app.vat->flush(resting_);
  if (frames.empty()) return;
  for (Link& link : links_) {
    for (int i = 0; i < 2; ++i) {
      if (link.ends[i].app != app.vat.get() || !link.up) continue;
      for (Frame& frame : frames) link.ends[1 - i].queue.push_back(std::move(frame));
    }
  }
}

void World::checkProxies() {
  for (auto& proxy : proxies_) {
    auto sizes = proxy->vat.tableSizes();
    if (sizes.questions + sizes.answers + sizes.exports + sizes.imports + sizes.embargoes > 0) {
      shadows_.fail(proxy->name + ": tables are not empty\n" + proxy->vat.dump());
    } else if (sizes.charged_bytes > 0) {
      shadows_.fail(proxy->name + ": " + std::to_string(sizes.charged_bytes) + " bytes charged");
    }
  }
}

}  // namespace vatmesh::fuzz
