// SPDX-License-Identifier: Apache-2.0
//
// Promises and tail calls: whatever a promise becomes, calls arrive in the order they were made.

#include "scenarios.h"

namespace probe {
namespace {

using Calls = kj::Vector<kj::Promise<void>>;

// Starts item.next(from) to item.next(to - 1), requiring that each position equals the number.
void push(Calls& calls, Item::Client& item, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; ++i) {
    calls.add(next(item, i).then([i](capnp::Response<Answer>&& answer) {
      KJ_REQUIRE(answer.getNumber() == i);
      KJ_REQUIRE(answer.getPosition() == i, "out of order", i, answer.getPosition());
    }));
  }
}

void requireOrder(const std::vector<uint32_t>& seen, uint32_t count) {
  KJ_REQUIRE(seen.size() == count, seen.size(), count);
  for (uint32_t i = 0; i < count; ++i) KJ_REQUIRE(seen[i] == i, "out of order", i, seen[i]);
}

kj::Promise<void> settle(Session& s, kj::Maybe<Item::Client> item) {
  auto request = s.probe.settleRequest();
  KJ_IF_MAYBE (i, item) request.setItem(*i);
  return request.send().ignoreResult();
}

// Our own object comes back as the answer of a call on which calls were pipelined before. What
// stands between may show it as a proxy then; only the order counts.
void identity(Session& s) {
  for (int round = 0; round < 20; ++round) {
    std::vector<uint32_t> seen;
    auto own = s.items.make(&seen);
    auto request = s.probe.reflectLaterRequest();
    request.setItem(own);
    auto promise = request.send();
    auto item = promise.getItem();
    Calls calls;
    push(calls, item, 0, 5);
    calls.add(settle(s, nullptr));
    push(calls, item, 5, 10);
    s.wait(kj::mv(promise));  // the very turn in which it resolves
    push(calls, item, 10, 15);
    s.wait(item.whenResolved());
    push(calls, item, 15, 20);
    s.wait(kj::joinPromises(calls.releaseAsArray()));
    requireOrder(seen, 20);
  }
}

void resolveTo(Session& s, bool own_object) {
  for (int round = 0; round < 20; ++round) {
    std::vector<uint32_t> seen;
    kj::Maybe<Item::Client> target;
    if (own_object) target = s.items.make(&seen);
    auto promise = s.probe.promiseRequest().send();
    auto item = promise.getItem();
    Calls calls;
    push(calls, item, 0, 5);
    if (round % 2 == 0) s.wait(kj::mv(promise));
    push(calls, item, 5, 10);
    calls.add(settle(s, kj::mv(target)));
    push(calls, item, 10, 15);
    s.wait(item.whenResolved());
    push(calls, item, 15, 20);
    s.wait(kj::joinPromises(calls.releaseAsArray()));
    if (own_object) requireOrder(seen, 20);
  }
}

void promiseToTheirs(Session& s) {
  resolveTo(s, false);
}
void promiseToOurs(Session& s) {
  resolveTo(s, true);
}

// Nobody calls through the promise before it resolves.
void promiseUnused(Session& s) {
  std::vector<uint32_t> seen;
  auto item = s.wait(s.probe.promiseRequest().send()).getItem();
  s.wait(settle(s, s.items.make(&seen)));
  s.wait(item.whenResolved());
  Calls calls;
  push(calls, item, 0, 10);
  s.wait(kj::joinPromises(calls.releaseAsArray()));
  requireOrder(seen, 10);
}

// A promise of the server is handed back to it before it resolves.
void promiseAsParameter(Session& s) {
  auto item = s.wait(s.probe.promiseRequest().send()).getItem();
  auto request = s.probe.useRequest();
  request.setItem(item);
  request.setNumber(5);
  auto answer = request.send();
  s.wait(settle(s, nullptr));
  KJ_REQUIRE(s.wait(kj::mv(answer)).getNumber() == 5);
}

// A promise of ours as a parameter, kept later.
void ourPromise(Session& s) {
  std::vector<uint32_t> seen;
  auto paf = kj::newPromiseAndFulfiller<Item::Client>();
  auto request = s.probe.callBackRequest();
  request.setItem(kj::mv(paf.promise));
  request.setTimes(10);
  auto answer = request.send();
  s.numbers();  // a round trip: the server has called the promise by now
  KJ_REQUIRE(seen.empty());
  paf.fulfiller->fulfill(s.items.make(&seen));
  s.wait(kj::mv(answer));
  requireOrder(seen, 10);
}

void ourPromiseBroken(Session& s) {
  auto broken = kj::newPromiseAndFulfiller<Item::Client>();
  auto use = s.probe.useRequest();
  use.setItem(kj::mv(broken.promise));
  auto fails = use.send();
  s.numbers();
  broken.fulfiller->reject(KJ_EXCEPTION(OVERLOADED, "we changed our mind"));
  mustFailWith(s, kj::mv(fails).ignoreResult(), kj::Exception::Type::OVERLOADED,
               "we changed our mind");
}

// A promise of ours that becomes the server's own object.
void ourPromiseToTheirs(Session& s) {
  auto theirs = s.wait(s.probe.itemRequest().send()).getBox().getItem();
  auto paf = kj::newPromiseAndFulfiller<Item::Client>();
  auto request = s.probe.callBackRequest();
  request.setItem(kj::mv(paf.promise));
  request.setTimes(10);
  auto answer = request.send();
  s.numbers();
  paf.fulfiller->fulfill(kj::mv(theirs));
  auto done = s.wait(kj::mv(answer));
  for (uint32_t i = 0; i < 10; ++i) KJ_REQUIRE(done.getAnswers()[i] == i, "out of order", i);
}

void tail(Session& s) {
  std::vector<uint32_t> seen;
  auto own = s.items.make(&seen);
  auto theirs = s.wait(s.probe.itemRequest().send()).getBox().getItem();
  for (uint32_t i = 0; i < 20; ++i) {
    for (Item::Client* target : {&own, &theirs}) {
      auto request = s.probe.tailRequest();
      request.setItem(*target);
      request.setNumber(i);
      auto answer = s.wait(request.send());
      KJ_REQUIRE(answer.getNumber() == i && answer.getPosition() == i);
    }
  }
  requireOrder(seen, 20);
  // Many at once, between plain calls.
  Calls calls;
  for (uint32_t i = 20; i < 60; ++i) {
    auto request = s.probe.tailRequest();
    request.setItem(own);
    request.setNumber(i);
    calls.add(request.send().then([i](capnp::Response<Answer>&& answer) {
      KJ_REQUIRE(answer.getNumber() == i && answer.getPosition() == i);
    }));
  }
  s.wait(kj::joinPromises(calls.releaseAsArray()));
  requireOrder(seen, 60);
}

// A tail call across two connections: it leaves by another link than it came.
void tailToOther(Session& s) {
  std::vector<uint32_t> seen;
  auto hold = s.probe.holdRequest();
  hold.setItem(s.items.make(&seen));
  s.wait(hold.send());
  auto other = s.connectSecond();
  auto item = s.wait(other->probe.heldRequest().send()).getItem();
  Calls calls;
  for (uint32_t i = 0; i < 20; ++i) {
    auto request = other->probe.tailRequest();
    request.setItem(item);
    request.setNumber(i);
    calls.add(request.send().then([i](capnp::Response<Answer>&& answer) {
      KJ_REQUIRE(answer.getNumber() == i && answer.getPosition() == i);
    }));
  }
  s.wait(kj::joinPromises(calls.releaseAsArray()));
  requireOrder(seen, 20);
  s.wait(s.probe.dropRequest().send());
}

}  // namespace

std::vector<Scenario> promiseScenarios() {
  return {{"identity", identity},
          {"promiseToTheirs", promiseToTheirs},
          {"promiseToOurs", promiseToOurs},
          {"promiseUnused", promiseUnused},
          {"promiseAsParameter", promiseAsParameter},
          {"ourPromise", ourPromise},
          {"ourPromiseBroken", ourPromiseBroken},
          {"ourPromiseToTheirs", ourPromiseToTheirs},
          {"tail", tail},
          {"tailToOther", tailToOther}};
}

}  // namespace probe
