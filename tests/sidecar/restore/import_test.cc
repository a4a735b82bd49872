// SPDX-License-Identifier: Apache-2.0
//
// Imports: what local programs get, while the cap file is missing, there, changed or wrong, and
// when the other vat can't be reached or is lost.
#include "sidecar/restore/import.h"

#include <gtest/gtest.h>

#include "sidecar/restore/cap_file.h"
#include "tests/fakes/hub_fixture.h"
#include "tests/fakes/temp_dir.h"

namespace vatmesh::restore {
namespace {

using test::RawVat;
using wire::MessageKind;

class NoRestorer : public link::Restorer {
 public:
  void restore(link::Link& peer, captp::OpId op, const std::string& object_id) override {
    asked.push_back(object_id);
    peer.hub().complete(op, Status(Code::kFailed, "This vat has no restorer"));
  }
  void peerGone(captp::LinkId) override { ++gone; }

  std::vector<std::string> asked;
  int gone = 0;
};

class ImportTest : public test::HubFixture {
 protected:
  // A vat without TLS at `name`, whose peers are played by hand.
  void serve(const std::string& name) {
    listeners_.push_back(std::move(*net::Listener::open(
        loop_, net::Address::unixPath(folder_ / name), {}, [this](net::Accepted connection) {
          remotes_.push_back(std::make_unique<RawVat>(loop_, std::move(connection.fd)));
        })));
  }
  sturdy::SturdyUri uriOf(const std::string& name, const std::string& id = "object") {
    return {
        .location = sturdy::UnixLocation{folder_ / name}, .digest = {}, .secure = false, .id = id};
  }

  Result<std::unique_ptr<Import>> tryOpen(config::Import config) {
    config.name = "bank";
    config.socket.address = "unix:" + (folder_ / "bank.sock");
    return Import::open(hub_, peers_, identity_, config);
  }
  void openWith(const sturdy::SturdyUri& uri) {
    config::Import config;
    config.uri = uri;
    import_ = std::move(*tryOpen(config));
  }
  void openWithFile() {
    config::Import config;
    config.cap_file = cap_file_;
    import_ = std::move(*tryOpen(config));
  }
  void writeFile(const sturdy::SturdyUri& uri) {
    ASSERT_TRUE(writeCapFile(cap_file_, uri, log_).ok());
  }

  // A local program on the import's socket.
  std::unique_ptr<RawVat> client() {
    std::optional<Result<event::Fd>> fd;
    const auto dial = dialer_.dial(import_->boundAddress(), {}, [&](Result<event::Fd> result) {
      fd.emplace(std::move(result));
    });
    until([&] { return fd.has_value(); });
    EXPECT_TRUE(fd->ok()) << fd->status().toString();
    return std::make_unique<RawVat>(loop_, std::move(**fd));
  }
  // A client whose Bootstrap has reached the other vat.
  std::unique_ptr<RawVat> connectedClient() {
    auto made = client();
    const size_t before = bootstraps();
    made->bootstrap(0);
    until([&] { return bootstraps() > before; });
    return made;
  }
  size_t bootstraps() const {
    int sum = 0;
    for (const auto& remote : remotes_) sum += remote->count(MessageKind::kBootstrap);
    return static_cast<size_t>(sum);
  }

  test::TempDir folder_;
  const std::string cap_file_ = folder_ / "bank.cap";
  NoRestorer restorer_;
  link::Identity identity_{{}, pool_, log_};
  link::PeerLinks peers_{hub_, dialer_, restorer_};
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::vector<std::unique_ptr<RawVat>> remotes_;
  std::unique_ptr<Import> import_;
};

TEST_F(ImportTest, TurnsABootstrapIntoOneForTheObjectOfItsUri) {
  serve("remote");
  openWith(uriOf("remote", "the object"));
  const auto local = connectedClient();
  EXPECT_EQ(remotes_[0]->find(MessageKind::kBootstrap)->object_id, "the object");
  remotes_[0]->offer(remotes_[0]->find(MessageKind::kBootstrap)->id);
  until([&] { return local->find(MessageKind::kReturn) != nullptr; });
  EXPECT_EQ(local->find(MessageKind::kReturn)->return_kind, wire::ReturnKind::kResults);
}

TEST_F(ImportTest, DialsOnlyWhenSomebodyAsksAndSharesTheLink) {
  serve("remote");
  openWith(uriOf("remote"));
  const auto idle = client();
  turns();
  EXPECT_TRUE(remotes_.empty());
  const auto first = connectedClient();
  const auto second = connectedClient();
  EXPECT_EQ(remotes_.size(), 1u);
}

TEST_F(ImportTest, NeedsNoKeyForAVatWithoutTls) {
  serve("remote");
  openWith(uriOf("remote"));
  const auto local = connectedClient();
  EXPECT_FALSE(identity_.loaded());
}

TEST_F(ImportTest, AsksItsOwnVatForAUriOfItsOwnWithoutAConnection) {
  EXPECT_TRUE(identity_.load().ok());
  serve("us");
  sturdy::SturdyUri uri = uriOf("us", "one of ours");
  uri.secure = true;
  uri.digest = identity_.fingerprint();
  openWith(uri);
  const auto local = client();
  local->bootstrap(0);
  until([&] { return local->find(MessageKind::kReturn) != nullptr; });
  EXPECT_EQ(local->reason(MessageKind::kReturn), "This vat has no restorer");
  EXPECT_EQ(restorer_.asked, std::vector<std::string>{"one of ours"});
  EXPECT_TRUE(remotes_.empty());
  local->hangUp();
  until([&] { return restorer_.gone == 1; });
}

TEST_F(ImportTest, EndsOfOneClientLeaveTheOthersAlone) {
  serve("remote");
  openWith(uriOf("remote"));
  auto first = connectedClient();
  const auto second = connectedClient();
  first->hangUp();
  until([&] { return remotes_[0]->count(MessageKind::kFinish) == 1; });
  EXPECT_FALSE(second->over());
  EXPECT_FALSE(remotes_[0]->over());
}

TEST_F(ImportTest, RefusesAnObjectIdFromALocalProgram) {
  serve("remote");
  openWith(uriOf("remote"));
  const auto local = client();
  local->bootstrap(0, "another object");
  until([&] { return local->find(MessageKind::kReturn) != nullptr; });
  EXPECT_NE(local->reason(MessageKind::kReturn), "");
  EXPECT_TRUE(remotes_.empty());
}

TEST_F(ImportTest, FailsTheBootstrapWithTheCauseAndClosesTheClientWhenTheDialFails) {
  openWith(uriOf("nobody"));
  const auto local = client();
  local->bootstrap(0);
  until([&] { return local->over(); });
  EXPECT_NE(local->reason(MessageKind::kReturn).find("nobody"), std::string::npos);
  // The next client dials anew.
  serve("nobody");
  connectedClient();
}

TEST_F(ImportTest, ClosesItsClientsWhenTheRemoteLinkDies) {
  serve("remote");
  openWith(uriOf("remote"));
  const auto asked = connectedClient();
  const auto idle = client();
  remotes_[0]->hangUp();
  until([&] { return asked->over(); });
  turns();
  EXPECT_FALSE(idle->over()) << "it had nothing of the remote link";
  const auto again = connectedClient();
  EXPECT_EQ(remotes_.size(), 2u);
}

TEST_F(ImportTest, HoldsBootstrapsUntilTheCapFileAppears) {
  serve("remote");
  openWithFile();
  EXPECT_TRUE(import_->waiting());
  EXPECT_TRUE(logged("import bank: waiting for " + cap_file_ + " (0 s)"));
  const auto local = client();
  local->bootstrap(0);
  turns();
  EXPECT_TRUE(local->heard().empty());
  writeFile(uriOf("remote", "found"));
  until([&] { return bootstraps() == 1; });
  EXPECT_EQ(remotes_[0]->find(MessageKind::kBootstrap)->object_id, "found");
  EXPECT_FALSE(import_->waiting());
}

TEST_F(ImportTest, ForgetsBootstrapsOfClientsThatLeaveWhileItWaits) {
  serve("remote");
  openWithFile();
  auto gone = client();
  gone->bootstrap(0);
  const auto finished = client();
  finished->bootstrap(0);
  finished->send(wire::buildFinish(finished->frames(), 0, true, false));
  const auto stays = client();
  stays->bootstrap(0);
  turns();
  gone->hangUp();
  until([&] { return gone->over(); });
  writeFile(uriOf("remote"));
  until([&] { return bootstraps() > 0; });
  turns();
  EXPECT_EQ(bootstraps(), 1u);
}

TEST_F(ImportTest, ClosesWhatIsBeyondItsBoundWhileItWaits) {
  openWithFile();
  std::vector<std::unique_ptr<RawVat>> held;
  for (size_t i = 0; i < Import::kMaxWaiting; ++i) held.push_back(client());
  turns();
  const auto beyond = client();
  until([&] { return beyond->over(); });
  for (const auto& each : held) EXPECT_FALSE(each->over());
}

TEST_F(ImportTest, ClosesItsClientsAndUsesTheNewUriWhenTheCapFileChanges) {
  serve("old");
  serve("new");
  writeFile(uriOf("old", "old object"));
  openWithFile();
  const auto before = connectedClient();
  writeFile(uriOf("new", "new object"));
  until([&] { return before->over(); });
  const auto after = connectedClient();
  EXPECT_EQ(remotes_.back()->find(MessageKind::kBootstrap)->object_id, "new object");
}

TEST_F(ImportTest, KeepsItsUriAndNamesTheFileWhenTheCapFileBecomesMalformed) {
  serve("remote");
  writeFile(uriOf("remote"));
  openWithFile();
  ASSERT_TRUE(std::filesystem::exists(cap_file_));
  std::FILE* file = std::fopen(cap_file_.c_str(), "w");
  std::fputs("nonsense\n", file);
  std::fclose(file);
  until([&] { return logged(cap_file_ + ": "); });
  const auto local = connectedClient();
}

TEST_F(ImportTest, DoesNotStartWithAMalformedCapFile) {
  std::FILE* file = std::fopen(cap_file_.c_str(), "w");
  std::fputs("nonsense\n", file);
  std::fclose(file);
  config::Import config;
  config.cap_file = cap_file_;
  const auto opened = tryOpen(config);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), Code::kInvalidArgument);
  EXPECT_NE(opened.status().message().find(cap_file_), std::string::npos);
}

TEST_F(ImportTest, ServesTheOtherVatNothingUnlessItHasExports) {
  serve("remote");
  openWith(uriOf("remote"));
  const auto local = connectedClient();
  remotes_[0]->bootstrap(0, "anything");
  until([&] { return remotes_[0]->find(MessageKind::kReturn) != nullptr; });
  EXPECT_EQ(remotes_[0]->reason(MessageKind::kReturn), "This vat has no restorer");
}

}  // namespace
}  // namespace vatmesh::restore
