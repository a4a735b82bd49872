// SPDX-License-Identifier: Apache-2.0
//
// Streams, whose calls are ordinary ones to us (scenarios 42, 90, 91, 93), and messages of any
// layout (107).
#include "tests/rpc/scenarios/scenario.h"

namespace vatmesh::scenarios {
namespace {

VATMESH_SCENARIOS(Streams, settingsOfTwo);

// 90
TEST_P(Streams, ArriveInOrderAndTheEndBehindAllWrites) {
  inEveryOrder([](Stage& s) {
    Calls calls;
    Act write = calling(s.a, s.service, calls);
    Act serve = [&] {
      if (s.b.hasNext()) s.b.answer(s.b.next());
    };
    s.meanwhile(std::vector<Act>(20, write));
    s.meanwhile(std::vector<Act>(20, serve));
    s.play();
    while (s.b.hasNext()) serve();
    s.drain();
    s.expectArrived(s.service, calls);
    for (const Call& call : calls) s.expectReturned(call);
  });
}

// 90
TEST_P(Streams, TellAFailedWriteAndThoseBehindIt) {
  inEveryOrder([](Stage& s) {
    Calls calls;
    Act write = calling(s.a, s.service, calls);
    int served = 0;
    Act serve = [&] {
      if (!s.b.hasNext()) return;
      Came came = s.b.next();
      if (++served < 4) {
        s.b.answer(came);
      } else {
        s.b.refuse(came);
      }
    };
    s.meanwhile(std::vector<Act>(8, write));
    s.meanwhile(std::vector<Act>(8, serve));
    s.play();
    while (s.b.hasNext()) serve();
    s.drain();
    for (size_t i = 0; i < 3; ++i) s.expectReturned(calls[i]);
    for (size_t i = 3; i < 8; ++i) s.expectFailed(calls[i]);
  });
}

// 91: nobody in between answers for the callee, so one window spans all.
TEST_P(Streams, ReturnOnlyWhatTheCalleeHasAnswered) {
  play([](Stage& s) {
    Calls calls;
    for (int i = 0; i < 6; ++i) calls.push_back(s.a.call(s.service));
    s.drain();
    for (size_t answered = 0; answered < calls.size(); ++answered) {
      for (size_t i = 0; i < calls.size(); ++i) {
        if (i < answered) {
          s.expectReturned(calls[i]);
        } else {
          s.expectOpen(calls[i]);
        }
      }
      s.b.answer(s.b.next());
      s.drain();
    }
  });
}

// 93
TEST_P(Streams, OutliveTheReferenceTheyWereWrittenOn) {
  inEveryOrder([](Stage& s) {
    Ref y = s.b.object();
    Call asked = ask(s, {y});
    Ref held = s.a.field(asked);
    s.a.finish(asked);
    Calls calls;
    Act write = calling(s.a, held, calls);
    s.meanwhile({write, write, write, [&] { s.a.release(held); }});
    s.meanwhile({[&] { s.b.release(y); }});
    s.play();
    s.expectArrived(y, calls);
    while (s.b.hasNext()) s.b.answer(s.b.next());
    s.drain();
    for (const Call& call : calls) s.expectReturned(call);
  });
}

// 42: peers before 1.0 send Finish right behind each write.
TEST_P(Streams, ArriveThoughNobodyWantsTheirResults) {
  if (!GetParam().habits.workaround) return;
  inEveryOrder([](Stage& s) {
    Calls calls;
    Act write = [&] {
      calls.push_back(s.a.call(s.service));
      s.a.finish(calls.back());
    };
    s.meanwhile({write, write, write, write});
    s.play();
    s.expectArrived(s.service, calls);
  });
}

// 107: the reference vats lay each message out anew, with any segments and far pointers, and read
// with a walker of their own.
TEST_P(Streams, ArriveAsTheyWereSentInAnyLayout) {
  inEveryOrder([](Stage& s) {
    Ref x = s.a.object();
    Promised promise = s.a.promise();
    Calls calls;
    for (int i = 0; i < 12; ++i) {
      std::vector<Ref> arguments;
      if (i % 3 > 0) arguments.push_back(i % 2 ? x : promise.ref);
      if (i % 3 > 1) arguments.push_back(i % 4 ? s.service : nullptr);
      calls.push_back(s.a.call(s.service, arguments));
    }
    s.drain();
    for (size_t i = 0; i < calls.size(); ++i) {
      Came came = s.b.next();
      std::vector<Ref> results = came->arguments;
      results.resize(1 + i % 5);
      results.back() = i % 2 ? s.b.object() : nullptr;
      s.b.answer(came, results);
    }
    s.drain();
    s.expectArrived(s.service, calls);
    for (const Call& call : calls) s.expectReturned(call);
    // What came back is what was sent.
    Call on_x = s.a.call(s.a.field(calls[1]));
    s.drain();
    s.expectArrived(x, {on_x});
  });
}

}  // namespace
}  // namespace vatmesh::scenarios
