// SPDX-License-Identifier: Apache-2.0
//
// Promises (scenarios 52 to 58, 61 to 64).
#include "tests/rpc/scenarios/scenario.h"

namespace vatmesh::scenarios {
namespace {

using wire::MessageKind;

VATMESH_SCENARIOS(Promises, settingsOfTwo);

// 52, 57
TEST_P(Promises, TakeCallsBeforeTheyResolve) {
  inEveryOrder([](Stage& s) {
    Promised promise = s.a.promise();
    s.a.call(s.service, {promise.ref});
    s.drain();
    Ref held = s.b.next()->arguments[0];
    Ref x = s.a.object();
    Calls calls;
    Act call = calling(s.b, held, calls);
    s.meanwhile({call, call, call, call});
    s.meanwhile({[&] { s.a.resolve(promise, x); }});
    s.play();
    call();
    s.drain();
    s.expectArrived(x, calls);
    s.expectShortest(calls.back(), s.b, s.a, s.a);
  });
}

// 52
TEST_P(Promises, ResolveInStepsOfAnyOrder) {
  inEveryOrder([](Stage& s) {
    Promised first = s.a.promise();
    Promised second = s.a.promise();
    s.a.call(s.service, {first.ref, second.ref});
    s.drain();
    Came came = s.b.next();
    Ref x = s.a.object();
    Calls calls;
    Act call = calling(s.b, came->arguments[0], calls);
    s.meanwhile({call, call, call, call});
    s.meanwhile({[&] { s.a.resolve(first, second.ref); }});
    s.meanwhile({[&] { s.a.resolve(second, x); }});
    s.play();
    call();
    s.drain();
    s.expectArrived(x, calls);
    s.expectShortest(calls.back(), s.b, s.a, s.a);
  });
}

// 52: made of a call under way.
TEST_P(Promises, OfResultsTakeCallsOfTheirReceiver) {
  inEveryOrder([](Stage& s) {
    Ref y = s.b.object();
    Call asked = s.a.call(s.service);
    s.drain();
    Came came = s.b.next();
    Ref field = s.a.field(asked);
    s.a.call(s.service, {field});
    s.drain();
    Ref at_b = s.b.next()->arguments[0];
    Calls from_a;
    Calls from_b;
    Act a_calls = calling(s.a, field, from_a);
    Act b_calls = calling(s.b, at_b, from_b);
    s.meanwhile({a_calls, a_calls, a_calls});
    s.meanwhile({b_calls, b_calls, b_calls});
    s.meanwhile({[&] { s.b.answer(came, {y}); }});
    s.play();
    b_calls();
    s.drain();
    s.expectShortest(from_b.back(), s.b, s.b, s.a);
    for (const Call& call : from_a) s.expectOpen(call);
    while (s.b.hasNext()) s.b.answer(s.b.next());
    s.drain();
    for (const Call& call : from_a) s.expectReturned(call);
    for (const Call& call : from_b) s.expectReturned(call);
  });
}

// 53
TEST_P(Promises, ThatBreakFailTheirCallsWithTheReason) {
  inEveryOrder([](Stage& s) {
    Promised promise = s.a.promise();
    s.a.call(s.service, {promise.ref});
    s.drain();
    Ref held = s.b.next()->arguments[0];
    Calls calls;
    Act call = calling(s.b, held, calls);
    s.meanwhile({call, call, call});
    s.meanwhile({[&] { s.a.breakPromise(promise); }});
    s.play();
    call();
    s.drain();
    for (const Call& each : calls) s.expectFailed(each, "broken by its owner");
  });
}

// 54
TEST_P(Promises, ThatBecomeNullFailTheirCalls) {
  inEveryOrder([](Stage& s) {
    Promised promise = s.a.promise();
    s.a.call(s.service, {promise.ref});
    s.drain();
    Ref held = s.b.next()->arguments[0];
    Calls calls;
    Act call = calling(s.b, held, calls);
    s.meanwhile({call, call, call});
    s.meanwhile({[&] { s.a.resolve(promise, nullptr); }});
    s.play();
    for (const Call& each : calls) s.expectFailed(each);
  });
}

// 55
TEST_P(Promises, MayResolveWhileTheyAreReleased) {
  inEveryOrder([](Stage& s) {
    Ref y_at_a = s.a.field(ask(s, {s.b.object()}));
    Promised first = s.a.promise();
    Promised second = s.a.promise();
    s.a.call(s.service, {first.ref, second.ref});
    s.drain();
    Came came = s.b.next();
    s.b.answer(came);
    s.meanwhile({[&] { s.b.release(came->arguments[0]); }});
    s.meanwhile({[&] { s.b.release(came->arguments[1]); }});
    s.meanwhile({[&] { s.a.resolve(first, s.a.object()); }});
    s.meanwhile({[&] { s.a.resolve(second, y_at_a); }});
    s.play();
    // Nobody used them.
    size_t disembargoes =
        s.heard(s.a, MessageKind::kDisembargo) + s.heard(s.b, MessageKind::kDisembargo);
    if (disembargoes > 0) s.fail("a promise was embargoed that nobody used");
  });
}

// 56
TEST_P(Promises, NeedNoResolveOnceTheyAreReleased) {
  inEveryOrder([](Stage& s) {
    if (s.setting().habits.lazy) return;  // the release comes when it likes
    Promised promise = s.a.promise();
    s.a.call(s.service, {promise.ref});
    s.drain();
    Came came = s.b.next();
    s.meanwhile({[&] { s.b.answer(came); }});
    s.meanwhile({[&] { s.b.release(came->arguments[0]); }});
    s.play();
    s.a.resolve(promise, s.a.object());
    s.drain();
    if (s.heard(s.b, MessageKind::kResolve) > 0) s.fail("a Resolve came for what was released");
  });
}

// 57
TEST_P(Promises, AndResultsAreAllReleasedWithTheCall) {
  inEveryOrder([](Stage& s) {
    Promised promise = s.b.promise();
    Call asked = s.a.call(s.service);
    s.drain();
    Came came = s.b.next();
    s.meanwhile({[&] { s.b.answer(came, {s.b.object(), promise.ref, s.b.object()}); }});
    s.meanwhile({[&] { s.a.finish(asked); }});
    s.meanwhile({[&] { s.b.resolve(promise, s.b.object()); }});
    s.play();
  });
}

// 57: what is still on the way to a promise needs what it becomes.
TEST_P(Promises, AreKeptForTheCallsOnTheWay) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Promised promise = s.a.promise();
    s.a.call(s.service, {promise.ref});
    s.drain();
    Came came = s.b.next();
    Ref held = came->arguments[0];
    Calls calls;
    Act call = calling(s.b, held, calls);
    s.meanwhile({call, call, [&] { s.b.release(held); }});
    s.meanwhile({[&] { s.a.resolve(promise, x); }, [&] { s.a.release(promise.ref); }});
    s.play();
    s.expectArrived(x, calls);
    while (s.a.hasNext()) s.a.answer(s.a.next());
    s.drain();
    for (const Call& each : calls) s.expectReturned(each);
  });
}

// 61
TEST_P(Promises, ThatBecomeEachOtherAreBroken) {
  // Through a vat that keeps old paths calls would go round for ever.
  if (!GetParam().behaviour.shortens_paths) return;
  inEveryOrder([](Stage& s) {
    Promised of_a = s.a.promise();
    Promised of_b = s.b.promise();
    auto [asked, came] = exchange(s, {of_a.ref}, {of_b.ref});
    Ref at_a = s.a.field(asked);
    Ref at_b = came->arguments[0];
    s.meanwhile({[&] { s.a.resolve(of_a, at_a); }});
    s.meanwhile({[&] { s.b.resolve(of_b, at_b); }});
    s.play();
    Call from_a = s.a.call(at_a);
    Call from_b = s.b.call(at_b);
    s.drain();
    s.expectFailed(from_a);
    s.expectFailed(from_b);
    s.expectOpen(s.a.call(s.service));
  });
}

// 62
TEST_P(Promises, ThatAreBrokenAlreadyAreToldSo) {
  inEveryOrder([](Stage& s) {
    Promised of_a = s.a.promise();
    Promised of_b = s.b.promise();
    s.a.breakPromise(of_a);
    s.b.breakPromise(of_b);
    Call asked = s.a.call(s.service, {of_a.ref});
    s.drain();
    Came came = s.b.next();
    Calls from_a;
    Calls from_b;
    s.meanwhile({[&] { s.b.answer(came, {of_b.ref}); }});
    Act a_calls = [&] { from_a.push_back(s.a.call(s.a.field(asked))); };
    s.meanwhile({a_calls, a_calls});
    Act b_calls = calling(s.b, came->arguments[0], from_b);
    s.meanwhile({b_calls, b_calls});
    s.play();
    a_calls();
    s.drain();
    for (const Call& call : from_a) s.expectFailed(call, "broken by its owner");
    for (const Call& call : from_b) s.expectFailed(call, "broken by its owner");
  });
}

// 63
TEST_P(Promises, AndObjectsLiveAsLongAsACalleeKeepsThem) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Call asked = s.a.call(s.service, {x});
    s.drain();
    Came came = s.b.next();
    Ref kept = s.b.twin(came->arguments[0]);
    Calls calls;
    Act call = calling(s.b, kept, calls);
    s.meanwhile({[&] { s.a.release(x); }});
    s.meanwhile({[&] { s.b.answer(came); }, [&] { s.b.release(came->arguments[0]); }});
    s.meanwhile({call, call});
    s.play();
    s.a.finish(asked);
    call();
    s.drain();
    s.expectArrived(kept, calls);
  });
}

// 64
TEST_P(Promises, MayResolveRightBehindTheResultsThatBringThem) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Promised first = s.b.promise();
    Promised second = s.b.promise();
    Ref y = s.b.object();
    Call asked = s.a.call(s.service, {x});
    s.drain();
    Came came = s.b.next();
    Ref field = s.a.field(asked);
    Ref other = s.a.field(asked, 1);
    Calls calls;
    Calls others;
    Act call = calling(s.a, field, calls);
    Act on_other = calling(s.a, other, others);
    s.meanwhile({call, on_other, call, on_other, call, on_other});
    s.meanwhile({[&] {
      s.b.answer(came, {first.ref, second.ref});
      s.b.resolve(first, y);
      s.b.resolve(second, came->arguments[0]);
    }});
    s.play();
    s.expectArrived(y, calls);
    s.expectArrived(x, others);
  });
}

}  // namespace
}  // namespace vatmesh::scenarios
