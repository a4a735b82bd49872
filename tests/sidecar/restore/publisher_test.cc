// SPDX-License-Identifier: Apache-2.0
//
// Which URI an object gets, and what the store has of it.
#include "sidecar/restore/publisher.h"

#include <gtest/gtest.h>

#include "sidecar/event/loop.h"
#include "sidecar/restore/grants.h"
#include "sidecar/tls/random.h"
#include "tests/fakes/test_store.h"

namespace vatmesh::restore {
namespace {

using std::chrono::seconds;
using store::Digest;
using store::Record;

class PublisherTest : public testing::Test {
 protected:
  Publisher::Parts parts(const std::string& secret = "secret") {
    return {
        .secret = [secret] { return Result<std::string>(secret); },
        .uri_of = [this](const std::string& id) -> Result<sturdy::SturdyUri> {
          if (!id.empty()) last_id_ = id;
          return sturdy::SturdyUri{
              .location = sturdy::TcpLocation{"us", 1}, .digest = {}, .secure = false, .id = id};
        },
        .changed = [this](const Digest& digest,
                          bool removed) { (removed ? removed_ : written_).push_back(digest); },
        .failed = [this](const Status& cause) { causes_.push_back(cause); },
        .now = [this] { return now_; }};
  }
  static Record record(const std::string& ref, std::optional<Digest> owner = {}) {
    Record record;
    record.object_ref = ref;
    record.owner = owner;
    return record;
  }
  Result<Published> publish(Record record) { return publish(publisher_, std::move(record)); }
  Result<Published> publish(Publisher& publisher, Record record,
                            Publisher::IfThere if_there = Publisher::IfThere::kRenew) {
    std::optional<Result<Published>> answer;
    publisher.publish(
        std::move(record), [&](Result<Published> r) { answer = std::move(r); }, if_there);
    EXPECT_TRUE(loop_.runUntil([&] { return answer.has_value(); }, seconds(20)));
    return *answer;
  }
  Status revoke(const Digest& digest) {
    std::optional<Status> answer;
    publisher_.revoke(digest, [&](Status status) { answer = std::move(status); });
    EXPECT_TRUE(loop_.runUntil([&] { return answer.has_value(); }, seconds(20)));
    return *answer;
  }
  Result<Record> info(const Digest& digest) {
    std::optional<Result<Record>> answer;
    publisher_.info(digest, [&](Result<Record> r) { answer = std::move(r); });
    EXPECT_TRUE(loop_.runUntil([&] { return answer.has_value(); }, seconds(20)));
    return *answer;
  }
  std::vector<store::Listed> all() {
    std::optional<Result<store::Page>> page;
    store_.list({}, 100, [&](Result<store::Page> r) { page = std::move(r); });
    EXPECT_TRUE(loop_.runUntil([&] { return page.has_value(); }, seconds(20)));
    return (**page).refs;
  }
  std::vector<Record> refs() {
    std::vector<Record> out;
    for (const store::Listed& each : all()) {
      if (!each.stored->record.counter) out.push_back(each.stored->record);
    }
    return out;
  }

  event::Loop loop_;
  store::UnixTime now_{seconds(1000)};
  test::TestStore store_{[this](std::function<void()> f) { loop_.post(std::move(f)); },
                         [this] { return now_; }};
  tls::SystemEntropy entropy_;
  std::string last_id_;
  std::vector<Digest> written_, removed_;
  std::vector<Status> causes_;
  Publisher publisher_{&store_, entropy_, parts()};
  const Digest alice_ = digestOf("alice"), bob_ = digestOf("bob");
};

TEST_F(PublisherTest, GivesTheSameUriToTheSameObjectOfOneOwner) {
  const Result<Published> first = publish(record("object 1", alice_));
  ASSERT_TRUE(first.ok()) << first.status().toString();
  EXPECT_EQ(first->digest, digestOf(last_id_));
  EXPECT_EQ(publish(record("object 1", alice_))->uri, first->uri);
  Publisher restarted(&store_, entropy_, parts());
  EXPECT_EQ(publish(restarted, record("object 1", alice_))->uri, first->uri);
  EXPECT_EQ(refs().size(), 1u);
  EXPECT_EQ(refs()[0].created, now_);
}

TEST_F(PublisherTest, GivesEachOwnerSealAndObjectAndVatAnotherUri) {
  std::set<std::string> uris;
  uris.insert(publish(record("object 1"))->uri);
  uris.insert(publish(record("object 1", alice_))->uri);
  uris.insert(publish(record("object 1", bob_))->uri);
  uris.insert(publish(record("object 2", alice_))->uri);
  Record sealed = record("object 1", alice_);
  sealed.sealed_for = bob_;
  uris.insert(publish(sealed)->uri);
  sealed = record("object 1");
  sealed.sealed_for = alice_;
  uris.insert(publish(sealed)->uri);
  Publisher other(&store_, entropy_, parts("another secret"));
  uris.insert(publish(other, record("object 1", alice_))->uri);
  EXPECT_EQ(uris.size(), 7u);
}

TEST_F(PublisherTest, StoresNoId) {
  ASSERT_TRUE(publish(record("object 1", alice_)).ok());
  ASSERT_EQ(last_id_.size(), 32u);
  for (const store::Listed& each : all()) {
    EXPECT_NE(each.digest.view(), last_id_);
    EXPECT_EQ(store::encodeRecord(each.stored->record)->find(last_id_), std::string::npos);
  }
}

TEST_F(PublisherTest, NeverRevivesAnIdThatWasRevoked) {
  const Result<Published> first = publish(record("object 1", alice_));
  const uint64_t generation = info(first->digest)->generation;
  EXPECT_TRUE(revoke(first->digest).ok());
  EXPECT_EQ(removed_, std::vector{first->digest});
  EXPECT_EQ(revoke(first->digest).code(), Code::kNotFound);
  EXPECT_EQ(info(first->digest).status().code(), Code::kNotFound);
  const Result<Published> second = publish(record("object 1", alice_));
  EXPECT_NE(second->uri, first->uri);
  EXPECT_EQ(info(first->digest).status().code(), Code::kNotFound);
  EXPECT_EQ(info(second->digest)->generation, generation + 1);
  EXPECT_EQ(publish(record("object 1", alice_))->uri, second->uri);
}

TEST_F(PublisherTest, NeverRevivesAnIdThatWasRevokedWhileItPublishedTheSame) {
  Publisher other(&store_, entropy_, parts());
  std::optional<Result<Published>> late;
  store_.holding = true;
  other.publish(record("object 1"), [&](Result<Published> r) { late = std::move(r); });
  // It has found no counter ...
  ASSERT_TRUE(loop_.runUntil([&] { return store_.held() == 1; }, seconds(20)));
  store_.holding = false;
  const Result<Published> first = publish(record("object 1"));
  store_.release();
  store_.holding = true;
  // ... so that its writes are refused; before it has looked why, the ref is gone.
  ASSERT_TRUE(loop_.runUntil([&] { return store_.held() == 2; }, seconds(20)));
  store_.holding = false;
  EXPECT_TRUE(revoke(first->digest).ok());
  store_.release();
  ASSERT_TRUE(loop_.runUntil([&] { return late.has_value(); }, seconds(20)));
  ASSERT_TRUE(late->ok()) << late->status().toString();
  EXPECT_NE((*late)->uri, first->uri);
  EXPECT_EQ(info(first->digest).status().code(), Code::kNotFound);
}

TEST_F(PublisherTest, NeverRevivesAnIdThatWasRevokedWhenTheCounterIsLost) {
  const Result<Published> first = publish(record("object 1"));
  EXPECT_TRUE(revoke(first->digest).ok());
  ASSERT_EQ(all().size(), 1u);
  EXPECT_TRUE(revoke(all()[0].digest).ok());  // by an operator, who found it damaged
  EXPECT_NE(publish(record("object 1"))->uri, first->uri);
}

TEST_F(PublisherTest, LosesAGenerationWhenItDiedBetweenItsTwoWrites) {
  const Result<Published> first = publish(record("object 1"));
  std::optional<Status> removed;  // as if it had never been written
  store_.remove(first->digest, store::kAnyVersion, [&](Status status) { removed = status; });
  ASSERT_TRUE(loop_.runUntil([&] { return removed.has_value(); }, seconds(20)));
  EXPECT_NE(publish(record("object 1"))->uri, first->uri);
}

TEST_F(PublisherTest, TakesAFreshGenerationWhenTheCounterIsDamaged) {
  const Result<Published> first = publish(record("object 1"));
  EXPECT_TRUE(revoke(first->digest).ok());
  for (const store::Listed& each : all()) store_.corrupt.insert(each.digest);
  const Result<Published> second = publish(record("object 1"));
  ASSERT_TRUE(second.ok()) << second.status().toString();
  EXPECT_NE(second->uri, first->uri);
  EXPECT_EQ(publish(record("object 1"))->uri, second->uri);
}

TEST_F(PublisherTest, LabelAndEndAreThoseOfTheLastTime) {
  Record wanted = record("object 1");
  wanted.label = "clock";
  wanted.expires = now_ + seconds(60);
  const Result<Published> first = publish(wanted);
  EXPECT_EQ(info(first->digest)->label, "clock");
  EXPECT_TRUE(info(first->digest)->notes.empty());
  wanted.label = "";
  wanted.expires = now_ + seconds(90);
  EXPECT_EQ(publish(wanted)->uri, first->uri);
  EXPECT_EQ(info(first->digest)->label, "clock");
  EXPECT_EQ(info(first->digest)->expires, now_ + seconds(90));
  ASSERT_EQ(info(first->digest)->notes.size(), 1u);
  EXPECT_EQ(info(first->digest)->notes[0].text, "published anew");
  ASSERT_TRUE(publish(wanted).ok());
  EXPECT_EQ(info(first->digest)->notes.size(), 1u);
  now_ += seconds(90);
  EXPECT_NE(publish(wanted)->uri, first->uri);
}

TEST_F(PublisherTest, KeepsWhatIsThereForThoseWhoWantItKept) {
  Record wanted = record("object 1");
  wanted.label = "clock";
  wanted.expires = now_ + seconds(60);
  const Result<Published> first = publish(wanted);
  wanted.label = "another";
  wanted.expires.reset();
  const auto again = publish(publisher_, wanted, Publisher::IfThere::kKeep);
  EXPECT_EQ(again->uri, first->uri);
  EXPECT_EQ(info(first->digest)->label, "clock");
  EXPECT_EQ(info(first->digest)->expires, now_ + seconds(60));
  EXPECT_TRUE(info(first->digest)->notes.empty());
}

// Peers without a key have one owner, which is that of the application's own refs as well.
TEST_F(PublisherTest, KeepsNothingForNobodyThatOutlivesWhatWasWanted) {
  const Result<Published> endless = publish(record("object 1"));
  Record wanted = record("object 1");
  wanted.expires = now_ + seconds(60);
  const auto keep = [this](const Record& record) {
    std::optional<Result<Published>> answer;
    publisher_.publish(
        record, [&](Result<Published> r) { answer = std::move(r); }, Publisher::IfThere::kKeep);
    EXPECT_TRUE(loop_.runUntil([&] { return answer.has_value(); }, seconds(20)));
    return *answer;
  };
  const Result<Published> refused = keep(wanted);
  EXPECT_EQ(refused.status().code(), Code::kRefused);
  EXPECT_EQ(info(endless->digest)->expires, std::nullopt);
  EXPECT_EQ(keep(record("object 1"))->uri, endless->uri);
  // What lasts less is no gain.
  Record brief = record("object 2");
  brief.expires = now_ + seconds(30);
  const Result<Published> first = publish(brief);
  wanted.object_ref = "object 2";
  EXPECT_EQ(keep(wanted)->uri, first->uri);
  // Whoever has a key has its own.
  const Result<Published> alices = publish(record("object 1", alice_));
  wanted = record("object 1", alice_);
  wanted.expires = now_ + seconds(60);
  EXPECT_EQ(keep(wanted)->uri, alices->uri);
}

TEST_F(PublisherTest, GivesOneUriToThoseWhoPublishTheSameAtOnce) {
  Publisher other(&store_, entropy_, parts());
  for (const bool was_revoked : {false, true}) {
    std::vector<std::string> uris;
    for (Publisher* publisher : {&publisher_, &other, &publisher_, &other}) {
      publisher->publish(record("object 1", alice_), [&](Result<Published> result) {
        ASSERT_TRUE(result.ok()) << result.status().toString();
        uris.push_back(result->uri);
      });
    }
    ASSERT_TRUE(loop_.runUntil([&] { return uris.size() == 4; }, seconds(20)));
    EXPECT_EQ(std::set<std::string>(uris.begin(), uris.end()).size(), 1u) << was_revoked;
    EXPECT_EQ(refs().size(), 1u) << was_revoked;
    EXPECT_TRUE(revoke(written_.back()).ok());
  }
}

TEST_F(PublisherTest, SaysThatTheStoreCantBeUsedAndNotWhy) {
  for (const Code code : {Code::kUnavailable, Code::kRefused, Code::kTimeout}) {
    store_.failing = Status(code, "/secret/path: no such disk");
    const Status status = publish(record("object 1")).status();
    EXPECT_EQ(status.code(), Code::kOverloaded);
    EXPECT_EQ(status.message(), "the store of sturdy refs can't be used now; try again later");
    EXPECT_EQ(revoke(digestOf("x")), status);
    EXPECT_EQ(info(digestOf("x")).status(), status);
    // The operator is told.
    EXPECT_EQ(causes_, std::vector<Status>(3, store_.failing));
    causes_.clear();
  }
  store_.failing = Status(Code::kFull, "disk full");
  EXPECT_EQ(publish(record("object 1")).status().message(),
            "the store of sturdy refs is full; try again later");
  EXPECT_TRUE(removed_.empty());
}

TEST_F(PublisherTest, RefusesWhatCanNotBeStored) {
  Record large = record("object 1");
  large.label.assign(store::kMaxLabelBytes + 1, 'x');
  EXPECT_EQ(publish(large).status().code(), Code::kInvalidArgument);
  EXPECT_TRUE(causes_.empty());
}

TEST_F(PublisherTest, NeedsAStoreAnAddressAndAKey) {
  Publisher without(nullptr, entropy_, parts());
  EXPECT_EQ(publish(without, record("object 1")).status().message(),
            "no durable store; set \"store\"");
  Publisher::Parts nowhere = parts();
  nowhere.uri_of = [](const std::string&) { return Status(Code::kFailed, "no address"); };
  Publisher homeless(&store_, entropy_, nowhere);
  EXPECT_EQ(publish(homeless, record("object 1")).status().message(), "no address");
  Publisher::Parts keyless = parts();
  keyless.secret = [] { return Status(Code::kRefused, "no key"); };
  Publisher nobody(&store_, entropy_, keyless);
  EXPECT_EQ(publish(nobody, record("object 1")).status().message(), "no key");
  EXPECT_TRUE(all().empty());
}

TEST_F(PublisherTest, TellsNobodyOnceItIsGone) {
  bool told = false;
  {
    Publisher brief(&store_, entropy_, parts());
    brief.publish(record("object 1"), [&](const Result<Published>&) { told = true; });
    brief.revoke(digestOf("x"), [&](const Status&) { told = true; });
    brief.info(digestOf("x"), [&](const Result<Record>&) { told = true; });
  }
  bool ran = false;
  loop_.post([&] { ran = true; });
  ASSERT_TRUE(loop_.runUntil([&] { return ran; }, seconds(20)));
  EXPECT_FALSE(told);
}

}  // namespace
}  // namespace vatmesh::restore
