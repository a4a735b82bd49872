// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/net.h"

#include <algorithm>
#include <cstring>

#include "tests/fuzz/journal_replay.h"

namespace vatmesh::fuzz {
namespace {

Frame bytesOf(const wire::FrameRef& frame) {
  Frame bytes;
  for (auto piece : frame->pieces()) bytes.insert(bytes.end(), piece.begin(), piece.end());
  return bytes;
}

}  // namespace

Net::Proxy& Net::addProxy(vat::Behaviour behaviour) {
  proxies_.push_back(std::make_unique<Proxy>(behaviour));
  proxies_.back()->name = "V" + std::to_string(proxies_.size() - 1);
  Proxy& proxy = *proxies_.back();
  if (record_) {
    proxy.journal.emplace(*record_, uint64_t{64} << 20);
    proxy.vat.recordIn(*proxy.journal);
  }
  return proxy;
}

Net::End& Net::other(End& end) {
  for (Link& link : links_) {
    if (&link.ends[0] == &end) return link.ends[1];
    if (&link.ends[1] == &end) return link.ends[0];
  }
  return end;
}

void Net::join(Link& link) {
  if (link.up) return;
  link.up = true;
  for (int i = 0; i < 2; ++i) {
    End& end = link.ends[i];
    end.queue.clear();
    end.in_reader = 0;
    end.paused = false;
    if (end.app) {
      end.app->connect();
      continue;
    }
    vat::LinkInfo info;
    info.limits = limits;
    info.kind = link.ends[1 - i].app ? app_kind : captp::LinkKind::kPeer;
    const RefVat* app = link.ends[1 - i].app;
    info.profile.tail_calls = tail_calls && (!app || app->habits().tail_calls);
    end.id = end.proxy->vat.addLink(info);
    end.reader = std::make_unique<wire::FrameReader>(end.proxy->buffers, wire::FrameLimits());
  }
}

void Net::cut(Link& link) {
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
}

Net::End* Net::endOf(const Proxy& proxy, captp::LinkId id) {
  for (Link& link : links_) {
    for (End& end : link.ends) {
      if (end.proxy == &proxy && end.id == id && link.up) return &end;
    }
  }
  return nullptr;
}

void Net::input(Proxy& proxy, const std::function<void(captp::Effects&)>& turn) {
  captp::Effects effects;
  turn(effects);
  apply(proxy, effects);
  if (auto broken = proxy.vat.checkInvariants()) {
    shadows_.fail(proxy.name + ": invariant " + *broken);
  }
}

void Net::apply(Proxy& proxy, const captp::Effects& effects) {
  std::vector<captp::Idle> told;  // several turns may have led here; the last one holds
  for (const captp::Effect& effect : effects) {
    if (proxy.journal) proxy.effects.push_back(describe(effect));
    if (auto* send = std::get_if<captp::Send>(&effect)) {
      if (End* end = endOf(proxy, send->link)) other(*end).queue.push_back(bytesOf(send->frame));
    } else if (auto* close = std::get_if<captp::Close>(&effect)) {
      shadows_.fail(proxy.name + " closed a link: " + close->reason.message());
    } else if (auto* start = std::get_if<captp::Start>(&effect)) {
      proxy.starts.push_back(*start);
    } else if (auto* cancel = std::get_if<captp::Cancel>(&effect)) {
      std::erase_if(proxy.starts, [&](const auto& s) { return s.op == cancel->op; });
    } else if (auto* pause = std::get_if<captp::Pause>(&effect)) {
      if (End* end = endOf(proxy, pause->link)) end->paused = true;
    } else if (auto* resume = std::get_if<captp::Resume>(&effect)) {
      if (End* end = endOf(proxy, resume->link)) end->paused = false;
    } else if (auto* idle = std::get_if<captp::Idle>(&effect)) {
      std::erase_if(told, [&](const captp::Idle& before) { return before.link == idle->link; });
      told.push_back(*idle);
    }
  }
  for (const captp::Idle& idle : told) {
    if (proxy.vat.has(idle.link) && proxy.vat.idle(idle.link) != idle.idle) {
      shadows_.fail(proxy.name + " told Idle of a link that is not");
    }
  }
}

void Net::deliver(Link& link, int to) {
  End& end = link.ends[to];
  if (!link.up || !end.ready()) return;
  End& from = link.ends[1 - to];
  if (end.app) {
    deliverToApp(from, end);
  } else {
    deliverToProxy(from, end);
  }
}

bool Net::sleep() {
  bool waits = false;
  for (Link& link : links_) {
    for (End& end : link.ends) {
      if (link.up && end.ready()) return false;
      waits |= link.up && end.paused && !end.queue.empty();
    }
  }
  if (!waits) return false;
  Instant next = kNever;
  for (auto& proxy : proxies_) next = std::min(next, proxy->vat.nextDeadline());
  if (next == kNever) {
    shadows_.fail("a link is paused for ever");
    return false;
  }
  now_ = std::max(now_, next);
  for (auto& proxy : proxies_) {
    input(*proxy, [&](captp::Effects& effects) { proxy->vat.onTick(now_, effects); });
  }
  return true;
}

void Net::deliverToApp(End& from, End& to) {
  Frame frame = std::move(to.queue.front());
  to.queue.pop_front();
  wire::BufferPool pool;
  wire::FrameReader reader(pool, wire::FrameLimits());
  auto space = reader.prepare();
  if (space.size() < frame.size()) return shadows_.fail("a frame that is far too large");
  std::memcpy(space.data(), frame.data(), frame.size());
  reader.commit(frame.size());
  auto message = reader.next();
  if (!message.ok() || !*message) return shadows_.fail("a frame that is none");
  if (watch) watch(from, to, **message);
  to.app->receive(std::move(**message));
  if (!from.proxy) return;
  auto size = frame.size();
  input(*from.proxy,
        [&](captp::Effects& effects) { from.proxy->vat.onFlushed(from.id, size, effects); });
}

// Our vats read through their reader, sometimes several frames into one buffer.
void Net::deliverToProxy(End& from, End& to) {
  size_t batch = 1 + chance_.below(chance_.chance(30) ? 4 : 1);
  while (to.in_reader == 0 || (to.in_reader < batch && to.in_reader < to.queue.size())) {
    const Frame& frame = to.queue[to.in_reader++];
    size_t done = 0;
    while (done < frame.size()) {
      auto space = to.reader->prepare();
      size_t size = std::min(space.size(), frame.size() - done);
      std::memcpy(space.data(), frame.data() + done, size);
      to.reader->commit(size);
      done += size;
    }
  }
  auto message = to.reader->next();
  if (!message.ok() || !*message) return shadows_.fail("a frame that can't be read");
  auto size = to.queue.front().size();
  to.queue.pop_front();
  --to.in_reader;
  if (watch) watch(from, to, **message);
  input(*to.proxy, [&](captp::Effects& effects) {
    to.proxy->vat.onMessage(to.id, std::move(**message), effects);
  });
  if (from.proxy) {
    input(*from.proxy,
          [&](captp::Effects& effects) { from.proxy->vat.onFlushed(from.id, size, effects); });
  }
}

void Net::post(const RefVat& from, std::vector<Frame> frames) {
  if (frames.empty()) return;
  for (Link& link : links_) {
    for (int i = 0; i < 2; ++i) {
      if (link.ends[i].app != &from || !link.up) continue;
      for (Frame& frame : frames) link.ends[1 - i].queue.push_back(std::move(frame));
    }
  }
}

void Net::checkEmpty() {
  for (auto& proxy : proxies_) {
    auto sizes = proxy->vat.tableSizes();
    if (sizes.questions + sizes.answers + sizes.exports + sizes.imports + sizes.embargoes +
            sizes.objects + sizes.calls >
        0) {
      shadows_.fail(proxy->name + ": tables are not empty\n" + proxy->vat.dump());
    } else if (sizes.charged_bytes > 0) {
      shadows_.fail(proxy->name + ": " + std::to_string(sizes.charged_bytes) + " bytes charged");
    }
  }
}

}  // namespace vatmesh::fuzz
