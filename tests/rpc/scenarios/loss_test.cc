// SPDX-License-Identifier: Apache-2.0
//
// Lost links (scenarios 78, 97, 98, 101, 102): each link of the setting in turn, at any moment.
#include "tests/rpc/scenarios/scenario.h"

namespace vatmesh::scenarios {
namespace {

VATMESH_SCENARIOS(Losses, settingsOfTwo);

// How many links there are between the two.
size_t linksOf(const Setting& setting) {
  return setting.shape == Shape::kDirect ? 1 : setting.shape == Shape::kOneVat ? 2 : 3;
}

// 97
TEST_P(Losses, FailCallsUnderWayInBothDirections) {
  for (size_t link = 0; link < linksOf(GetParam()); ++link) {
    inEveryOrder([link](Stage& s) {
      Ref x = s.a.object();
      s.a.call(s.service, {x});
      s.drain();
      Ref x_at_b = s.b.next()->arguments[0];
      Calls calls;
      Act from_a = calling(s.a, s.service, calls);
      Act from_b = calling(s.b, x_at_b, calls);
      s.meanwhile({from_a, from_a, from_a});
      s.meanwhile({from_b, from_b, from_b});
      s.meanwhile({[&] { s.cut(s.net().links()[link]); }});
      s.play();
      from_a();
      from_b();
      s.drain();
      for (const Call& call : calls) s.expectFailed(call);
    });
  }
}

// 97
TEST_P(Losses, AreOverWithAFreshLink) {
  for (size_t link = 0; link < linksOf(GetParam()); ++link) {
    inEveryOrder([link](Stage& s) {
      fuzz::Net::Link& lost = s.net().links()[link];
      Calls calls;
      Act call = calling(s.a, s.service, calls);
      s.meanwhile({call, call});
      s.meanwhile({[&] { s.cut(lost); }, [&] { s.join(lost); }});
      s.play();
      call();
      s.drain();
      s.expectFailed(calls.back());
      Ref again = s.a.bootstrap(s.b);
      Call fresh = s.a.call(again);
      s.drain();
      while (s.b.hasNext()) s.b.answer(s.b.next());
      s.drain();
      s.expectReturned(fresh);
    });
  }
}

// 98
TEST_P(Losses, TellTheCallersWhatHappened) {
  for (size_t link = 0; link < linksOf(GetParam()); ++link) {
    play([link](Stage& s) {
      Call call = s.a.call(s.service);
      Call pipelined = s.a.call(s.a.field(call));
      s.drain();
      s.cut(s.net().links()[link]);
      s.drain();
      Call later = s.a.call(s.service);
      s.drain();
      // Its own link: what its own vat says.
      std::string reason = link == 0 ? "the link was lost" : "the link was cut";
      for (const Call& each : {call, pipelined, later}) s.expectFailed(each, reason);
    });
  }
}

// 97
TEST_P(Losses, BreakPromises) {
  for (size_t link = 0; link < linksOf(GetParam()); ++link) {
    inEveryOrder([link](Stage& s) {
      Promised promise = s.b.promise();
      Ref held = s.a.field(ask(s, {promise.ref}));
      Calls calls;
      Act call = calling(s.a, held, calls);
      s.meanwhile({call, call});
      s.meanwhile({[&] { s.cut(s.net().links()[link]); }});
      s.meanwhile({[&] { s.b.resolve(promise, s.b.object()); }});
      s.play();
      call();
      s.drain();
      for (const Call& each : calls) s.expectFailed(each);
    });
  }
}

// 78: with the link that the embargo is on.
TEST_P(Losses, FailWhatIsHeldByAnEmbargo) {
  play([](Stage& s) {
    Ref x = s.a.object();
    Call asked = s.a.call(s.service, {x});
    Ref field = s.a.field(asked);
    s.drain();
    Came came = s.b.next();
    s.holdFrom(s.a);  // neither the first call nor the Disembargo gets anywhere
    Calls calls{s.a.call(field)};
    s.b.answer(came, {came->arguments[0]});
    s.drain();
    calls.push_back(s.a.call(field));
    s.drain();
    s.cut(s.linkOf(s.a));
    s.letGo();
    s.drain();
    for (const Call& call : calls) s.expectFailed(call);
    s.expectArrived(x, {});
  });
}

// 78: with a link further on.
TEST_P(Losses, LeaveNoEmbargoWaiting) {
  for (size_t link = 0; link < linksOf(GetParam()); ++link) {
    inEveryOrder([link](Stage& s) {
      Ref x = s.a.object();
      Promised promise = s.b.promise();
      auto [asked, came] = exchange(s, {x}, {promise.ref});
      Ref held = s.a.field(asked);
      Calls calls;
      Act call = calling(s.a, held, calls);
      s.meanwhile({call, call, call});
      s.meanwhile({[&] { s.b.resolve(promise, came->arguments[0]); }});
      s.meanwhile({[&] { s.cut(s.net().links()[link]); }});
      s.play();
      call();
      s.drain();
      while (s.a.hasNext()) s.a.answer(s.a.next());
      s.drain();
      for (const Call& each : calls) s.expectEnded(each);
    });
  }
}

// 101
TEST_P(Losses, OfALongChainFailEachCallOnce) {
  for (size_t link = 0; link < linksOf(GetParam()); ++link) {
    play([link](Stage& s) {
      Calls calls{s.a.call(s.service)};
      for (int i = 0; i < 150; ++i) calls.push_back(s.a.call(s.a.field(calls.back())));
      if (link == 0) s.drain();
      for (int i = 0; i < 100; ++i) s.round();
      s.cut(s.net().links()[link]);
      s.drain();
      for (const Call& call : calls) s.expectFailed(call);
    });
  }
}

}  // namespace
}  // namespace vatmesh::scenarios
