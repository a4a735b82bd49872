// SPDX-License-Identifier: Apache-2.0
//
// Three applications (scenarios 33, 46, 52, 58, 62, 70, 71, 75, 79, 102): what moves from one to
// another is told to a third. A calls, B brings together, C is there.
#include "tests/rpc/scenarios/scenario.h"

namespace vatmesh::scenarios {
namespace {

VATMESH_SCENARIOS(ThirdParties, settingsOfThree);

// 79, 58
TEST_P(ThirdParties, GetTheCallsOfAPromiseInOrder) {
  inEveryOrder([](Stage& s) {
    Ref c_at_b = s.b.bootstrap(s.c);
    Promised promise = s.b.promise();
    Ref held = s.a.field(ask(s, {promise.ref}));
    Calls calls;
    Act call = calling(s.a, held, calls);
    s.meanwhile({call, call, call, call});
    s.meanwhile({[&] { s.b.resolve(promise, c_at_b); }});
    s.play();
    call();
    s.drain();
    s.expectArrived(c_at_b, calls);
    s.expectShortest(calls.back(), s.a, s.c, s.b);
  });
}

// 79, 58
TEST_P(ThirdParties, GetTheCallsOnResultsInOrder) {
  inEveryOrder([](Stage& s) {
    Ref c_at_b = s.b.bootstrap(s.c);
    Call asked = s.a.call(s.service);
    Ref field = s.a.field(asked);
    s.drain();
    Came came = s.b.next();
    Calls calls;
    Act call = calling(s.a, field, calls);
    s.meanwhile({call, call, call, call});
    s.meanwhile({[&] { s.b.answer(came, {c_at_b}); }});
    s.play();
    call();
    s.drain();
    s.expectArrived(c_at_b, calls);
    s.expectShortest(calls.back(), s.a, s.c, s.b);
  });
}

// 75, 71: a promise becomes a promise of a third, and that one something of anybody's.
enum class Host { kA, kB, kC };

void chain(Stage& s, Host host) {
  Ref c_at_b = s.b.bootstrap(s.c);
  Ref x = s.a.object();
  Call asked = s.a.call(s.service, {x});
  s.drain();
  Came came = s.b.next();
  Promised of_b = s.b.promise();
  Promised of_c = s.c.promise();
  Ref y = s.b.object();
  Ref z = s.c.object();
  Call question = s.b.call(c_at_b, {came->arguments[0], y});
  s.drain();
  Came at_c = s.c.next();
  s.c.answer(at_c, {of_c.ref});
  s.b.answer(came, {of_b.ref});
  s.drain();
  Ref held = s.a.field(asked);
  Ref of_c_at_b = s.b.field(question);
  Ref target = host == Host::kA ? at_c->arguments[0] : host == Host::kB ? at_c->arguments[1] : z;
  Actor& there = host == Host::kA ? s.a : host == Host::kB ? s.b : s.c;
  Calls calls;
  Act call = calling(s.a, held, calls);
  s.meanwhile({call, call, call, call});
  s.meanwhile({[&] { s.b.resolve(of_b, of_c_at_b); }});
  s.meanwhile({[&] { s.c.resolve(of_c, target); }});
  s.play();
  call();
  s.drain();
  s.expectArrived(target, calls);
  s.expectShortest(calls.back(), s.a, there, host == Host::kC ? s.b : s.c);
}

TEST_P(ThirdParties, ResolveWhatWasResolvedToThemToTheirObject) {
  inEveryOrder([](Stage& s) { chain(s, Host::kC); });
}
TEST_P(ThirdParties, ResolveWhatWasResolvedToThemToTheFirstsObject) {
  inEveryOrder([](Stage& s) { chain(s, Host::kB); });
}
TEST_P(ThirdParties, ResolveWhatWasResolvedToThemToTheCallersObject) {
  inEveryOrder([](Stage& s) { chain(s, Host::kA); });
}

// 70: results are a promise of a third, which moves on at any moment.
TEST_P(ThirdParties, MoveOnAfterTheyWereReturned) {
  inEveryOrder([](Stage& s) {
    Ref c_at_b = s.b.bootstrap(s.c);
    Ref x = s.a.object();
    Call asked = s.a.call(s.service, {x});
    s.drain();
    Came came = s.b.next();
    Promised of_c = s.c.promise();
    Call question = s.b.call(c_at_b, {came->arguments[0]});
    s.drain();
    Came at_c = s.c.next();
    s.c.answer(at_c, {of_c.ref});
    s.drain();
    Ref field = s.a.field(asked);
    Calls calls;
    Act call = calling(s.a, field, calls);
    s.meanwhile({call, call, call, call});
    s.meanwhile({[&] { s.b.answer(came, {s.b.field(question)}); }});
    s.meanwhile({[&] { s.c.resolve(of_c, at_c->arguments[0]); }});
    s.play();
    call();
    s.drain();
    s.expectArrived(x, calls);
    s.expectShortest(calls.back(), s.a, s.a, s.c);
  });
}

// 52, 58: both holders of a promise are told, each is moved for itself.
TEST_P(ThirdParties, HoldTheSamePromise) {
  inEveryOrder([](Stage& s) {
    Ref c_at_b = s.b.bootstrap(s.c);
    Ref x = s.a.object();
    Promised promise = s.b.promise();
    Call asked = s.a.call(s.service, {x});
    s.drain();
    Came came = s.b.next();
    s.b.answer(came, {promise.ref});
    s.b.call(c_at_b, {promise.ref});
    s.drain();
    Ref at_a = s.a.field(asked);
    Ref at_c = s.c.next()->arguments[0];
    Calls from_a;
    Calls from_c;
    Act a_calls = calling(s.a, at_a, from_a);
    Act c_calls = calling(s.c, at_c, from_c);
    s.meanwhile({a_calls, a_calls, a_calls});
    s.meanwhile({c_calls, c_calls, c_calls});
    s.meanwhile({[&] { s.b.resolve(promise, came->arguments[0]); }});
    s.play();
    a_calls();
    c_calls();
    s.drain();
    s.expectShortest(from_a.back(), s.a, s.a, s.b);
    s.expectShortest(from_c.back(), s.c, s.a, s.b);
    while (s.a.hasNext()) s.a.answer(s.a.next());
    s.drain();
    for (const Call& call : from_a) s.expectReturned(call);
    for (const Call& call : from_c) s.expectReturned(call);
  });
}

// 52: a promise is handed on twice before its maker resolves it.
TEST_P(ThirdParties, AreHandedPromisesThatResolveToAnybodys) {
  for (Host host : {Host::kA, Host::kB, Host::kC}) {
    inEveryOrder([host](Stage& s) {
      Ref c_at_b = s.b.bootstrap(s.c);
      Ref c_at_a = s.a.bootstrap(s.c);
      Promised promise = s.a.promise();
      s.a.call(s.service, {promise.ref});
      s.drain();
      Ref at_b = s.b.next()->arguments[0];
      s.b.call(c_at_b, {at_b});
      s.drain();
      Ref at_c = s.c.next()->arguments[0];
      Calls from_b;
      Calls from_c;
      Act b_calls = calling(s.b, at_b, from_b);
      Act c_calls = calling(s.c, at_c, from_c);
      Ref to = host == Host::kA ? s.a.object() : host == Host::kB ? s.service : c_at_a;
      Actor& there = host == Host::kA ? s.a : host == Host::kB ? s.b : s.c;
      s.meanwhile({b_calls, b_calls, b_calls});
      s.meanwhile({c_calls, c_calls, c_calls});
      s.meanwhile({[&] { s.a.resolve(promise, to); }});
      s.play();
      b_calls();
      c_calls();
      s.drain();
      Actor& past = host == Host::kA ? s.b : s.a;
      s.expectShortest(from_c.back(), s.c, there, past);
      s.expectShortest(from_b.back(), s.b, there, host == Host::kA ? s.c : s.a);
      while (there.hasNext()) there.answer(there.next());
      s.drain();
      for (const Call& call : from_b) s.expectReturned(call);
      for (const Call& call : from_c) s.expectReturned(call);
    });
  }
}

// 46, 49: a call is answered by a call to a third, whose results are anybody's.
TEST_P(ThirdParties, AnswerCallsForOthers) {
  for (Host host : {Host::kA, Host::kB, Host::kC}) {
    inEveryOrder([host](Stage& s) {
      Ref c_at_b = s.b.bootstrap(s.c);
      Ref x = s.a.object();
      Ref y = s.b.object();
      Ref z = s.c.object();
      Call asked = s.a.call(s.service, {x});
      Ref field = s.a.field(asked);
      s.drain();
      Came came = s.b.next();
      Calls calls;
      Act call = calling(s.a, field, calls);
      s.meanwhile({call, call});
      s.meanwhile({[&] { s.b.tail(came, c_at_b, {came->arguments[0], y}); }});
      s.play();
      Came at_c = s.c.next();
      Ref result = host == Host::kA   ? at_c->arguments[0]
                   : host == Host::kB ? at_c->arguments[1]
                                      : z;
      Actor& there = host == Host::kA ? s.a : host == Host::kB ? s.b : s.c;
      s.meanwhile({call, call});
      s.meanwhile({[&] { s.c.answer(at_c, {result}); }});
      s.play();
      s.expectReturned(asked);
      call();
      s.drain();
      s.expectArrived(result, calls);
      s.expectShortest(calls.back(), s.a, there, host == Host::kC ? s.b : s.c);
    });
  }
}

// 33
TEST_P(ThirdParties, GiveBackTheOriginal) {
  inEveryOrder([](Stage& s) {
    Ref c_at_b = s.b.bootstrap(s.c);
    Ref a_at_c_question = s.c.bootstrap(s.a);
    Ref x = s.a.object();
    s.a.call(s.service, {x});
    s.drain();
    s.b.call(c_at_b, {s.b.next()->arguments[0]});
    s.drain();
    s.c.call(a_at_c_question, {s.c.next()->arguments[0]});
    s.drain();
    Ref back = s.a.next()->arguments[0];
    Call call = s.a.call(back);
    // In a tree it is at home at once; where links make a circle it goes round.
    if (!s.setting().tree()) s.drain();
    s.expectArrived(x, {call});
  });
}

// 62
TEST_P(ThirdParties, HearWhyAPromiseBroke) {
  inEveryOrder([](Stage& s) {
    Ref c_at_b = s.b.bootstrap(s.c);
    Promised promise = s.a.promise();
    s.a.call(s.service, {promise.ref});
    s.drain();
    Ref at_b = s.b.next()->arguments[0];
    s.b.call(c_at_b, {at_b});
    s.drain();
    Ref at_c = s.c.next()->arguments[0];
    Calls calls;
    Act b_calls = calling(s.b, at_b, calls);
    Act c_calls = calling(s.c, at_c, calls);
    s.meanwhile({b_calls, b_calls});
    s.meanwhile({c_calls, c_calls});
    s.meanwhile({[&] { s.a.breakPromise(promise); }});
    s.play();
    for (const Call& call : calls) s.expectFailed(call, "broken by its owner");
  });
}

// 102
TEST_P(ThirdParties, ThatDieFailExactlyWhatStandsOnThem) {
  inEveryOrder([](Stage& s) {
    Ref c_at_b = s.b.bootstrap(s.c);
    Ref c_at_a = s.a.bootstrap(s.c);
    Promised promise = s.b.promise();
    Ref held = s.a.field(ask(s, {promise.ref}));
    s.drain();
    Calls to_b;
    Calls to_c;
    Act b_calls = calling(s.a, s.service, to_b);
    s.meanwhile({b_calls, b_calls, b_calls});
    s.meanwhile({calling(s.a, c_at_a, to_c), calling(s.a, held, to_c), calling(s.b, c_at_b, to_c)});
    s.meanwhile({[&] { s.b.resolve(promise, c_at_b); }});
    s.meanwhile({[&] { s.cut(s.linkOf(s.c)); }});
    s.play();
    s.drain();
    for (const Call& call : to_c) s.expectFailed(call);
    while (s.b.hasNext()) s.b.answer(s.b.next());
    s.drain();
    for (const Call& call : to_b) s.expectReturned(call);
    Call later = s.a.call(held);
    s.drain();
    s.expectFailed(later);
  });
}

}  // namespace
}  // namespace vatmesh::scenarios
