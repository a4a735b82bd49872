// SPDX-License-Identifier: Apache-2.0
//
// Order when a reference gets shorter (scenarios 65 to 68, 71 to 75, 77): whatever moves where, the
// calls of one reference arrive in the order in which they were made, at last on the shortest path.
#include "tests/rpc/scenarios/scenario.h"

namespace vatmesh::scenarios {
namespace {

VATMESH_SCENARIOS(Embargoes, settingsOfTwo);

// 65
TEST_P(Embargoes, KeepOrderWhenResultsAreTheCallersOwnObject) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Call asked = s.a.call(s.service, {x});
    s.drain();
    Came came = s.b.next();
    Ref field = s.a.field(asked);
    Calls calls;
    Act call = calling(s.a, field, calls);
    s.meanwhile({call, call, call});
    s.meanwhile({[&] { s.b.answer(came, {came->arguments[0]}); }});
    s.play();
    call();
    s.drain();
    s.expectArrived(x, calls);
    s.expectShortest(calls.back(), s.a, s.a, s.b);
  });
}

// 66
TEST_P(Embargoes, KeepOrderWhenAPromiseBecomesItsHoldersObject) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Promised promise = s.b.promise();
    auto [asked, came] = exchange(s, {x}, {promise.ref});
    Ref held = s.a.field(asked);
    Calls calls;
    Act call = calling(s.a, held, calls);
    s.meanwhile({call, call, call});
    s.meanwhile({[&] { s.b.resolve(promise, came->arguments[0]); }});
    s.play();
    call();
    s.drain();
    s.expectArrived(x, calls);
    s.expectShortest(calls.back(), s.a, s.a, s.b);
  });
}

// 66, the other way round: the one who was called holds the promise.
TEST_P(Embargoes, KeepOrderWhenAnArgumentBecomesTheCalleesObject) {
  inEveryOrder([](Stage& s) {
    Ref y = s.b.object();
    Ref y_at_a = s.a.field(ask(s, {y}));
    Promised promise = s.a.promise();
    s.a.call(s.service, {promise.ref});
    s.drain();
    Ref held = s.b.next()->arguments[0];
    Calls calls;
    Act call = calling(s.b, held, calls);
    s.meanwhile({call, call, call});
    s.meanwhile({[&] { s.a.resolve(promise, y_at_a); }});
    s.play();
    call();
    s.drain();
    s.expectArrived(y, calls);
    s.expectShortest(calls.back(), s.b, s.b, s.a);
  });
}

// 67
TEST_P(Embargoes, KeepOrderWhenAPromiseBecomesAFieldOfAnAnswerOfItsHolder) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Promised promise = s.b.promise();
    Ref asking = s.a.object();  // what B asks
    auto [asked, came] = exchange(s, {asking}, {promise.ref});
    Ref held = s.a.field(asked);
    Call question = s.b.call(came->arguments[0]);
    s.drain();
    Came at_a = s.a.next();
    Calls calls;
    Act call = calling(s.a, held, calls);
    s.meanwhile({call, call, call});
    s.meanwhile({[&] { s.b.resolve(promise, s.b.field(question)); }});
    s.meanwhile({[&] { s.a.answer(at_a, {x}); }});
    s.play();
    call();
    s.drain();
    s.expectArrived(x, calls);
    s.expectShortest(calls.back(), s.a, s.a, s.b);
  });
}

// 67
TEST_P(Embargoes, EndWhenTheFieldIsMissing) {
  inEveryOrder([](Stage& s) {
    Promised promise = s.b.promise();
    auto [asked, came] = exchange(s, {s.a.object()}, {promise.ref});
    Ref held = s.a.field(asked);
    Call question = s.b.call(came->arguments[0]);
    s.drain();
    Came at_a = s.a.next();
    Calls calls;
    Act call = calling(s.a, held, calls);
    s.meanwhile({call, call, call});
    s.meanwhile({[&] { s.b.resolve(promise, s.b.field(question)); }});
    s.meanwhile({[&] { s.a.answer(at_a); }});
    s.play();
    for (const Call& each : calls) s.expectFailed(each);
  });
}

// 68
TEST_P(Embargoes, KeepOrderAlongAPromiseThatWasNotUsedItself) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Promised first = s.b.promise();
    Promised second = s.b.promise();
    auto [asked, came] = exchange(s, {x}, {first.ref, second.ref});
    Ref held = s.a.field(asked);
    Calls calls;
    Act call = calling(s.a, held, calls);
    s.meanwhile({call, call, call, call});
    s.meanwhile({[&] { s.b.resolve(first, second.ref); },
                 [&] { s.b.resolve(second, came->arguments[0]); }});
    s.play();
    call();
    s.drain();
    s.expectArrived(x, calls);
    s.expectShortest(calls.back(), s.a, s.a, s.b);
  });
}

// 71, 72
TEST_P(Embargoes, EndWhenTheTargetBreaks) {
  inEveryOrder([](Stage& s) {
    Promised of_a = s.a.promise();
    Promised of_b = s.b.promise();
    auto [asked, came] = exchange(s, {of_a.ref}, {of_b.ref});
    Ref held = s.a.field(asked);
    Calls calls;
    Act call = calling(s.a, held, calls);
    s.meanwhile({call, call, call});
    s.meanwhile({[&] { s.b.resolve(of_b, came->arguments[0]); }});
    s.meanwhile({[&] { s.a.breakPromise(of_a); }});
    s.play();
    call();
    s.drain();
    for (const Call& each : calls) s.expectFailed(each, "broken by its owner");
    s.drain();
    s.expectOpen(s.a.call(s.service));
  });
}

// 72
TEST_P(Embargoes, LeaveCallsThatAreRefusedToTheirCallers) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Call asked = s.a.call(s.service, {x});
    s.drain();
    Came came = s.b.next();
    Ref field = s.a.field(asked);
    Calls calls;
    Act call = calling(s.a, field, calls);
    s.meanwhile({call, call, call});
    s.meanwhile({[&] { s.b.answer(came, {came->arguments[0]}); }});
    s.play();
    s.expectArrived(x, calls);
    while (s.a.hasNext()) s.a.refuse(s.a.next());
    s.drain();
    for (const Call& each : calls) s.expectFailed(each);
  });
}

// 72
TEST_P(Embargoes, AreNotPutOnNull) {
  inEveryOrder([](Stage& s) {
    Promised promise = s.b.promise();
    Ref held = s.a.field(ask(s, {promise.ref}));
    Calls calls;
    Act call = calling(s.a, held, calls);
    s.meanwhile({call, call});
    s.meanwhile({[&] { s.b.resolve(promise, nullptr); }});
    s.play();
    for (const Call& each : calls) s.expectFailed(each);
    if (s.heard(s.a, wire::MessageKind::kDisembargo) + s.heard(s.b, wire::MessageKind::kDisembargo))
      s.fail("null was embargoed");
  });
}

// 73: what is handed on while it is under an embargo is what it will be.
TEST_P(Embargoes, KeepOrderOfWhomTheReferenceIsHandedTo) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Call asked = s.a.call(s.service, {x});
    s.drain();
    Came came = s.b.next();
    Ref field = s.a.field(asked);
    Calls calls;
    Calls others;
    Act call = calling(s.a, field, calls);
    s.meanwhile({call, call, [&] { s.a.call(s.service, {field}); }, call});
    s.meanwhile({[&] { s.b.answer(came, {came->arguments[0]}); }});
    s.play();
    Ref at_b = s.b.next()->arguments[0];
    others.push_back(s.b.call(at_b));
    others.push_back(s.b.call(at_b));
    s.drain();
    Calls all = calls;
    all.insert(all.end(), others.begin(), others.end());
    s.expectArrived(x, all);
    s.expectShortest(others.back(), s.b, s.a, s.a);
  });
}

// 74: told as the holder's own, though by now it is the teller's.
TEST_P(Embargoes, ArePutOnWhatOnlyLooksLikeOnesOwn) {
  inEveryOrder([](Stage& s) {
    Ref y = s.b.object();
    Promised of_a = s.a.promise();
    Promised of_b = s.b.promise();
    auto [asked, came] = exchange(s, {of_a.ref}, {of_b.ref, y});
    Ref held = s.a.field(asked);
    Ref y_at_a = s.a.field(asked, 1);
    Calls calls;
    Act call = calling(s.a, held, calls);
    call();
    s.holdTowards(s.b);  // B does not hear that A's promise is its own object
    s.a.resolve(of_a, y_at_a);
    s.b.resolve(of_b, came->arguments[0]);
    s.drain();
    s.letGo();
    s.meanwhile({call, call, call});
    s.play();
    s.expectArrived(y, calls);
    s.expectShortest(calls.back(), s.a, s.b, s.b);
  });
}

// 75
TEST_P(Embargoes, HoldWhatLeadsToAPromiseThatStaysOne) {
  inEveryOrder([](Stage& s) {
    Promised of_a = s.a.promise();
    Promised of_b = s.b.promise();
    auto [asked, came] = exchange(s, {of_a.ref}, {of_b.ref});
    Ref held = s.a.field(asked);
    Calls calls;
    Act call = calling(s.a, held, calls);
    s.meanwhile({call, call, call});
    s.meanwhile({[&] { s.b.resolve(of_b, came->arguments[0]); }});
    s.play();
    for (const Call& each : calls) s.expectOpen(each);
    s.expectArrived(held, {});
    Call other = s.a.call(s.service);
    s.drain();
    s.expectArrived(s.service, {asked, other});
  });
}

// 77
TEST_P(Embargoes, AreNotNeededBeforeTheBootstrap) {
  inEveryOrder([](Stage& s) {
    s.holdRestores();
    Ref service = s.a.bootstrap(s.b);
    Calls calls;
    Act call = calling(s.a, service, calls);
    s.meanwhile({call, call, [&] { s.letGo(); }, call, call});
    s.play();
    s.expectArrived(service, calls);
  });
}

}  // namespace
}  // namespace vatmesh::scenarios
