// SPDX-License-Identifier: Apache-2.0
//
// What a peer gets for an id.
#include "sidecar/restore/exports.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/sidecar/restore/restore_fixture.h"

namespace vatmesh::restore {
namespace {

using captp::LinkKind;
using metrics::RestoreResult;
using test::RawVat;
using test::RecordingOwner;
using wire::MessageKind;

class ExportsTest : public RestoreFixture {
 protected:
  // The Return to a Bootstrap with `id` from a new peer.
  std::unique_ptr<RawVat> ask(const std::string& id) {
    auto asking = peer();
    asking->bootstrap(0, id);
    return asking;
  }
  std::string reasonFor(const std::string& id) {
    const auto peer = ask(id);
    until([&] { return peer->find(MessageKind::kReturn) != nullptr; });
    return peer->reason(MessageKind::kReturn);
  }
  size_t linesWith(const std::string& part) const {
    return std::count_if(lines_.begin(), lines_.end(), [&](const std::string& line) {
      return line.find(part) != std::string::npos;
    });
  }
};

TEST_F(ExportsTest, HasNoRestorerWithoutExports) {
  EXPECT_EQ(reasonFor("main"), "This vat has no restorer");
  EXPECT_EQ(reasonFor(""), "This vat has no restorer");
  EXPECT_EQ(count(RestoreResult::kNoRestorer), 2u);
}

TEST_F(ExportsTest, AnswersUnknownIdsWithOneTextAndLogsNoId) {
  FakeApplication app(Status(Code::kFailed, "never asked"));
  ASSERT_TRUE(exports_.add("main", "right id", {.app = &app}).ok());
  for (const char* id : {"", "right", "right id ", "wrong id"}) {
    EXPECT_EQ(reasonFor(id), "Unknown persistent service ID") << id;
  }
  EXPECT_EQ(count(RestoreResult::kUnknown), 4u);
  EXPECT_TRUE(logged("unknown id"));
  EXPECT_FALSE(logged("wrong id"));
}

TEST_F(ExportsTest, CountsEveryUnknownIdButLogsAFewOfMany) {
  FakeApplication app(Status(Code::kFailed, "never asked"));
  ASSERT_TRUE(exports_.add("main", "right id", {.app = &app}).ok());
  const auto peer = this->peer();
  for (uint32_t i = 0; i < 200; ++i) peer->bootstrap(i, "wrong id");
  until([&] { return count(RestoreResult::kUnknown) == 200; });
  EXPECT_LT(linesWith("unknown id"), 100u);
  until([&] { return logged(" more like this"); });
}

TEST_F(ExportsTest, AsksTheApplicationOfTheExportWithoutTheId) {
  RecordingOwner apps;
  link::Link* app_link = nullptr;
  const auto app_end = connect(LinkKind::kApp, apps, &app_link);
  FakeApplication app(app_link->id());
  ASSERT_TRUE(exports_.add("main", std::string("\0raw", 4), {.app = &app}).ok());
  const auto peer = ask(std::string("\0raw", 4));
  until([&] { return app_end->find(MessageKind::kBootstrap) != nullptr; });
  EXPECT_EQ(app_end->find(MessageKind::kBootstrap)->object_id, "");
  app_end->offer(app_end->find(MessageKind::kBootstrap)->id);
  until([&] { return peer->find(MessageKind::kReturn) != nullptr; });
  EXPECT_EQ(peer->find(MessageKind::kReturn)->return_kind, wire::ReturnKind::kResults);
  EXPECT_EQ(count(RestoreResult::kOk), 1u);
}

TEST_F(ExportsTest, ServesStockClientsUnderAnEmptyId) {
  FakeApplication app(Status(Code::kDisconnected, "asleep"));
  ASSERT_TRUE(exports_.add("main", "", {.app = &app}).ok());
  EXPECT_EQ(reasonFor(""), "asleep");
  EXPECT_EQ(count(RestoreResult::kAppError), 1u);
}

TEST_F(ExportsTest, CountsAndLogsWhoseIdWasUsedAndNoId) {
  RecordingOwner apps;
  link::Link* app_link = nullptr;
  const auto app_end = connect(LinkKind::kApp, apps, &app_link);
  FakeApplication app(app_link->id());
  ASSERT_TRUE(exports_.add("main", "the plain id", {.app = &app}).ok());
  ASSERT_TRUE(exports_.add("main", "the id of a", {.app = &app, .consumer = "team-a"}).ok());
  ASSERT_TRUE(exports_.add("main", "the id of b", {.app = &app, .consumer = "team-b"}).ok());
  ASSERT_EQ(counters_.exports.size(), 3u);
  const auto peer = ask("the id of a");
  until([&] { return counters_.exports[1].restored == 1; });
  EXPECT_EQ(counters_.exports[0].restored, 0u);
  EXPECT_EQ(counters_.exports[2].restored, 0u);
  EXPECT_EQ(linesWith("restored export main/team-a"), 1u);
  EXPECT_EQ(linesWith("the id"), 0u);
  const auto plain = ask("the plain id");
  until([&] { return counters_.exports[0].restored == 1; });
  EXPECT_EQ(linesWith("restored export"), 1u);
}

TEST_F(ExportsTest, RefusesTwoExportsWithOneId) {
  FakeApplication app(Status(Code::kFailed, "x"));
  ASSERT_TRUE(exports_.add("one", "id", {.app = &app}).ok());
  const Status status = exports_.add("two", "id", {.app = &app});
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("one"), std::string::npos);
  EXPECT_NE(status.message().find("two"), std::string::npos);
}

TEST_F(ExportsTest, GivesALiveCapabilityUntilItIsRemovedAndCutsItThen) {
  const store::Digest digest = digestOf("live id");
  ASSERT_TRUE(exports_.addLive(digest, object(), "clock").ok());
  const auto a = peer();
  restore(*a, 0, "live id");
  EXPECT_EQ(call(*a, 1, 0), "ok");
  EXPECT_EQ(count(RestoreResult::kOk), 1u);
  EXPECT_TRUE(exports_.removeLive(digest, wasRevoked(digest)));
  EXPECT_FALSE(exports_.removeLive(digest, wasRevoked(digest)));
  EXPECT_EQ(call(*a, 2, 0), "the sturdy ref " + digest.shortName() + " was revoked");
  until([&] { return destroyed_; });
  restore(*a, 3, "live id");
  EXPECT_EQ(outcome(*a->returned(3)), "Unknown persistent service ID");
}

TEST_F(ExportsTest, KeepsTheObjectOfALiveExportWithoutAnyPeer) {
  const store::Digest digest = digestOf("live id");
  ASSERT_TRUE(exports_.addLive(digest, object(), "clock").ok());
  {
    const auto a = peer();
    restore(*a, 0, "live id");
    a->hangUp();
    until([&] { return a->over(); });
  }
  turns();
  EXPECT_FALSE(destroyed_);
  EXPECT_EQ(grants_.size(), 1u);
  exports_.removeLive(digest, wasRevoked(digest));
  until([&] { return destroyed_ && grants_.size() == 0; });
}

TEST_F(ExportsTest, RefusesALiveExportWithAnIdThatIsTaken) {
  FakeApplication app(Status(Code::kFailed, "x"));
  ASSERT_TRUE(exports_.add("one", "id", {.app = &app}).ok());
  EXPECT_EQ(exports_.addLive(digestOf("id"), object(), "two").code(), Code::kConflict);
  EXPECT_FALSE(exports_.removeLive(digestOf("id"), wasRevoked(digestOf("id"))));
  EXPECT_EQ(reasonFor("id"), "x");
}

TEST_F(ExportsTest, TellsEachApplicationOnceWhenAPeerIsGone) {
  FakeApplication app(Status(Code::kFailed, "x"));
  ASSERT_TRUE(exports_.add("one", "1", {.app = &app}).ok());
  ASSERT_TRUE(exports_.add("two", "2", {.app = &app}).ok());
  const auto peer = this->peer();
  peer->hangUp();
  until([&] { return !app.gone.empty(); });
  turns();
  EXPECT_EQ(app.gone.size(), 1u);
}

}  // namespace
}  // namespace vatmesh::restore
