// SPDX-License-Identifier: Apache-2.0
//
// Connections to other vats: by whom they are shared, what keeps them, what a loss leads to.
#include "sidecar/link/peer_links.h"

#include <gtest/gtest.h>

#include "sidecar/link/identity.h"
#include "sidecar/link/peer_listener.h"
#include "tests/fakes/hub_fixture.h"
#include "tests/fakes/temp_dir.h"

namespace vatmesh::link {
namespace {

using captp::LinkId;
using captp::LinkKind;
using test::RawVat;
using test::RecordingOwner;
using wire::MessageKind;

constexpr Duration kSoon = std::chrono::milliseconds(100);

class FakeRestorer : public Restorer {
 public:
  void restore(Link& peer, captp::OpId op, const std::string& object_id) override {
    asked.push_back(object_id);
    peer.hub().complete(op, Status(Code::kFailed, "nothing here"));
  }
  void peerGone(LinkId peer) override { gone.push_back(peer); }

  std::vector<std::string> asked;
  std::vector<LinkId> gone;
};

class PeerLinksTest : public test::HubFixture {
 protected:
  PeerLinksTest() {
    EXPECT_TRUE(identity_.load().ok());
    open({});
  }

  void open(PeerTimes times) {
    peers_ = std::make_unique<PeerLinks>(hub_, dialer_, restorer_, times);
    peers_->observe([this](LinkId link, const Status&) { lost_.push_back(link); });
  }

  // A vat without TLS, whose side of each connection is played by hand.
  sturdy::SturdyUri serve(const std::string& name) {
    listeners_.push_back(std::move(*net::Listener::open(
        loop_, net::Address::unixPath(folder_ / name), {}, [this](net::Accepted connection) {
          remotes_.push_back(std::make_unique<RawVat>(loop_, std::move(connection.fd)));
        })));
    return {.location = sturdy::UnixLocation{folder_ / name},
            .digest = {},
            .secure = false,
            .id = "id"};
  }

  Result<LinkId> get(const sturdy::SturdyUri& uri, const std::string& sharer) {
    std::optional<Result<LinkId>> answer;
    peers_->get(uri, sharer, uri.secure ? identity_.context(config::TlsVersion::k1_3) : nullptr,
                [&](Result<LinkId> link) { answer = std::move(link); });
    until([&] { return answer.has_value(); });
    return *answer;
  }

  test::TempDir folder_;
  FakeRestorer restorer_;
  Identity identity_{{}, pool_, log_};
  std::unique_ptr<PeerLinks> peers_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::vector<std::unique_ptr<RawVat>> remotes_;
  std::vector<LinkId> lost_;
};

TEST_F(PeerLinksTest, EndsALinkThatNobodyUsesWithoutAnAbort) {
  open({.idle = kSoon});
  const Result<LinkId> link = get(serve("remote"), "a");
  ASSERT_TRUE(link.ok());
  until([&] { return !lost_.empty() && !remotes_.empty() && remotes_[0]->over(); });
  EXPECT_EQ(lost_, std::vector<LinkId>{*link});
  EXPECT_TRUE(remotes_[0]->heard().empty());
}

TEST_F(PeerLinksTest, KeepsALinkWhileSomethingOfItIsHeldAndEndsItAfterwards) {
  open({.idle = kSoon});
  RecordingOwner clients;
  const auto client = connect(LinkKind::kClient, clients);
  const Result<LinkId> link = get(serve("remote"), "a");
  clients.answer = vat::BootstrapOf{*link, "id"};
  client->bootstrap(0);
  until([&] { return !remotes_.empty() && remotes_[0]->find(MessageKind::kBootstrap) != nullptr; });
  remotes_[0]->offer(remotes_[0]->find(MessageKind::kBootstrap)->id);
  until([&] { return client->find(MessageKind::kReturn) != nullptr; });
  client->send(wire::buildFinish(client->frames(), 0, false, false));

  bool later = false;
  event::Timer timer(loop_, [&] { later = true; });
  timer.arm(3 * kSoon);
  until([&] { return later; });
  EXPECT_TRUE(lost_.empty());

  client->hangUp();
  until([&] { return !lost_.empty(); });
  EXPECT_EQ(remotes_[0]->count(MessageKind::kRelease), 1);
  EXPECT_EQ(remotes_[0]->count(MessageKind::kAbort), 0);
}

TEST_F(PeerLinksTest, SharesALinkWithoutTlsOnlyWithinOneImportAndAddress) {
  const sturdy::SturdyUri one = serve("one");
  const sturdy::SturdyUri two = serve("two");
  const Result<LinkId> first = get(one, "a");
  EXPECT_EQ(*get(one, "a"), *first);
  EXPECT_NE(*get(one, "b"), *first);
  EXPECT_NE(*get(two, "a"), *first);
}

TEST_F(PeerLinksTest, SharesALinkByTheFingerprintOfItsPeer) {
  // We dial ourselves: a vat like any other.
  auto listener = PeerListener::open(hub_, *peers_, net::Address::unixPath(folder_ / "self"),
                                     identity_.context(config::TlsVersion::k1_3));
  ASSERT_TRUE(listener.ok());
  sturdy::SturdyUri uri{.location = sturdy::UnixLocation{folder_ / "self"},
                        .digest = identity_.fingerprint(),
                        .secure = true,
                        .id = "id"};
  const Result<LinkId> first = get(uri, "a");
  ASSERT_TRUE(first.ok()) << first.status().toString();
  EXPECT_EQ(hub_.find(*first)->peerFingerprint(), identity_.fingerprint());
  uri.location = sturdy::UnixLocation{"/elsewhere"};
  EXPECT_EQ(*get(uri, "b"), *first);
}

TEST_F(PeerLinksTest, RefusesAPeerWithAnotherFingerprint) {
  auto listener = PeerListener::open(hub_, *peers_, net::Address::unixPath(folder_ / "self"),
                                     identity_.context(config::TlsVersion::k1_3));
  const Result<LinkId> link = get({.location = sturdy::UnixLocation{folder_ / "self"},
                                   .digest = std::string(32, 'x'),
                                   .secure = true,
                                   .id = "id"},
                                  "a");
  ASSERT_FALSE(link.ok());
  EXPECT_EQ(link.status().code(), Code::kRefused);
  EXPECT_EQ(counters_.handshakes[metrics::at(metrics::Direction::kOut)]
                                [metrics::at(metrics::HandshakeResult::kBadKey)],
            1u);
  EXPECT_TRUE(lost_.empty()) << "it never was up";
}

TEST_F(PeerLinksTest, DialsAnewAfterALoss) {
  const sturdy::SturdyUri uri = serve("remote");
  const Result<LinkId> first = get(uri, "a");
  until([&] { return !remotes_.empty() && remotes_[0]->open(); });
  remotes_[0]->hangUp();
  until([&] { return !lost_.empty(); });
  EXPECT_EQ(restorer_.gone, std::vector<LinkId>{*first});
  EXPECT_NE(*get(uri, "a"), *first);
}

TEST_F(PeerLinksTest, ServesWhatTheOtherVatAsks) {
  ASSERT_TRUE(get(serve("remote"), "a").ok());
  until([&] { return !remotes_.empty(); });
  remotes_[0]->bootstrap(0, "of ours");
  until([&] { return remotes_[0]->find(MessageKind::kReturn) != nullptr; });
  EXPECT_EQ(restorer_.asked, std::vector<std::string>{"of ours"});
  EXPECT_EQ(remotes_[0]->reason(MessageKind::kReturn), "nothing here");
}

}  // namespace
}  // namespace vatmesh::link
