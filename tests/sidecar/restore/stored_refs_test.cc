// SPDX-License-Identifier: Apache-2.0
//
// What peers get from the store: R1 to R6 of stored_refs.h.
#include "sidecar/restore/stored_refs.h"

#include <chrono>

#include "tests/fakes/test_store.h"
#include "tests/sidecar/restore/restore_fixture.h"

namespace vatmesh::restore {
namespace {

using captp::LinkId;
using metrics::RestoreResult;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::RawVat;

// The record of a ref to what the application calls `object_ref`.
store::Record refTo(const std::string& object_ref, std::optional<store::UnixTime> expires = {}) {
  store::Record record;
  record.object_ref = object_ref;
  record.expires = expires;
  return record;
}

// Keeps the call until the test is over, unless it is canceled.
class Pending : public vat::LocalObject {
 public:
  explicit Pending(int& canceled) : canceled_(canceled) {}
  void call(vat::CallView, vat::Responder responder) override {
    responder.onCancel([this] { ++canceled_; });
    responders_.push_back(std::move(responder));
  }

 private:
  int& canceled_;
  std::vector<vat::Responder> responders_;
};

// An application whose answers the test gives.
class FakeSource : public ObjectSource {
 public:
  struct Asked {
    LinkId app_link;
    std::string object_ref;
    std::string fingerprint;
    Done done;
  };

  explicit FakeSource(link::Hub& hub) : hub_(hub) {}
  void linkFor(LinkId, link::Application::Done done) override {
    if (linking) {
      waiting.push_back(std::move(done));
    } else {
      done(link);
    }
  }
  Result<vat::PendingCall> restore(LinkId app_link, const std::string& object_ref,
                                   const link::Link& peer, Done done) override {
    asked.push_back({app_link, object_ref, peer.peerFingerprint(), std::move(done)});
    if (object_ref == "malformed") return Status(Code::kCorrupt, "no object ref");
    return hub_.objects().call(hub_.objects().add(std::make_unique<Pending>(canceled)), {},
                               [](const Result<vat::Content>&) {});
  }
  void peerGone(LinkId peer) override { gone.push_back(peer); }

  Result<LinkId> link = LinkId{.slot = 7, .generation = 1};
  bool linking = false;
  std::vector<link::Application::Done> waiting;
  std::vector<Asked> asked;
  std::vector<LinkId> gone;
  int canceled = 0;

 private:
  link::Hub& hub_;
};

class StoredRefsTest : public RestoreFixture {
 protected:
  explicit StoredRefsTest(Duration patience = StoredRefs::kPatience)
      : health_(loop_, log_, store_),
        stored_({.hub = hub_,
                 .grants = grants_,
                 .store = store_,
                 .health = health_,
                 .source = source_,
                 .now = [this] { return now_; }},
                patience) {
    exports_.serveStored(stored_);
    until([this] { return health_.status().ok(); });
    store_.gets = 0;
  }
  ~StoredRefsTest() override {
    source_.asked.clear();
    hub_.objects().settle();
  }

  store::Digest save(const std::string& id, store::Record record = refTo("object")) {
    const store::Digest digest = digestOf(id);
    bool done = false;
    store_.put(digest, std::move(record), store::kNoVersion, [&](const auto&) { done = true; });
    until([&] { return done; });
    turns();
    return digest;
  }
  void take(const store::Digest& digest) {
    bool done = false;
    store_.remove(digest, store::kAnyVersion, [&](const auto&) { done = true; });
    until([&] { return done; });
  }
  // The application answers its request number `index`.
  void answer(size_t index) { source_.asked.at(index).done(object()); }
  // Has `peer` get the object of `id`, which becomes its import 0.
  void give(RawVat& peer, uint32_t question, const std::string& id) {
    const size_t index = source_.asked.size();
    peer.bootstrap(question, id);
    until([&] { return source_.asked.size() > index; });
    answer(index);
    until([&] { return peer.returned(question) != nullptr; });
    ASSERT_EQ(outcome(*peer.returned(question)), "ok");
  }
  std::string reasonFor(RawVat& peer, uint32_t question, const std::string& id) {
    restore(peer, question, id);
    return outcome(*peer.returned(question));
  }

  store::UnixTime now_{seconds(1000)};
  test::TestStore store_{[this](std::function<void()> f) { loop_.post(std::move(f)); },
                         [this] { return now_; }};
  FakeSource source_{hub_};
  StoreHealth health_;
  StoredRefs stored_;
};

TEST_F(StoredRefsTest, AsksTheApplicationForTheObjectOfTheRecord) {
  save("id");
  const auto a = peer();
  give(*a, 0, "id");
  EXPECT_EQ(source_.asked[0].object_ref, "object");
  EXPECT_EQ(source_.asked[0].app_link, *source_.link);
  EXPECT_EQ(call(*a, 1, 0), "ok");
  EXPECT_EQ(count(RestoreResult::kOk), 1u);
  EXPECT_EQ(grants_.size(), 1u);
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

}  // namespace
}  // namespace vatmesh::restore
