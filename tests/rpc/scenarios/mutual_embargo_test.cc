// SPDX-License-Identifier: Apache-2.0
//
// Order when both sides move (scenarios 69 to 71): promises of one side become those of the other,
// and there and back.
#include "tests/rpc/scenarios/scenario.h"

namespace vatmesh::scenarios {
namespace {

VATMESH_SCENARIOS(MutualEmbargoes, settingsOfTwo);

// 69
TEST_P(MutualEmbargoes, KeepOrderOnBothSidesAtOnce) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Ref y = s.b.object();
    Promised of_a = s.a.promise();
    Promised of_b = s.b.promise();
    auto [asked, came] = exchange(s, {of_a.ref, x}, {of_b.ref, y});
    Ref at_a = s.a.field(asked);
    Ref y_at_a = s.a.field(asked, 1);
    Ref at_b = came->arguments[0];
    Calls from_a;
    Calls from_b;
    Act a_calls = calling(s.a, at_a, from_a);
    Act b_calls = calling(s.b, at_b, from_b);
    s.meanwhile({a_calls, a_calls, [&] { s.a.resolve(of_a, y_at_a); }, a_calls});
    s.meanwhile({b_calls, b_calls, [&] { s.b.resolve(of_b, came->arguments[1]); }, b_calls});
    s.play();
    a_calls();
    b_calls();
    s.drain();
    s.expectArrived(x, from_a);
    s.expectArrived(y, from_b);
    s.expectShortest(from_a.back(), s.a, s.a, s.b);
    s.expectShortest(from_b.back(), s.b, s.b, s.a);
  });
}

// 69: a promise becomes one of its holder, and that one an object of its maker.
TEST_P(MutualEmbargoes, KeepOrderThereAndBack) {
  inEveryOrder([](Stage& s) {
    Ref y = s.b.object();
    Promised of_a = s.a.promise();
    Promised of_b = s.b.promise();
    auto [asked, came] = exchange(s, {of_a.ref}, {of_b.ref, y});
    Ref held = s.a.field(asked);
    Ref y_at_a = s.a.field(asked, 1);
    Calls calls;
    Act call = calling(s.a, held, calls);
    s.meanwhile({call, call, call, call});
    s.meanwhile({[&] { s.b.resolve(of_b, came->arguments[0]); }});
    s.meanwhile({[&] { s.a.resolve(of_a, y_at_a); }});
    s.play();
    call();
    s.drain();
    s.expectArrived(y, calls);
    s.expectShortest(calls.back(), s.a, s.b, s.b);
  });
}

// 69: the same of both sides: each calls on what goes there and back.
TEST_P(MutualEmbargoes, KeepOrderThereAndBackOnBothSides) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Ref y = s.b.object();
    Promised of_a = s.a.promise();
    Promised of_b = s.b.promise();
    auto [asked, came] = exchange(s, {of_a.ref, x}, {of_b.ref, y});
    Ref at_a = s.a.field(asked);
    Ref at_b = came->arguments[0];
    Calls from_a;
    Calls from_b;
    Act a_calls = calling(s.a, at_a, from_a);
    Act b_calls = calling(s.b, at_b, from_b);
    // A's promise becomes y, and B's becomes A's: all of them end at y.
    s.meanwhile({a_calls, a_calls, a_calls});
    s.meanwhile({b_calls, b_calls, b_calls});
    s.meanwhile({[&] { s.a.resolve(of_a, s.a.field(asked, 1)); }});
    s.meanwhile({[&] { s.b.resolve(of_b, came->arguments[0]); }});
    s.play();
    a_calls();
    b_calls();
    s.drain();
    for (const Call& call : from_a) s.expectOpen(call);
    for (const Call& call : from_b) s.expectOpen(call);
    s.expectShortest(from_a.back(), s.a, s.b, s.b);
    s.expectShortest(from_b.back(), s.b, s.b, s.a);
  });
}

// 69: a promise of the holder's own becomes one of the other side, which becomes the holder's.
TEST_P(MutualEmbargoes, KeepOrderWhenALocalPromiseBecomesARemoteOne) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Promised of_a = s.a.promise();
    Promised of_b = s.b.promise();
    auto [asked, came] = exchange(s, {of_a.ref, x}, {of_b.ref});
    Ref of_b_at_a = s.a.field(asked);
    Calls from_a;
    Calls from_b;
    Act a_calls = calling(s.a, of_a.ref, from_a);
    Act b_calls = calling(s.b, came->arguments[0], from_b);
    s.meanwhile({a_calls, a_calls, [&] { s.a.resolve(of_a, of_b_at_a); }, a_calls, a_calls});
    s.meanwhile({b_calls, b_calls, b_calls});
    s.meanwhile({[&] { s.b.resolve(of_b, came->arguments[1]); }});
    s.play();
    a_calls();
    b_calls();
    s.drain();
    s.expectShortest(from_a.back(), s.a, s.a, s.b);
    s.expectShortest(from_b.back(), s.b, s.a, s.a);
  });
}

// 70: what was announced sticks, though it has moved on meanwhile.
TEST_P(MutualEmbargoes, KeepOrderWhenWhatWasAnnouncedMovesOn) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Ref y = s.b.object();
    Promised of_a = s.a.promise();
    Call asked = s.a.call(s.service, {of_a.ref, x});
    Ref field = s.a.field(asked);
    s.drain();
    Came came = s.b.next();
    Ref y_at_a = s.a.field(ask(s, {y}));
    Calls calls;
    Act call = calling(s.a, field, calls);
    s.meanwhile({call, call, call, call});
    s.meanwhile({[&] { s.b.answer(came, {came->arguments[0]}); }});
    s.meanwhile({[&] { s.a.resolve(of_a, y_at_a); }});
    s.play();
    call();
    s.drain();
    s.expectArrived(y, calls);
    s.expectShortest(calls.back(), s.a, s.b, s.b);
  });
}

// 71: a promise becomes a field of a question that was answered long ago, with a promise.
TEST_P(MutualEmbargoes, KeepOrderWhenAPromiseBecomesAnAnsweredQuestionsPromise) {
  inEveryOrder([](Stage& s) {
    Ref y = s.b.object();
    Ref asking = s.a.object();
    Promised of_a = s.a.promise();
    Promised of_b = s.b.promise();
    auto [asked, came] = exchange(s, {asking}, {of_b.ref, y});
    Ref held = s.a.field(asked);
    Ref y_at_a = s.a.field(asked, 1);
    Call question = s.b.call(came->arguments[0]);
    Ref field = s.b.field(question);
    s.drain();
    s.a.answer(s.a.next(), {of_a.ref});
    s.drain();
    Calls calls;
    Act call = calling(s.a, held, calls);
    s.meanwhile({call, call, call, call});
    s.meanwhile({[&] { s.b.resolve(of_b, field); }});
    s.meanwhile({[&] { s.a.resolve(of_a, y_at_a); }});
    s.play();
    call();
    s.drain();
    s.expectArrived(y, calls);
    s.expectShortest(calls.back(), s.a, s.b, s.b);
  });
}

}  // namespace
}  // namespace vatmesh::scenarios
