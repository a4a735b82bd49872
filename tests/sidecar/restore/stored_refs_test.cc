// SPDX-License-Identifier: Apache-2.0
//
// What peers get from the store, and what is shared and given up meanwhile: R1 to R4 of
// stored_refs.h.
#include "tests/sidecar/restore/stored_refs_fixture.h"

namespace vatmesh::restore {
namespace {

using captp::LinkId;
using metrics::RestoreResult;

TEST_F(StoredRefsTest, AsksTheApplicationForTheObjectOfTheRecord) {
  save("id");
  const auto a = peer();
  give(*a, 0, "id");
  EXPECT_EQ(source_.asked[0].object_ref, "object");
  EXPECT_EQ(source_.asked[0].app_link, *source_.link);
  EXPECT_EQ(call(*a, 1, 0), "ok");
  EXPECT_EQ(count(RestoreResult::kOk), 1u);
  EXPECT_GT(counters_.restore_durations.sum, 0);
  EXPECT_EQ(grants_.size(), 1u);
}

TEST_F(StoredRefsTest, CallsThatDoNotWaitForTheObjectReachItInOrder) {
  save("id");
  const auto a = peer();
  a->bootstrap(0, "id");
  for (const uint32_t question : {1, 2, 3}) a->callAnswer(question, 0);
  until([&] { return !source_.asked.empty(); });
  turns();
  EXPECT_EQ(a->count(wire::MessageKind::kReturn), 0);
  answer(0);
  until([&] { return a->count(wire::MessageKind::kReturn) == 4; });
  for (const uint32_t question : {0, 1, 2, 3}) EXPECT_EQ(outcome(*a->returned(question)), "ok");
}

TEST_F(StoredRefsTest, CallsThatDoNotWaitForTheObjectFailAsTheRestoreDoes) {
  const auto a = peer();
  a->bootstrap(0, "no such id");
  a->callAnswer(1, 0);
  until([&] { return a->returned(1) != nullptr; });
  EXPECT_EQ(outcome(*a->returned(1)), "Unknown persistent service ID");
}

TEST_F(StoredRefsTest, AnswersIdsThatAreInNoStoreLikeTheOcamlLibrary) {
  const auto a = peer();
  EXPECT_EQ(reasonFor(*a, 0, "no such id"), "Unknown persistent service ID");
  EXPECT_EQ(reasonFor(*a, 1, ""), "Unknown persistent service ID");
  EXPECT_EQ(count(RestoreResult::kUnknown), 2u);
  EXPECT_TRUE(logged("unknown id (" + digestOf("no such id").shortName() + ")"));
  EXPECT_TRUE(source_.asked.empty());
}

TEST_F(StoredRefsTest, CounterOfAPublisherIsNoRef) {
  store::Record counter;
  counter.counter = true;
  save("id", counter);
  const auto a = peer();
  EXPECT_EQ(reasonFor(*a, 0, "id"), "Unknown persistent service ID");
}

TEST_F(StoredRefsTest, SharesOneReadOfTheStoreAndOneRequestToTheApplication) {
  save("id");
  const auto a = peer();
  const auto b = peer();
  store_.holding = true;
  a->bootstrap(0, "id");
  a->bootstrap(1, "id");
  b->bootstrap(0, "id");
  until([&] { return store_.held() > 0; });
  turns();
  EXPECT_EQ(store_.gets, 1);
  store_.release();
  until([&] { return !source_.asked.empty(); });
  b->bootstrap(1, "id");  // while the application is being asked
  until([&] { return store_.gets == 2; });
  turns();
  EXPECT_EQ(source_.asked.size(), 1u);
  answer(0);
  until([&] { return a->returned(0) && a->returned(1) && b->returned(0) && b->returned(1); });
  EXPECT_EQ(grants_.size(), 1u);
  EXPECT_EQ(stored_.objects(), 1u);
  EXPECT_EQ(call(*b, 2, 0), "ok");
}

TEST_F(StoredRefsTest, SharesAnObjectWhileItIsHeldAndAsksAnewAfterwards) {
  save("id");
  const auto a = peer();
  give(*a, 0, "id");
  const auto b = peer();
  EXPECT_EQ(reasonFor(*b, 0, "id"), "ok");
  EXPECT_EQ(source_.asked.size(), 1u);
  a->hangUp();
  until([&] { return a->over(); });
  EXPECT_EQ(call(*b, 1, 0), "ok");
  EXPECT_FALSE(destroyed_);
  b->finish(0);
  b->release(0);
  until([&] { return destroyed_; });
  EXPECT_EQ(stored_.objects(), 0u);
  EXPECT_EQ(grants_.size(), 0u);
  give(*b, 2, "id");
  EXPECT_EQ(source_.asked.size(), 2u);
}

TEST_F(StoredRefsTest, NeverSharesAnObjectAcrossApplicationLinks) {
  save("id");
  const auto a = peer();
  const auto b = peer();
  give(*a, 0, "id");
  source_.link = LinkId{.slot = 8, .generation = 1};
  give(*b, 0, "id");
  ASSERT_EQ(source_.asked.size(), 2u);
  EXPECT_EQ(source_.asked[1].app_link, *source_.link);
  EXPECT_EQ(stored_.objects(), 2u);
}

TEST_F(StoredRefsTest, AsksAnewWhenTheObjectThatOthersHoldIsBroken) {
  save("id");
  const auto a = peer();
  a->bootstrap(0, "id");
  until([&] { return !source_.asked.empty(); });
  auto [responder, promise] = hub_.objects().promise();
  source_.asked[0].done(std::move(promise));
  until([&] { return a->returned(0) != nullptr; });
  responder.fail(Status(Code::kDisconnected, "its link was lost"));
  turns();
  const auto b = peer();
  give(*b, 0, "id");
  EXPECT_EQ(call(*b, 1, 0), "ok");
  EXPECT_EQ(call(*a, 1, 0), "its link was lost");
  // The end of the broken one is not that of the new one.
  a->hangUp();
  until([&] { return grants_.size() == 1; });
  const auto c = peer();
  EXPECT_EQ(reasonFor(*c, 0, "id"), "ok");
  EXPECT_EQ(source_.asked.size(), 2u);
}

TEST_F(StoredRefsTest, FailureIsThatOfThoseWhoWaitAndIsNotKept) {
  save("id");
  const auto a = peer();
  a->bootstrap(0, "id");
  a->bootstrap(1, "id");
  until([&] { return !source_.asked.empty(); });
  turns();
  source_.asked[0].done(Status(Code::kFailed, "no such clock"));
  until([&] { return a->returned(0) && a->returned(1); });
  EXPECT_EQ(outcome(*a->returned(0)), "no such clock");
  EXPECT_EQ(outcome(*a->returned(1)), "no such clock");
  EXPECT_EQ(count(RestoreResult::kAppError), 2u);
  EXPECT_EQ(stored_.objects(), 0u);
  give(*a, 2, "id");
  source_.link = Status(Code::kDisconnected, "asleep");
  EXPECT_EQ(reasonFor(*a, 3, "id"), "asleep");
}

TEST_F(StoredRefsTest, RecordWhoseObjectRefIsNoneFails) {
  save("id", refTo("malformed"));
  const auto a = peer();
  EXPECT_EQ(reasonFor(*a, 0, "id"), "no object ref");
  EXPECT_EQ(stored_.objects(), 0u);
}

TEST_F(StoredRefsTest, RequesterThatLeavesCostsNothing) {
  save("id");
  const auto a = peer();
  store_.holding = true;
  a->bootstrap(0, "id");
  until([&] { return store_.held() > 0; });
  a->finish(0, true);
  turns();
  store_.release();
  turns();
  EXPECT_TRUE(source_.asked.empty());  // left while the record was read
  a->bootstrap(1, "id");
  a->bootstrap(2, "id");
  until([&] { return !source_.asked.empty(); });
  turns();
  a->finish(1, true);
  turns();
  EXPECT_EQ(source_.canceled, 0);
  a->finish(2, true);
  until([&] { return source_.canceled == 1; });  // the last of two
  EXPECT_EQ(stored_.objects(), 0u);
  a->bootstrap(3, "id");
  until([&] { return source_.asked.size() == 2; });
  a->hangUp();
  until([&] { return source_.canceled == 2; });
  EXPECT_EQ(stored_.objects(), 0u);
  EXPECT_EQ(source_.gone.size(), 1u);
  EXPECT_EQ(grants_.size(), 0u);
}

TEST_F(StoredRefsTest, ReleasesWhatComesForNobody) {
  save("id");
  const auto a = peer();
  a->bootstrap(0, "id");
  until([&] { return !source_.asked.empty(); });
  a->hangUp();
  until([&] { return source_.canceled == 1; });
  answer(0);  // crossed the cancellation
  hub_.objects().settle();
  until([&] { return destroyed_; });
  EXPECT_EQ(grants_.size(), 0u);
}

TEST_F(StoredRefsTest, SealedRefIsUnknownToPeersWithAnotherKeyOrNone) {
  store::Record sealed = refTo("object");
  sealed.sealed_for = digestOf("the key of somebody else");
  const store::Digest digest = save("id", sealed);
  const auto a = peer();
  EXPECT_EQ(reasonFor(*a, 0, "id"), "Unknown persistent service ID");
  EXPECT_EQ(count(RestoreResult::kDenied), 1u);
  EXPECT_TRUE(logged(digest.shortName() + ", which is sealed for another"));
  EXPECT_TRUE(source_.asked.empty());
}

}  // namespace
}  // namespace vatmesh::restore
