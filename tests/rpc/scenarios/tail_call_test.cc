// SPDX-License-Identifier: Apache-2.0
//
// Calls that are answered by other calls (scenarios 46, 47, 49 to 51). Some of the vats send them
// with sendResultsTo.yourself, some as ordinary calls; what is seen is the same.
#include "tests/rpc/scenarios/scenario.h"

namespace vatmesh::scenarios {
namespace {

VATMESH_SCENARIOS(TailCalls, settingsOfTwo);

// 46, 49, 51
TEST_P(TailCalls, ToTheCallersOwnObjectKeepTheOrderOnTheirResults) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Ref y = s.a.object();
    Call asked = s.a.call(s.service, {x});
    s.drain();
    Came came = s.b.next();
    Ref field = s.a.field(asked);
    Calls calls;
    Act call = calling(s.a, field, calls);
    s.meanwhile({call, call, call});
    s.meanwhile({[&] { s.b.tail(came, came->arguments[0]); }});
    s.play();
    Came at_x = s.a.next();
    s.meanwhile({call, call, call});
    s.meanwhile({[&] { s.a.answer(at_x, {y}); }});
    s.play();
    s.expectReturned(asked);
    call();
    s.drain();
    s.expectArrived(y, calls);
    s.expectShortest(calls.back(), s.a, s.a, s.b);
  });
}

// 46: the same when the results are there before the call is answered with them.
TEST_P(TailCalls, WhoseResultsComeFromTheCalleeKeepTheirOrder) {
  inEveryOrder([](Stage& s) {
    Ref y = s.b.object();
    Ref y_at_a = s.a.field(ask(s, {y}));
    Ref x = s.a.object();
    Call asked = s.a.call(s.service, {x});
    s.drain();
    Came came = s.b.next();
    Ref field = s.a.field(asked);
    Calls calls;
    Act call = calling(s.a, field, calls);
    s.meanwhile({call, call, call, call});
    s.meanwhile({[&] { s.b.tail(came, came->arguments[0]); },
                 // Whenever it has come, A answers.
                 [&] { s.round(); }, [&] { s.round(); }, [&] { s.round(); },
                 [&] {
                   if (s.a.hasNext()) s.a.answer(s.a.next(), {y_at_a});
                 }});
    s.play();
    if (s.a.hasNext()) s.a.answer(s.a.next(), {y_at_a});
    s.drain();
    s.expectReturned(asked);
    call();
    s.drain();
    s.expectArrived(y, calls);
    s.expectShortest(calls.back(), s.a, s.b, s.b);
  });
}

// 46
TEST_P(TailCalls, ThatAreRefusedFailTheFirstCallAndWhatWaitsForIt) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Call asked = s.a.call(s.service, {x});
    s.drain();
    Came came = s.b.next();
    Ref field = s.a.field(asked);
    Calls calls;
    Act call = calling(s.a, field, calls);
    s.meanwhile({call, call});
    s.meanwhile({[&] { s.b.tail(came, came->arguments[0]); }});
    s.play();
    Came at_x = s.a.next();
    s.meanwhile({call});
    s.meanwhile({[&] { s.a.refuse(at_x); }});
    s.play();
    std::string reason = "refused " + std::to_string(at_x->call.call);
    s.expectFailed(asked, reason);
    for (const Call& each : calls) s.expectFailed(each, reason);
  });
}

// 47
TEST_P(TailCalls, CanceledAtAnyMomentLeaveNothingBehind) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Ref y = s.a.object();
    Call asked = s.a.call(s.service, {x});
    s.drain();
    Came came = s.b.next();
    Ref field = s.a.field(asked);
    Calls calls;
    Act call = calling(s.a, field, calls);
    s.meanwhile({call, [&] { s.a.finish(asked); }});
    s.meanwhile({[&] { s.b.tail(came, came->arguments[0]); }});
    s.meanwhile({[&] { s.a.release(x); },
                 [&] {
                   if (s.a.hasNext()) s.a.answer(s.a.next(), {y});
                 }});
    s.play();
  });
}

// 50
TEST_P(TailCalls, MayRecurseThroughBothEnds) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Ref result = s.a.object();
    Call asked = s.a.call(s.service, {x});
    Ref field = s.a.field(asked);
    Calls calls;
    Act call = calling(s.a, field, calls);
    call();
    s.drain();
    for (int depth = 0; depth < 4; ++depth) {
      Came at_b = s.b.next();
      s.b.tail(at_b, at_b->arguments[0]);
      s.meanwhile({call});
      s.play();
      Came at_a = s.a.next();
      if (depth == 3) {
        s.a.answer(at_a, {result});
      } else {
        s.a.tail(at_a, s.service, {x});
      }
      s.meanwhile({call});
      s.play();
    }
    s.expectReturned(asked);
    s.expectArrived(result, calls);
  });
}

// 50, with calls that wait for each other
TEST_P(TailCalls, OfOrdinaryKindMayRecurseThroughBothEnds) {
  play([](Stage& s) {
    Ref x = s.a.object();
    std::vector<Came> at_a;
    std::vector<Came> at_b;
    Calls calls{s.a.call(s.service, {x})};
    for (int depth = 0; depth < 5; ++depth) {
      s.drain();
      at_b.push_back(s.b.next());
      calls.push_back(s.b.call(at_b.back()->arguments[0]));
      s.drain();
      at_a.push_back(s.a.next());
      calls.push_back(s.a.call(s.service, {x}));
    }
    s.drain();
    s.b.answer(s.b.next());
    for (int depth = 4; depth >= 0; --depth) {
      s.drain();
      s.a.answer(at_a[static_cast<size_t>(depth)]);
      s.drain();
      s.b.answer(at_b[static_cast<size_t>(depth)]);
    }
    s.drain();
    for (const Call& call : calls) s.expectReturned(call);
  });
}

}  // namespace
}  // namespace vatmesh::scenarios
