// SPDX-License-Identifier: Apache-2.0
//
// What ends a ref, and what a store that fails does not end: R5 and R6 of stored_refs.h.
#include "tests/sidecar/restore/stored_refs_fixture.h"

namespace vatmesh::restore {
namespace {

using captp::LinkId;
using metrics::RestoreResult;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(StoredRefsTest, RevocationCutsWhatWasRestored) {
  const store::Digest digest = save("id");
  const auto a = peer();
  give(*a, 0, "id");
  EXPECT_EQ(call(*a, 1, 0), "ok");
  stored_.end(digest, wasRevoked(digest));
  EXPECT_EQ(call(*a, 2, 0), "the sturdy ref " + digest.shortName() + " was revoked");
  EXPECT_EQ(stored_.objects(), 0u);
  until([&] { return destroyed_; });
}

TEST_F(StoredRefsTest, RevocationByAnotherProcessIsLearntOfByWatching) {
  const store::Digest digest = save("id");
  save("other id");
  const auto a = peer();
  give(*a, 0, "id");
  give(*a, 1, "other id");
  take(digest);
  until([&] { return stored_.objects() == 1; });
  EXPECT_EQ(call(*a, 2, 0), wasRevoked(digest).message());
  EXPECT_EQ(call(*a, 3, 1), "ok");
  EXPECT_EQ(reasonFor(*a, 4, "id"), "Unknown persistent service ID");
}

TEST_F(StoredRefsTest, RevocationReachesThoseWhoAreBeingServed) {
  const store::Digest digest = save("id");
  const auto a = peer();
  a->bootstrap(0, "id");
  until([&] { return !source_.asked.empty(); });
  source_.linking = true;
  source_.link = LinkId{.slot = 8, .generation = 1};
  a->bootstrap(1, "id");
  until([&] { return !source_.waiting.empty(); });
  take(digest);
  until([&] { return a->returned(0) && a->returned(1); });
  EXPECT_EQ(outcome(*a->returned(0)), "Unknown persistent service ID");
  EXPECT_EQ(outcome(*a->returned(1)), "Unknown persistent service ID");
  source_.waiting[0](source_.link);
  turns();
  EXPECT_EQ(source_.asked.size(), 1u);
  EXPECT_EQ(source_.canceled, 1);
}

TEST_F(StoredRefsTest, ReadThatARevocationOvertakesIsDoneAgain) {
  const store::Digest digest = save("id");
  const auto a = peer();
  store_.holding = true;
  a->bootstrap(0, "id");
  until([&] { return store_.held() == 1; });
  bool removed = false;
  store_.remove(digest, store::kAnyVersion, [&](const auto&) { removed = true; });
  turns();
  store_.release();
  until([&] { return removed && a->returned(0) != nullptr; });
  EXPECT_EQ(outcome(*a->returned(0)), "Unknown persistent service ID");
  EXPECT_TRUE(source_.asked.empty());
}

TEST_F(StoredRefsTest, ReadThatASaveOvertakesIsDoneAgain) {
  const auto a = peer();
  store_.holding = true;
  a->bootstrap(0, "id");
  until([&] { return store_.held() == 1; });
  bool saved = false;
  store_.put(digestOf("id"), refTo("object"), store::kNoVersion,
             [&](const auto&) { saved = true; });
  turns();
  store_.release();
  until([&] { return saved && !source_.asked.empty(); });
  answer(0);
  until([&] { return a->returned(0) != nullptr; });
  EXPECT_EQ(outcome(*a->returned(0)), "ok");
}

TEST_F(StoredRefsTest, ReadThatSomeChangeOvertakesIsGivenAndLookedAtOnceMore) {
  save("id");
  const auto a = peer();
  store_.holding = true;
  a->bootstrap(0, "id");
  until([&] { return store_.held() == 1; });
  stored_.changed(std::nullopt);
  store_.release();
  until([&] { return !source_.asked.empty(); });
  until([&] { return store_.gets == 2; });
  answer(0);
  until([&] { return a->returned(0) != nullptr; });
  EXPECT_EQ(call(*a, 1, 0), "ok");
}

// As with a database that others write to all the time.
TEST_F(StoredRefsTest, UnknownIdIsAnsweredThoughSomethingChangesAllTheTime) {
  const auto a = peer();
  store_.holding = true;
  a->bootstrap(0, "no such id");
  for (int i = 0; a->returned(0) == nullptr; ++i) {
    ASSERT_LT(i, 3);
    until([&] { return store_.held() == 1 || a->returned(0) != nullptr; });
    stored_.changed(std::nullopt);
    store_.release();
    store_.holding = true;
    turns();
  }
  EXPECT_EQ(outcome(*a->returned(0)), "Unknown persistent service ID");
  EXPECT_EQ(store_.gets, 2);
}

TEST_F(StoredRefsTest, LooksAtAllOncePerIntervalAndForgetsNoChange) {
  save("id");
  const auto a = peer();
  give(*a, 0, "id");
  const int before = store_.gets;
  const Instant start = loop_.now();
  for (int i = 0; i < 100; ++i) {
    stored_.changed(std::nullopt);
    turns(1);
  }
  EXPECT_LE(store_.gets - before, 1 + (loop_.now() - start) / HeldRefs::kLookInterval);
  until([&] { return store_.gets > before; });
}

TEST_F(StoredRefsTest, SealingAnewCutsThoseWhoHaveIt) {
  const store::Digest digest = save("id");
  const auto a = peer();
  give(*a, 0, "id");
  store::Record sealed = refTo("object");
  sealed.sealed_for = digestOf("somebody");
  store_.put(digest, sealed, store::kAnyVersion, [](const auto&) {});
  until([&] { return stored_.objects() == 0; });
  EXPECT_EQ(call(*a, 1, 0), wasRevoked(digest).message());
}

TEST_F(StoredRefsTest, EndOfARefCutsWhatWasRestored) {
  const store::Digest digest = save("id", refTo("object", now_ + milliseconds(50)));
  const auto a = peer();
  give(*a, 0, "id");
  now_ += milliseconds(50);
  until([&] { return stored_.objects() == 0; });
  EXPECT_EQ(call(*a, 1, 0), "the sturdy ref " + digest.shortName() + " has expired");
  EXPECT_EQ(reasonFor(*a, 2, "id"), "Unknown persistent service ID");
}

TEST_F(StoredRefsTest, EndThatIsPutOffCutsNothing) {
  const store::Digest digest = save("id", refTo("object", now_ + milliseconds(50)));
  const auto a = peer();
  give(*a, 0, "id");
  store_.put(digest, refTo("object", now_ + seconds(90)), store::kAnyVersion, [](const auto&) {});
  turns(6);
  now_ += milliseconds(60);
  const int before = store_.gets;
  stored_.changed(digest);
  until([&] { return store_.gets > before; });
  turns();
  EXPECT_EQ(call(*a, 1, 0), "ok");
}

TEST_F(StoredRefsTest, EndCutsAlsoWhileTheStoreIsDown) {
  const store::Digest digest = save("id", refTo("object", now_ + milliseconds(50)));
  const auto a = peer();
  give(*a, 0, "id");
  store_.failing = Status(Code::kUnavailable, "away");
  now_ += milliseconds(50);
  until([&] { return stored_.objects() == 0; });
  EXPECT_EQ(call(*a, 1, 0), hasExpired(digest).message());
}

TEST_F(StoredRefsTest, StoreThatIsDownAnswersAtOnceAndTakesNothingAway) {
  save("id");
  const auto a = peer();
  give(*a, 0, "id");
  store_.failing = Status(Code::kUnavailable, "/mnt/refs: no such device");
  stored_.changed(std::nullopt);
  EXPECT_EQ(reasonFor(*a, 1, "id"), "the store of sturdy refs can't be used now; try again later");
  EXPECT_EQ(a->returned(1)->exception.type, 1);  // overloaded
  EXPECT_EQ(count(RestoreResult::kStoreError), 1u);
  EXPECT_TRUE(logged("/mnt/refs: no such device"));
  EXPECT_EQ(call(*a, 2, 0), "ok");
  until([&] { return !health_.status().ok(); });
}

TEST_F(StoredRefsTest, RevocationWhileTheStoreIsDownIsFoundWhenItIsBack) {
  const store::Digest digest = save("id");
  const auto a = peer();
  give(*a, 0, "id");
  store_.failing = Status(Code::kUnavailable, "away");
  stored_.changed(std::nullopt);
  turns();
  store_.failing = Status();
  take(digest);
  until([&] { return stored_.objects() == 0; });
  EXPECT_EQ(call(*a, 1, 0), wasRevoked(digest).message());
}

TEST_F(StoredRefsTest, DamagedRecordFailsAloneAndCutsNothing) {
  const store::Digest digest = save("id");
  const auto a = peer();
  give(*a, 0, "id");
  store_.corrupt.insert(digest);
  stored_.changed(digest);
  EXPECT_EQ(reasonFor(*a, 1, "id"), "what was stored of the sturdy ref " + digest.shortName() +
                                        " is damaged; ask its owner for a new one");
  EXPECT_EQ(a->returned(1)->exception.type, 0);  // failed
  EXPECT_EQ(call(*a, 2, 0), "ok");
}

class HangingStoreTest : public StoredRefsTest {
 protected:
  HangingStoreTest() : StoredRefsTest(milliseconds(20)) {}
};

TEST_F(HangingStoreTest, NobodyWaitsForLongForAStoreThatGivesNoAnswer) {
  save("id");
  const auto a = peer();
  store_.holding = true;
  const std::string busy = "the store of sturdy refs can't be used now; try again later";
  EXPECT_EQ(reasonFor(*a, 0, "id"), busy);
  const int before = store_.gets;
  EXPECT_EQ(reasonFor(*a, 1, "id"), busy);
  EXPECT_EQ(store_.gets, before);  // it is being asked still
  store_.release();
  turns();
  give(*a, 2, "id");
}

// Patient enough to tell a pause of this process from one of the store.
class BusyStoreTest : public StoredRefsTest {
 protected:
  BusyStoreTest() : StoredRefsTest(milliseconds(200)) {}
};

TEST_F(BusyStoreTest, NobodyWaitsForLongWhereTheRecordChangesFasterThanItIsRead) {
  const store::Digest digest = save("id");
  const auto a = peer();
  store_.holding = true;
  a->bootstrap(0, "id");
  until([&] {
    if (store_.held() > 0) {
      stored_.changed(digest);
      store_.release();
      store_.holding = true;
    }
    return a->returned(0) != nullptr;
  });
  EXPECT_EQ(outcome(*a->returned(0)),
            "the store of sturdy refs can't be used now; try again later");
  store_.release();
  turns();
  give(*a, 1, "id");
}

// A peer that asks and leaves at once costs reads, which others would wait behind.
TEST_F(StoredRefsTest, OnePeerHasNoMoreThanItsShareOfTheReads) {
  save("id");
  save("id 2");
  const auto flood = peer();
  const auto other = peer();
  store_.holding = true;
  uint32_t question = 0;
  for (; question < StoredRefs::kMaxReads; ++question) {
    flood->bootstrap(question, "no id " + std::to_string(question));
    flood->finish(question, true);
  }
  EXPECT_EQ(reasonFor(*flood, question, "id"), "too many sturdy refs at a time; wait for some");
  EXPECT_EQ(flood->returned(question)->exception.type, 1);  // overloaded
  other->bootstrap(0, "id");
  until([&] { return store_.held() > StoredRefs::kMaxReads; });
  store_.release();
  until([&] { return !source_.asked.empty(); });
  give(*flood, question + 1, "id 2");
}

}  // namespace
}  // namespace vatmesh::restore
