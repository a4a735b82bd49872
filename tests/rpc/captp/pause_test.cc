// SPDX-License-Identifier: Apache-2.0
//
// Pauses end: vats that wait for each other go on, and who never reads is read less and less often
// (flow.h; captp-engine 5.2; scenario 95).
#include <algorithm>

#include "rpc/captp/flow.h"
#include "tests/rpc/captp/flow_fixture.h"

namespace vatmesh::captp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint32_t kObjects = 200;

// Vats that are joined to each other, each with an application. What one vat sends to another waits
// until it is moved, which is possible while the other one reads.
class JoinedVats : public testing::Test {
 protected:
  struct Member {
    Harness h;
    Peer* app = nullptr;
  };
  // From one vat, which sees the link as `out`, to the other, which sees it as `in`.
  struct Way {
    Member* from;
    Peer* out;
    Member* to;
    Peer* in;
    bool stuck() const { return in->paused() && !out->quiet(); }
  };

  JoinedVats(size_t vats, uint64_t soft) : limits(limitsOf(soft, 64 * soft)) {
    for (size_t i = 0; i < vats; ++i) {
      members.push_back(std::make_unique<Member>());
      // Whom nobody refuses or pauses.
      members.back()->app = &members.back()->h.add(LinkKind::kClient, Limits());
    }
  }
  // Two ways, side by side.
  void join(Member& a, Member& b) {
    Peer* at_a = &a.h.add(LinkKind::kPeer, limits);
    Peer* at_b = &b.h.add(LinkKind::kPeer, limits);
    ways.push_back({&a, at_a, &b, at_b});
    ways.push_back({&b, at_b, &a, at_a});
  }
  static bool move(const Way& way) {
    if (way.out->quiet() || way.in->paused()) return false;
    wire::FrameRef frame = way.out->take();
    way.in->send(frame);
    way.from->h.turn(
        [&](Effects& out) { way.from->h.vat().onFlushed(way.out->id(), frame->sizeBytes(), out); });
    way.to->h.flush(*way.to->app);
    return true;
  }
  void moveAll() {
    for (bool moved = true; moved;) {
      moved = false;
      for (const Way& way : ways) moved |= move(way);
    }
  }
  // Until the next thing happens by itself.
  void sleep() {
    Instant next = kNever;
    for (auto& member : members) next = std::min(next, member->h.vat().nextDeadline());
    ASSERT_NE(next, kNever);
    now = std::max(now, next);
    for (auto& member : members) member->h.tick(now);
  }
  bool anyStuck() const { return std::ranges::any_of(ways, &Way::stuck); }
  bool anyClosed() const {
    return std::ranges::any_of(ways, [](const Way& way) { return way.in->closed().has_value(); });
  }

  // `from`'s application gets `to`'s bootstrap as import 0, by the way that joins them.
  void bootstrap(Member& from, Member& to) {
    const Way& way = *std::ranges::find_if(
        ways, [&](const Way& each) { return each.from == &from && each.to == &to; });
    from.app->bootstrap(0);
    from.h.complete(*way.out);
    moveAll();
    to.h.complete(*to.app);
    to.app->returnCaps(lastAsked(to), {senderHosted(0)});
    moveAll();
    from.app->finish(0);
    moveAll();
    restAll();
  }
  static uint32_t lastAsked(Member& member) {
    wire::Envelope envelope;
    while (!member.app->quiet()) envelope = member.app->next();
    return envelope.id;
  }
  void restAll() {
    for (auto& member : members) member->app->rest();
  }

  Limits limits;
  Instant now{};
  std::vector<std::unique_ptr<Member>> members;
  std::vector<Way> ways;
};

class TwoVats : public JoinedVats {
 protected:
  TwoVats() : JoinedVats(2, 8 * kKiB), a(*members[0]), b(*members[1]) {
    join(a, b);
    bootstrap(a, b);
    bootstrap(b, a);
  }
  // Imports 1 and on of `from`'s application are objects of `to`'s.
  void giveObjects(Member& from, Member& to) {
    from.app->callImport(1, 0);
    moveAll();
    std::vector<wire::OutDescriptor> objects;
    for (uint32_t i = 1; i <= kObjects; ++i) objects.push_back(senderHosted(i));
    to.app->returnCaps(lastAsked(to), objects);
    moveAll();
    from.app->finish(1);
    moveAll();
    restAll();
  }

  Member& a;
  Member& b;
};

// What waits are Releases: nobody owes anybody anything.
TEST_F(TwoVats, GoOnWhenEachHasPausedTheOther) {
  giveObjects(a, b);
  giveObjects(b, a);
  for (Member* member : {&a, &b}) {
    for (uint32_t i = 1; i <= kObjects; ++i) member->app->release(i, 1);
  }
  for (const Way& way : ways) ASSERT_TRUE(way.stuck());
  sleep();
  EXPECT_EQ(now - Instant(), milliseconds(200));
  moveAll();
  EXPECT_FALSE(anyStuck() || anyClosed());
  for (Member* member : {&a, &b}) {
    const std::string lines = member->app->rest();
    EXPECT_EQ(std::ranges::count(lines, '\n'), kObjects) << lines;
    EXPECT_EQ(member->h.vat().tableSizes().exports, 2u);  // the bootstraps
  }
}

class ThreeVats : public JoinedVats {
 protected:
  ThreeVats() : JoinedVats(3, 16 * kLarge) {
    for (size_t i = 0; i < 3; ++i) join(*members[i], *members[(i + 1) % 3]);
  }
  Way& onwards(size_t vat) { return ways[2 * vat]; }
  // The application of `vat` has the bootstrap of the one after the next, by way of the next.
  void bootstrapFar(size_t vat) {
    Member& from = *members[vat];
    Member& far = *members[(vat + 2) % 3];
    from.app->bootstrap(0);
    from.h.complete(*onwards(vat).out);
    moveAll();
    members[(vat + 1) % 3]->h.complete(*onwards((vat + 1) % 3).out);
    moveAll();
    far.h.complete(*far.app);
    far.app->returnCaps(lastAsked(far), {senderHosted(0)});
    moveAll();
    from.app->finish(0);
    moveAll();
    restAll();
  }
  void largeCall(size_t vat, uint32_t question) {
    wire::OutCall call;
    call.question_id = question;
    call.target = importedCap(0);
    Peer& app = *members[vat]->app;
    app.send(Draft(wire::buildCall(members[vat]->h.frames(), call, {})).content(kWords).take());
  }
};

// Each queue holds what the vat before asked for, and the vat behind does not read it.
TEST_F(ThreeVats, GoOnWhenTheyHavePausedEachOtherInACircle) {
  for (size_t vat = 0; vat < 3; ++vat) bootstrapFar(vat);
  constexpr uint32_t kBelow = 7;  // calls that don't lead to a pause
  constexpr uint32_t kMore = 4;
  for (uint32_t i = 0; i < kBelow + kMore; ++i) {
    for (size_t vat = 0; vat < 3; ++vat) largeCall(vat, 1 + i);
  }
  // Behind what is left of them, each queue gets those of the vat before.
  for (uint32_t i = 0; i < kBelow; ++i) {
    for (size_t vat = 0; vat < 3; ++vat) ASSERT_TRUE(move(onwards(vat)));
  }
  for (uint32_t i = 0; i < kMore; ++i) {
    for (size_t vat = 0; vat < 3; ++vat) move(onwards(vat));
  }
  for (size_t vat = 0; vat < 3; ++vat) ASSERT_TRUE(onwards(vat).stuck());
  sleep();
  EXPECT_LE(now - Instant(), limits.stall / 4);
  moveAll();
  EXPECT_FALSE(anyStuck() || anyClosed());
  for (auto& member : members) {
    const std::string lines = member->app->rest();
    EXPECT_EQ(std::ranges::count(lines, '\n'), kBelow + kMore) << lines;
  }
}

class PausesOfOneVat : public FlowOf {
 protected:
  static constexpr uint64_t kSoft = 16 * kLarge;
  PausesOfOneVat() { connect(limitsOf(kSoft, 64 * kSoft), limitsOf(16 * kSoft, 64 * kSoft)); }
  void floodUntilPaused() {
    while (!a->paused() && question < 10000) largeCall(*a, question++);
    ASSERT_TRUE(a->paused());
  }
  uint32_t question = 1;
};

// The application is slow, which is not for the caller to see.
TEST_F(PausesOfOneVat, AreLongForACallerWhoReads) {
  floodUntilPaused();
  const Instant end = Instant() + Limits().stall / 4;
  h.tick(end - milliseconds(1));
  EXPECT_TRUE(a->paused());
  EXPECT_EQ(h.vat().nextDeadline(), end);
  h.tick(end);
  EXPECT_FALSE(a->paused());
  // For half of the bound.
  const uint64_t before = held();
  floodUntilPaused();
  EXPECT_GT(held(), before + kSoft / 2);
  EXPECT_LT(held(), before + kSoft / 2 + 2 * kLarge);
}

TEST_F(PausesOfOneVat, GetLongerForACallerWhoNeverReads) {
  a->bootstrap(question++);
  h.completeWith(Status(Code::kFailed, "what is not read"));
  std::vector<Duration> pauses;
  Instant now{};
  while (!a->closed() && pauses.size() < 100) {
    floodUntilPaused();
    const Instant paused = now;
    // The application does read, so that its queue isn't what ends it.
    h.flush(*c);
    now = h.vat().nextDeadline();
    h.tick(now);
    pauses.push_back(now - paused);
  }
  ASSERT_GT(pauses.size(), 6u);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(pauses[i], milliseconds(200) * (1 << i));
  EXPECT_LE(std::ranges::max(pauses), Limits().stall / 4);
  EXPECT_EQ(a->closed()->code(), Code::kTimeout);
  EXPECT_LT(held(), 12 * kSoft);
}

TEST_F(PausesOfOneVat, AreShortAgainForACallerWhoWasOpenMeanwhile) {
  for (int round = 0; round < 3; ++round) {
    floodUntilPaused();
    a->bootstrap(question++);
    h.completeWith(Status(Code::kFailed, "what is not read"));
    const Instant paused = h.vat().nextDeadline() - milliseconds(200);
    h.tick(paused + milliseconds(199));
    EXPECT_TRUE(a->paused());
    h.tick(paused + milliseconds(200));
    EXPECT_FALSE(a->paused());
    app->rest();
    h.flush(*app);
    h.flush(*a);
  }
}

}  // namespace
}  // namespace vatmesh::captp
