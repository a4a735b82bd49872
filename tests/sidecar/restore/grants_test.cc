// SPDX-License-Identifier: Apache-2.0
//
// Gates in front of what can be taken back.
#include "sidecar/restore/grants.h"

#include "tests/sidecar/restore/restore_fixture.h"

namespace vatmesh::restore {
namespace {

using captp::LinkKind;
using test::RawVat;
using test::RecordingOwner;
using wire::MessageKind;

class GrantsTest : public RestoreFixture {
 protected:
  const store::Digest digest_ = digestOf("id");
  const store::Digest other_ = digestOf("another id");
};

TEST_F(GrantsTest, NamesARefByItsDigestAlone) {
  EXPECT_EQ(digestOf("main").toText(), "DW5AeeNnA-vTfAByL1iR0osOKBHcEUsSkhUSOtzONgU");
  EXPECT_EQ(wasRevoked(digestOf("main")).message(), "the sturdy ref DW5AeeNnA- was revoked");
  EXPECT_EQ(hasExpired(digestOf("main")).message(), "the sturdy ref DW5AeeNnA- has expired");
}

TEST_F(GrantsTest, KnowsAGateAsLongAsSomebodyHoldsIt) {
  bool gone = false;
  vat::NewObject first = grants_.gate(digest_, object(), [&] { gone = true; });
  vat::NewObject second = grants_.gate(digest_, object());
  EXPECT_EQ(grants_.size(), 2u);
  EXPECT_EQ(grants_.refOf(first.id), digest_);
  first.capability = {};
  hub_.objects().settle();
  until([&] { return gone; });
  EXPECT_EQ(grants_.size(), 1u);
  EXPECT_EQ(grants_.refOf(first.id), std::nullopt);
  EXPECT_EQ(grants_.refOf({}), std::nullopt);
  EXPECT_TRUE(grants_.cut(digest_, wasRevoked(digest_)));
  second.capability = {};
  hub_.objects().settle();
  until([&] { return grants_.size() == 0; });
  EXPECT_FALSE(grants_.cut(digest_, wasRevoked(digest_)));
}

TEST_F(GrantsTest, CutsWhatCameFromOneRefAndLeavesTheOthers) {
  ASSERT_TRUE(exports_.addLive(digest_, object(), "one").ok());
  ASSERT_TRUE(exports_.addLive(other_, object(), "two").ok());
  const auto a = peer();
  restore(*a, 0, "id");
  restore(*a, 1, "another id");
  EXPECT_EQ(call(*a, 2, 0), "ok");
  EXPECT_TRUE(grants_.cut(digest_, wasRevoked(digest_)));
  EXPECT_EQ(call(*a, 3, 0), wasRevoked(digest_).message());
  EXPECT_EQ(call(*a, 4, 1), "ok");
}

TEST_F(GrantsTest, CutsABootstrapThatWasAnsweredBehindAGate) {
  RecordingOwner apps;
  RecordingOwner asking;
  link::Link* app_link = nullptr;
  const auto app = connect(LinkKind::kApp, apps, &app_link);
  const auto a = connect(LinkKind::kPeer, asking);
  a->bootstrap(0);
  until([&] { return !asking.ops.empty(); });
  grants_.complete(asking.ops[0], digest_, {app_link->id(), {}});
  until([&] { return app->find(MessageKind::kBootstrap) != nullptr; });
  app->offer(app->find(MessageKind::kBootstrap)->id);
  until([&] { return a->returned(0) != nullptr; });
  EXPECT_EQ(grants_.size(), 1u);
  grants_.cut(digest_, wasRevoked(digest_));
  EXPECT_EQ(call(*a, 1, 0), wasRevoked(digest_).message());
  a->finish(0);
  a->release(0);
  until([&] { return grants_.size() == 0; });
}

TEST_F(GrantsTest, ForgetsTheGateOfABootstrapThatNobodyWantsAnyMore) {
  RecordingOwner apps;
  RecordingOwner asking;
  link::Link* app_link = nullptr;
  const auto app = connect(LinkKind::kApp, apps, &app_link);
  const auto a = connect(LinkKind::kPeer, asking);
  a->bootstrap(0);
  until([&] { return !asking.ops.empty(); });
  a->finish(0, /*release_result_caps=*/true);
  until([&] { return !asking.canceled.empty(); });
  grants_.complete(asking.ops[0], digest_, {app_link->id(), {}});
  until([&] { return grants_.size() == 0; });
}

}  // namespace
}  // namespace vatmesh::restore
