// SPDX-License-Identifier: Apache-2.0
//
// What a peer gets for an id.
#include "sidecar/restore/exports.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/fakes/hub_fixture.h"

namespace vatmesh::restore {
namespace {

using captp::LinkId;
using captp::LinkKind;
using metrics::RestoreResult;
using test::RawVat;
using test::RecordingOwner;
using wire::MessageKind;

// Gives everybody the same link, or the same error.
class FakeApplication : public link::Application {
 public:
  explicit FakeApplication(Result<LinkId> answer) : answer_(std::move(answer)) {}
  void start() override {}
  void linkFor(LinkId, Done done) override { done(answer_); }
  void peerGone(LinkId peer) override { gone.push_back(peer); }

  std::vector<LinkId> gone;

 private:
  Result<LinkId> answer_;
};

class ExportsTest : public test::HubFixture {
 protected:
  // Passes what peers ask to the exports.
  class Peers : public link::LinkOwner {
   public:
    explicit Peers(Exports& exports) : exports_(exports) {}
    void onDown(link::Link& link, const Status&) override { exports_.peerGone(link.id()); }
    void onRestore(link::Link& link, captp::OpId op, const std::string& id) override {
      exports_.restore(link, op, id);
    }

   private:
    Exports& exports_;
  };

  // The Return to a Bootstrap with `id` from a new peer.
  std::unique_ptr<RawVat> ask(const std::string& id) {
    auto peer = connect(LinkKind::kPeer, peers_);
    peer->bootstrap(0, id);
    return peer;
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
  uint64_t count(RestoreResult result) const { return counters_.restores[metrics::at(result)]; }

  Exports exports_{hub_};
  Peers peers_{exports_};
};

TEST_F(ExportsTest, HasNoRestorerWithoutExports) {
  EXPECT_EQ(reasonFor("main"), "This vat has no restorer");
  EXPECT_EQ(reasonFor(""), "This vat has no restorer");
  EXPECT_EQ(count(RestoreResult::kNoRestorer), 2u);
}

TEST_F(ExportsTest, AnswersUnknownIdsWithOneTextAndLogsNoId) {
  FakeApplication app(Status(Code::kFailed, "never asked"));
  ASSERT_TRUE(exports_.add("main", "right id", app).ok());
  for (const char* id : {"", "right", "right id ", "wrong id"}) {
    EXPECT_EQ(reasonFor(id), "Unknown persistent service ID") << id;
  }
  EXPECT_EQ(count(RestoreResult::kUnknown), 4u);
  EXPECT_TRUE(logged("unknown id"));
  EXPECT_FALSE(logged("wrong id"));
}

TEST_F(ExportsTest, CountsEveryUnknownIdButLogsAFewOfMany) {
  FakeApplication app(Status(Code::kFailed, "never asked"));
  ASSERT_TRUE(exports_.add("main", "right id", app).ok());
  const auto peer = connect(LinkKind::kPeer, peers_);
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
  ASSERT_TRUE(exports_.add("main", std::string("\0raw", 4), app).ok());
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
  ASSERT_TRUE(exports_.add("main", "", app).ok());
  EXPECT_EQ(reasonFor(""), "asleep");
  EXPECT_EQ(count(RestoreResult::kAppError), 1u);
}

TEST_F(ExportsTest, RefusesTwoExportsWithOneId) {
  FakeApplication app(Status(Code::kFailed, "x"));
  ASSERT_TRUE(exports_.add("one", "id", app).ok());
  const Status status = exports_.add("two", "id", app);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("one"), std::string::npos);
  EXPECT_NE(status.message().find("two"), std::string::npos);
}

TEST_F(ExportsTest, TellsEachApplicationOnceWhenAPeerIsGone) {
  FakeApplication app(Status(Code::kFailed, "x"));
  ASSERT_TRUE(exports_.add("one", "1", app).ok());
  ASSERT_TRUE(exports_.add("two", "2", app).ok());
  const auto peer = connect(LinkKind::kPeer, peers_);
  peer->hangUp();
  until([&] { return !app.gone.empty(); });
  turns();
  EXPECT_EQ(app.gone.size(), 1u);
}

}  // namespace
}  // namespace vatmesh::restore
