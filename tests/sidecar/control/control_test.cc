// SPDX-License-Identifier: Apache-2.0
//
// What programs get from their Sidecar, and how long it lasts.
#include "sidecar/control/control.h"

#include <gtest/gtest.h>

#include "sidecar/restore/cap_file.h"
#include "tests/sidecar/control/control_fixture.h"

namespace vatmesh::control {
namespace {

using captp::LinkKind;
using schema::ExportInterface;
using test::RawVat;
using wire::MessageKind;

class ControlTest : public ControlFixture {
 protected:
  Result<vat::Content> info(const Export& export_) {
    return ask(export_.handle, ExportInterface::kId, ExportInterface::kInfo,
               schema::nullMessage(pool_));
  }
  Result<vat::Content> revoke(const Program& program, const std::string& uri) {
    return ask(program, SidecarInterface::kRevoke, schema::RevokeParams{.uri = uri});
  }
  // A vat without TLS, whose peers are played by hand.
  void listen(const std::string& name) {
    listener_ = std::move(*net::Listener::open(
        loop_, net::Address::unixPath(folder_ / name), {}, [this](net::Accepted connection) {
          remotes_.push_back(std::make_unique<RawVat>(loop_, std::move(connection.fd)));
        }));
  }
  std::string uriAt(const std::string& name, const std::string& id = "object") {
    return sturdy::printUri({.location = sturdy::UnixLocation{folder_ / name},
                             .digest = {},
                             .secure = false,
                             .id = id});
  }
  void openImport(const std::string& name) {
    config::Import config;
    config.name = name;
    config.socket.address = "unix:" + (folder_ / (name + ".sock"));
    config.cap_file = folder_ / (name + ".cap");
    imports_.push_back(std::move(*restore::Import::open(hub_, peer_links_, identity_, config)));
  }

  std::unique_ptr<net::Listener> listener_;
  std::vector<std::unique_ptr<RawVat>> remotes_;
};

TEST_F(ControlTest, GivesASidecarForABootstrapWithoutAnId) {
  const auto client = connect(LinkKind::kClient, programs_);
  client->bootstrap(0);
  until([&] { return client->returned(0) != nullptr; });
  EXPECT_EQ(client->returned(0)->return_kind, wire::ReturnKind::kResults);
  client->bootstrap(1, "an id");
  until([&] { return client->returned(1) != nullptr; });
  EXPECT_EQ(outcome(*client->returned(1)),
            "the sidecar gives one object here: ask for it without an id");
}

TEST_F(ControlTest, TellsWhoAndWhereThisVatIs) {
  const Program program = this->program();
  const auto results = ask(program.sidecar, SidecarInterface::kId, SidecarInterface::kSelf,
                           schema::nullMessage(pool_));
  ASSERT_TRUE(results.ok());
  const auto self = schema::readSelfResults(results->message);
  EXPECT_EQ(self->fingerprint, identity_.fingerprint());
  EXPECT_EQ(self->addresses, std::vector<std::string>{"tcp:here:7000"});
}

TEST_F(ControlTest, ExportsAnObjectUnderAnIdOfItsOwn) {
  const Program program = this->program();
  const Export alice = exported(program, "alice");
  const Export bob = exported(program, "bob");
  EXPECT_EQ(alice.id.size(), 20u);
  EXPECT_NE(alice.id, bob.id);
  EXPECT_EQ(counters_.live_exports, 2u);
  const auto peer = this->peer();
  restore(*peer, 0, alice.id);
  restore(*peer, 1, bob.id);
  EXPECT_EQ(call(*peer, 2, 0), "ok");
  EXPECT_EQ(call(*peer, 3, 1), "ok");
}

TEST_F(ControlTest, EndsAnExportWithItsHandle) {
  const Program program = this->program();
  Export alice = exported(program);
  const auto peer = this->peer();
  restore(*peer, 0, alice.id);
  drop(std::move(alice.handle));
  EXPECT_EQ(counters_.live_exports, 0u);
  EXPECT_EQ(call(*peer, 1, 0), "it is exported no longer");
  restore(*peer, 2, alice.id);
  EXPECT_EQ(outcome(*peer->returned(2)), "Unknown persistent service ID");
}

TEST_F(ControlTest, EndsAnExportWithTheConnectionThatMadeIt) {
  Program program = this->program();
  const Program other = this->program();
  // Somebody else may hold the handle.
  const Export alice = exported(program);
  const Export bob = exported(other, "bob");
  const auto peer = this->peer();
  restore(*peer, 0, alice.id);
  restore(*peer, 1, bob.id);
  program.end->hangUp();
  until([&] { return counters_.live_exports == 1; });
  EXPECT_EQ(call(*peer, 2, 0), "the program that exported it is gone");
  EXPECT_EQ(call(*peer, 3, 1), "ok");
  EXPECT_EQ(info(alice).status().code(), Code::kFailed);
}

TEST_F(ControlTest, RevokesAnExportByItsHandleOrItsUri) {
  const Program program = this->program();
  const Export alice = exported(program, "alice");
  const Export bob = exported(program, "bob");
  const auto peer = this->peer();
  restore(*peer, 0, alice.id);
  restore(*peer, 1, bob.id);
  EXPECT_TRUE(
      ask(alice.handle, ExportInterface::kId, ExportInterface::kRevoke, schema::nullMessage(pool_))
          .ok());
  EXPECT_TRUE(revoke(program, bob.uri).ok());
  const std::string why = call(*peer, 2, 0);
  EXPECT_NE(why.find("was revoked"), std::string::npos) << why;
  EXPECT_NE(call(*peer, 3, 1).find("was revoked"), std::string::npos);
  EXPECT_EQ(counters_.live_exports, 0u);
}

TEST_F(ControlTest, RevokesNothingOfOthers) {
  const Program program = this->program();
  const Export alice = exported(program);
  sturdy::SturdyUri foreign = *sturdy::parseUri(alice.uri);
  foreign.digest[0] = static_cast<char>(foreign.digest[0] + 1);
  EXPECT_EQ(revoke(program, sturdy::printUri(foreign)).status().message(),
            "revoke: it is a URI of another vat; revoke it there");
  foreign = *sturdy::parseUri(alice.uri);
  foreign.id = "unknown";
  EXPECT_EQ(revoke(program, sturdy::printUri(foreign)).status().message(),
            "revoke: no durable store; set \"store\"");
  EXPECT_EQ(counters_.live_exports, 1u);
}

TEST_F(ControlTest, TellsWhatIsExported) {
  const Program program = this->program();
  const Export alice = exported(program, "alice");
  const auto results = info(alice);
  ASSERT_TRUE(results.ok());
  const auto read = schema::readInfoResults(results->message);
  EXPECT_EQ(read->label, "alice");
  EXPECT_EQ(read->name, restore::digestOf(alice.id).shortName());
  EXPECT_EQ(read->created, now_);
  EXPECT_EQ(read->expires, std::nullopt);
  EXPECT_EQ(read->lifetime, schema::InfoResults::Lifetime::kLive);
}

TEST_F(ControlTest, ExportsNothingThatNobodyCouldReach) {
  listens_ = false;
  const Program program = this->program();
  const auto results = ask(program, SidecarInterface::kExport,
                           schema::ExportParams{.capability = 0, .label = {}}, object());
  EXPECT_EQ(results.status().message(), "export: nobody can dial this vat: set \"listen\"");
  EXPECT_EQ(counters_.live_exports, 0u);
}

TEST_F(ControlTest, ImportsItsOwnUrisWithoutAConnection) {
  const Program program = this->program();
  const Export alice = exported(program);
  captp::Capability again = imported(program, alice.uri);
  EXPECT_EQ(outcomeOf(again), "");
  EXPECT_TRUE(revoke(program, alice.uri).ok());
  EXPECT_NE(outcomeOf(again).find("was revoked"), std::string::npos);
}

TEST_F(ControlTest, ImportsAnObjectThatIsCalledBeforeItIsThere) {
  listen("remote");
  const Program program = this->program();
  kept_.push_back(imported(program, uriAt("remote", "the object")));
  const vat::PendingCall early = hub_.objects().call(kept_[0], {}, nullptr);
  until([&] { return !remotes_.empty() && remotes_[0]->find(MessageKind::kCall) != nullptr; });
  EXPECT_EQ(remotes_[0]->find(MessageKind::kBootstrap)->object_id, "the object");
  EXPECT_EQ(remotes_[0]->find(MessageKind::kCall)->target.kind,
            wire::Target::Kind::kPromisedAnswer);
}

TEST_F(ControlTest, ImportsFailWithTheirCause) {
  const Program program = this->program();
  const auto failing = [&](const std::string& uri) {
    const Result<vat::Content> results =
        ask(program, SidecarInterface::kImport, schema::ImportParams{.uri = uri});
    return results.status();
  };
  const Status malformed = failing("capnp://nonsense/secret");
  EXPECT_FALSE(malformed.ok());
  EXPECT_EQ(malformed.message().find("secret"), std::string::npos);

  const std::string unreachable = outcomeOf(imported(program, uriAt("nobody", "secret")));
  EXPECT_NE(unreachable.find("nobody"), std::string::npos) << unreachable;
  EXPECT_EQ(unreachable.find("secret"), std::string::npos);
  EXPECT_FALSE(logged("secret"));

  sturdy::SturdyUri own = *sturdy::parseUri(uriAt("here", "unknown"));
  own.secure = true;
  own.digest = identity_.fingerprint();
  EXPECT_EQ(outcomeOf(imported(program, sturdy::printUri(own))), "This vat has no restorer");
}

TEST_F(ControlTest, RefusesToReconnectForNow) {
  const Program program = this->program();
  const auto results = ask(program, SidecarInterface::kImport,
                           schema::ImportParams{.uri = uriAt("remote"), .reconnect = true});
  EXPECT_EQ(results.status().code(), Code::kUnimplemented);
}

TEST_F(ControlTest, LetsOneProgramWaitForSoManyConnections) {
  // Accepts, and never says a word of TLS.
  std::vector<net::Accepted> accepted;
  const auto listener = std::move(*net::Listener::open(
      loop_, net::Address::unixPath(folder_ / "silent"), {},
      [&](net::Accepted connection) { accepted.push_back(std::move(connection)); }));
  sturdy::SturdyUri silent = *sturdy::parseUri(uriAt("silent"));
  silent.secure = true;
  silent.digest.assign(32, 'x');
  const std::string uri = sturdy::printUri(silent);
  const Program program = this->program();
  for (size_t i = 0; i < Importer::kMaxUnderWay; ++i) kept_.push_back(imported(program, uri));
  const auto refused =
      ask(program, SidecarInterface::kImport, schema::ImportParams{.uri = uri, .reconnect = false});
  EXPECT_EQ(refused.status().code(), Code::kOverloaded);
  const Program other = this->program();
  kept_.push_back(imported(other, uri));
}

TEST_F(ControlTest, LooksUpAnImportThatWaitsForItsCapFile) {
  openImport("bank");
  const Program program = this->program();
  kept_.push_back(
      given(ask(program, SidecarInterface::kLookup, schema::LookupParams{.name = "bank"})));
  const vat::PendingCall early = hub_.objects().call(kept_[0], {}, nullptr);
  listen("remote");
  ASSERT_TRUE(
      restore::writeCapFile(folder_ / "bank.cap", *sturdy::parseUri(uriAt("remote")), log_).ok());
  until([&] { return !remotes_.empty() && remotes_[0]->find(MessageKind::kCall) != nullptr; });
}

TEST_F(ControlTest, ForgetsTheLookupsOfAProgramThatIsGone) {
  openImport("bank");
  Program program = this->program();
  kept_.push_back(
      given(ask(program, SidecarInterface::kLookup, schema::LookupParams{.name = "bank"})));
  program.end->hangUp();
  program.sidecar = {};
  EXPECT_EQ(outcomeOf(kept_[0]), "the client is gone");
}

TEST_F(ControlTest, LookupsThatAreDroppedDoNotWait) {
  openImport("bank");
  const Program program = this->program();
  for (size_t i = 0; i <= restore::Import::kMaxWaiting; ++i) {
    drop(given(ask(program, SidecarInterface::kLookup, schema::LookupParams{.name = "bank"})));
  }
}

TEST_F(ControlTest, AFailedLookupClosesNothing) {
  openImport("bank");
  ASSERT_TRUE(
      restore::writeCapFile(folder_ / "bank.cap", *sturdy::parseUri(uriAt("nobody")), log_).ok());
  until([&] { return !imports_[0]->waiting(); });
  const Program program = this->program();
  const std::string why = outcomeOf(
      given(ask(program, SidecarInterface::kLookup, schema::LookupParams{.name = "bank"})));
  EXPECT_NE(why.find("import bank"), std::string::npos) << why;
  turns();
  EXPECT_FALSE(program.end->over());
}

TEST_F(ControlTest, NamesTheImportThatIsNotThere) {
  const Program program = this->program();
  EXPECT_EQ(ask(program, SidecarInterface::kLookup, schema::LookupParams{.name = "bank"})
                .status()
                .message(),
            "lookup: the configuration has no import \"bank\"");
}

TEST_F(ControlTest, ServesApplicationsOnTheirOwnConnectionOnly) {
  const Program client = this->program();
  EXPECT_NE(ask(client, SidecarInterface::kServe, schema::ServeParams{.application = 0}, object())
                .status()
                .message()
                .find("only an application's own connection"),
            std::string::npos);
  const Program app = this->program(LinkKind::kApp);
  EXPECT_TRUE(
      ask(app, SidecarInterface::kServe, schema::ServeParams{.application = 0}, object()).ok());
  EXPECT_TRUE(calls_.serves(app.link->id()));
  EXPECT_FALSE(calls_.serves(client.link->id()));
}

TEST_F(ControlTest, PublishesNothingWithoutAStore) {
  const Program program = this->program();
  Result<wire::InMessage> params = schema::write(schema::PublishParams{}, pool_);
  EXPECT_EQ(
      ask(program.sidecar, SidecarInterface::kId, SidecarInterface::kPublish, std::move(*params))
          .status()
          .message(),
      "publish: no durable store; set \"store\"");
}

TEST_F(ControlTest, ASidecarIsOfNoUseWithoutItsConnection) {
  Program program = this->program();
  const captp::LinkId link = program.link->id();
  program.end->hangUp();
  until([&] { return hub_.find(link) == nullptr; });
  EXPECT_EQ(ask(program.sidecar, SidecarInterface::kId, SidecarInterface::kSelf,
                schema::nullMessage(pool_))
                .status()
                .message(),
            "the connection that this Sidecar belongs to is gone");
}

}  // namespace
}  // namespace vatmesh::control
