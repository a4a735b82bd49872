// SPDX-License-Identifier: Apache-2.0
//
// Capabilities in parameters and results: pipelining, callbacks, identity, lifetimes.

#include "scenarios.h"

namespace probe {
namespace {

void requireNext(Session& s, Item::Client item, uint32_t number, uint32_t position) {
  auto answer = s.wait(next(kj::mv(item), number));
  KJ_REQUIRE(answer.getNumber() == number);
  KJ_REQUIRE(answer.getPosition() == position, answer.getPosition(), position);
}

bool isLocal(Session& s, Item::Client item) {
  return s.items.set.getLocalServer(item).wait(s.scope) != nullptr;
}

// Two levels deep, all sent at once: each call must reach the object that it was meant for.
void pipeline(Session& s) {
  for (int round = 0; round < 50; ++round) {
    auto first = s.probe.itemRequest().send();
    auto a = first.getBox().getItem();
    auto one = next(a, 1);
    auto second = a.childRequest().send();
    auto b = second.getBox().getItem();
    auto two = next(b, 2);
    auto third = next(b.childRequest().send().getBox().getItem(), 3);
    auto again = next(a, 4);
    KJ_REQUIRE(s.wait(kj::mv(third)).getPosition() == 0);
    KJ_REQUIRE(s.wait(kj::mv(two)).getPosition() == 0);
    KJ_REQUIRE(s.wait(kj::mv(one)).getPosition() == 0);
    KJ_REQUIRE(s.wait(kj::mv(again)).getPosition() == 1);
    KJ_REQUIRE(s.wait(kj::mv(first)).getBox().getLabel() == "box");
    KJ_REQUIRE(s.wait(kj::mv(second)).getBox().getLabel() == "child");
    requireNext(s, a, 5, 2);
  }
}

// The answer is dropped, the capability that was taken from it lives on.
void pipelineAfterDrop(Session& s) {
  auto item = s.probe.itemRequest().send().getBox().getItem();
  requireNext(s, item, 1, 0);
  requireNext(s, item, 2, 1);
}

void pipelineOnNull(Session& s) {
  auto promised = s.probe.reflectRequest().send();  // the parameter is null, so is the result
  auto call = next(promised.getItem(), 1);
  mustFail(s, kj::mv(call).ignoreResult());
  requireNext(s, s.probe.itemRequest().send().getBox().getItem(), 1, 0);
}

// Pipelined on an answer that becomes an exception: each such call gets the exception.
void pipelineOnFailure(Session& s) {
  auto promised = s.probe.promiseRequest().send();
  auto item = promised.getItem();
  auto call = next(item, 1);
  auto request = s.probe.breakPromiseRequest();
  request.setReason("broken on purpose");
  s.wait(request.send());
  auto failed = kj::Exception::Type::FAILED;
  mustFailWith(s, kj::mv(call).ignoreResult(), failed, "broken on purpose");
  mustFailWith(s, next(item, 2).ignoreResult(), failed, "broken on purpose");
}

void callbacks(Session& s) {
  std::vector<uint32_t> seen;
  auto item = s.items.make(&seen);
  auto request = s.probe.callBackRequest();
  request.setItem(item);
  request.setTimes(100);
  auto answer = s.wait(request.send());
  auto positions = answer.getAnswers();
  KJ_REQUIRE(positions.size() == 100 && seen.size() == 100);
  for (uint32_t i = 0; i < 100; ++i) {
    KJ_REQUIRE(seen[i] == i && positions[i] == i, "callbacks came out of order", i);
  }
}

void held(Session& s) {
  auto before = s.items.alive;
  {
    auto hold = s.probe.holdRequest();
    hold.setItem(s.items.make());
    s.wait(hold.send());
  }
  {
    auto answer = s.wait(s.probe.heldRequest().send());
    requireNext(s, answer.getItem(), 3, 0);
    KJ_REQUIRE(isLocal(s, answer.getItem()), "a held object came back as a proxy");
    auto again = s.wait(s.probe.heldRequest().send());
    requireNext(s, again.getItem(), 4, 1);
  }
  KJ_REQUIRE(s.items.alive == before + 1);
  s.wait(s.probe.dropRequest().send());
  s.until([&](Stats::Reader) { return s.items.alive == before; });
}

void bounce(Session& s) {
  auto own = s.items.make();
  auto there = s.probe.reflectRequest();
  there.setItem(own);
  auto back = s.wait(there.send());
  KJ_REQUIRE(isLocal(s, back.getItem()), "our own object came back as a proxy");
}

void bounceTheirs(Session& s) {
  auto theirs = s.wait(s.probe.itemRequest().send()).getBox().getItem();
  auto ask = s.probe.isMineRequest();
  ask.setItem(theirs);
  KJ_REQUIRE(s.wait(ask.send()).getMine(), "the server's object came back to it as a proxy");
  auto askOurs = s.probe.isMineRequest();
  askOurs.setItem(s.items.make());
  KJ_REQUIRE(!s.wait(askOurs.send()).getMine());
}

void list(Session& s) {
  auto before = s.quiet();
  {
    auto request = s.probe.manyRequest();
    request.setCount(50);
    auto answer = s.wait(request.send());
    auto items = answer.getItems();
    KJ_REQUIRE(items.size() == 50);
    for (uint32_t i = 0; i < 50; i += 7) requireNext(s, items[i], i, 0);
    for (uint32_t i = 0; i < 50; i += 7) requireNext(s, items[i], i, 1);
    s.until([&](Stats::Reader now) { return now.getItems() == before.items + 50; });
  }
  s.until([&](Stats::Reader now) { return now.getItems() == before.items; });
}

// Passes what has not been returned yet: a capability of an answer as a parameter.
void receiverAnswer(Session& s) {
  auto promised = s.probe.itemRequest().send();
  auto item = promised.getBox().getItem();
  for (uint32_t i = 0; i < 5; ++i) {
    auto request = s.probe.useRequest();
    request.setItem(item);
    request.setNumber(i);
    auto answer = s.wait(request.send());
    KJ_REQUIRE(answer.getNumber() == i && answer.getPosition() == i);
  }
  // The promise of the bootstrap itself, on a connection that has got no answer at all.
  auto other = s.connect();
  auto request = other->probe.reflectRequest();
  request.setItem(other->probe.castAs<Item>());
  auto itself = s.wait(request.send()).getItem().castAs<Probe>();
  auto echo = itself.echoRequest();
  echo.setNumber(9);
  KJ_REQUIRE(s.wait(echo.send()).getNumber() == 9);
}

// One object several times in one message.
void sameTwice(Session& s) {
  auto before = s.items.alive;
  {
    auto own = s.items.make();
    kj::Vector<kj::Promise<void>> calls;
    for (uint32_t i = 0; i < 20; ++i) {
      auto request = s.probe.useRequest();
      request.setItem(own);
      request.setNumber(i);
      calls.add(request.send().then([i](capnp::Response<Answer>&& answer) {
        KJ_REQUIRE(answer.getNumber() == i && answer.getPosition() == i);
      }));
    }
    s.wait(kj::joinPromises(calls.releaseAsArray()));
  }
  s.until([&](Stats::Reader) { return s.items.alive == before; });
}

void null(Session& s) {
  auto answer = s.wait(s.probe.reflectRequest().send());
  KJ_REQUIRE(!answer.hasItem(), "a null capability became something");
  auto request = s.probe.useRequest();
  mustFail(s, request.send().ignoreResult());
  auto mine = s.probe.itemRequest().send().getBox().getItem();
  requireNext(s, mine, 1, 0);
}

// An object of one client, held by the server, fetched and called by another client.
void twoClients(Session& s) {
  std::vector<uint32_t> seen;
  auto before = s.items.alive;
  {
    auto hold = s.probe.holdRequest();
    hold.setItem(s.items.make(&seen));
    s.wait(hold.send());
  }
  auto other = s.connectSecond();
  {
    auto item = other->probe.heldRequest().send().getItem();
    kj::Vector<kj::Promise<void>> calls;
    for (uint32_t i = 0; i < 50; ++i) calls.add(next(item, i).ignoreResult());
    s.wait(kj::joinPromises(calls.releaseAsArray()));
    KJ_REQUIRE(seen.size() == 50);
    for (uint32_t i = 0; i < 50; ++i) KJ_REQUIRE(seen[i] == i, "calls came out of order", i);
    // A child of it travels the whole way back.
    requireNext(s, item.childRequest().send().getBox().getItem(), 77, 0);
  }
  s.wait(s.probe.dropRequest().send());
  s.until([&](Stats::Reader) { return s.items.alive == before; });
}

}  // namespace

std::vector<Scenario> capabilityScenarios() {
  return {{"pipeline", pipeline},
          {"pipelineAfterDrop", pipelineAfterDrop},
          {"pipelineOnNull", pipelineOnNull},
          {"pipelineOnFailure", pipelineOnFailure},
          {"callbacks", callbacks},
          {"held", held},
          {"bounce", bounce},
          {"bounceTheirs", bounceTheirs},
          {"list", list},
          {"receiverAnswer", receiverAnswer},
          {"sameTwice", sameTwice},
          {"null", null},
          {"twoClients", twoClients}};
}

}  // namespace probe
