// SPDX-License-Identifier: Apache-2.0
//
// How things end: cancelled calls, closed connections, a server that dies.

#include "scenarios.h"

namespace probe {
namespace {

template <typename T>
void mustDisconnect(Session& s, kj::Promise<T>&& promise) {
  mustFailWith(s, kj::mv(promise), kj::Exception::Type::DISCONNECTED);
}

void cancel(Session& s) {
  auto before = s.quiet();
  {
    kj::Vector<kj::Promise<void>> calls;
    for (int i = 0; i < 10; ++i) calls.add(s.probe.waitRequest().send().ignoreResult());
    s.until([&](Stats::Reader now) { return now.getRunning() == before.running + 10; });
  }
  s.until([&](Stats::Reader now) {
    return now.getRunning() == before.running && now.getCancelled() == before.cancelled + 10;
  });
}

// A cancelled call lets go of what was in its parameters and results.
void cancelReleases(Session& s) {
  auto before = s.quiet();
  auto ours = s.items.alive;
  {
    auto request = s.probe.reflectLaterRequest();
    request.setItem(s.items.make());
    auto promise = request.send();
    auto pipelined = next(promise.getItem(), 1);
    s.numbers();
  }
  s.wait(s.probe.settleRequest().send());
  for (int i = 0; i < 20; ++i) auto dropped = s.probe.itemRequest().send();
  s.until(
      [&](Stats::Reader now) { return now.getItems() == before.items && s.items.alive == ours; });
}

// A client that goes away with calls running and objects held costs nobody else anything.
void close(Session& s) {
  auto before = s.quiet();
  {
    auto other = s.connect();
    auto running = other->probe.waitRequest().send();
    auto item = s.wait(other->probe.itemRequest().send()).getBox().getItem();
    s.until(other->probe,
            [&](Stats::Reader now) { return now.getRunning() == before.running + 1; });
  }
  s.until([&](Stats::Reader now) {
    return now.getRunning() == before.running && now.getItems() == before.items;
  });
}

// A connection on which nothing is ever asked.
void unused(Session& s) {
  for (int i = 0; i < 5; ++i) s.connect();
  auto echo = s.probe.echoRequest();
  echo.setNumber(4);
  KJ_REQUIRE(s.wait(echo.send()).getNumber() == 4);
}

// The server dies in the middle of calls.
void die(Session& s) {
  auto item = s.wait(s.probe.itemRequest().send()).getBox().getItem();
  auto running = s.probe.waitRequest().send();
  s.until([&](Stats::Reader now) { return now.getRunning() > 0; });
  mustDisconnect(s, s.probe.dieRequest().send().ignoreResult());
  mustDisconnect(s, kj::mv(running).ignoreResult());
  mustDisconnect(s, next(item, 1).ignoreResult());
  mustDisconnect(s, s.probe.echoRequest().send().ignoreResult());
}

}  // namespace

std::vector<Scenario> endScenarios() {
  return {{"cancel", cancel},
          {"cancelReleases", cancelReleases},
          {"close", close},
          {"unused", unused},
          {"die", die, false}};
}

}  // namespace probe
