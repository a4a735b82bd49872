// SPDX-License-Identifier: Apache-2.0
//
// Links to vats that are not of our kind: one for each fingerprint, whoever opened it, and two that
// crossed. The other vats have keys and certificates of the OCaml library; we are key1.
#include <gtest/gtest.h>

#include "sidecar/link/identity.h"
#include "sidecar/link/peer_links.h"
#include "sidecar/link/peer_listener.h"
#include "tests/fakes/foreign_vat.h"
#include "tests/fakes/hub_fixture.h"
#include "tests/fakes/temp_dir.h"

namespace vatmesh::link {
namespace {

using captp::LinkId;
using test::ForeignVat;
using test::RawVat;
using wire::MessageKind;

class NothingHere : public Restorer {
 public:
  void restore(Link& peer, captp::OpId op, const std::string&) override {
    peer.hub().complete(op, Status(Code::kFailed, "This vat has no restorer"));
  }
  void peerGone(LinkId) override {}
};

class SharedLinksTest : public test::HubFixture {
 protected:
  SharedLinksTest() {
    EXPECT_TRUE(identity_.load().ok());
    peers_ = std::make_unique<PeerLinks>(hub_, dialer_, restorer_,
                                         PeerTimes{.patience = std::chrono::milliseconds(200)});
    peers_->observe([this](LinkId link, const Status& why) { lost_[linkKey(link)] = why; });
    listener_ = std::move(
        *PeerListener::open(hub_, *peers_, net::Address::unixPath(folder_ / "us"), tls()));
  }

  static config::Config key1() {
    config::Config config;
    config.key_file = vectors::kOcaml + "keys/key1.pem";
    return config;
  }
  std::shared_ptr<tls::TlsContext> tls() { return identity_.context(config::TlsVersion::k1_3); }

  // `vat` dials us. Waits until both ends think that the link is up.
  std::unique_ptr<RawVat> dialsUs(ForeignVat& vat) {
    const uint64_t before = opened(metrics::Direction::kIn);
    auto dialled = connectsTo(vat);
    until([&] { return dialled->open() && opened(metrics::Direction::kIn) > before; });
    return dialled;
  }
  // The same without waiting.
  std::unique_ptr<RawVat> connectsTo(ForeignVat& vat) {
    std::unique_ptr<RawVat> other;
    const auto dial = dialer_.dial(listener_->boundAddress(), {}, [&](Result<event::Fd> fd) {
      other = std::make_unique<RawVat>(loop_, vat.client(std::move(*fd), identity_.fingerprint()));
    });
    until([&] { return other != nullptr; });
    return other;
  }

  // `vat` listens, and takes part in handshakes only when it `answers`.
  sturdy::SturdyUri serve(ForeignVat& vat, bool answers = true) {
    const std::string path = folder_ / ("vat" + std::to_string(servers_.size()));
    servers_.push_back(std::move(*net::Listener::open(
        loop_, net::Address::unixPath(path), {}, [this, &vat, answers](net::Accepted connection) {
          if (answers) {
            remotes_.push_back(
                std::make_unique<RawVat>(loop_, vat.server(std::move(connection.fd))));
          } else {
            held_.push_back(std::move(connection.fd));
          }
        })));
    return {.location = sturdy::UnixLocation{path}, .digest = vat.fingerprint(), .id = "id"};
  }
  // Begins to get a link; the answer comes to `got_`.
  void want(const sturdy::SturdyUri& uri) {
    peers_->get(uri, "import", tls(), [this](Result<LinkId> link) { got_.push_back(link); });
  }
  LinkId get(const sturdy::SturdyUri& uri) {
    const size_t before = got_.size();
    want(uri);
    until([&] { return got_.size() > before; });
    EXPECT_TRUE(got_.back().ok()) << got_.back().status().toString();
    return got_.back().ok() ? *got_.back() : LinkId();
  }

  uint64_t opened(metrics::Direction direction) {
    return counters_.of(direction, metrics::Transport::kTls).opened;
  }
  uint64_t open() {
    return counters_.of(metrics::Direction::kIn, metrics::Transport::kTls).open +
           counters_.of(metrics::Direction::kOut, metrics::Transport::kTls).open;
  }

  test::TempDir folder_;
  ForeignVat small_{"key2", pool_};  // by fingerprint: key2 < key1 < key4
  ForeignVat great_{"key4", pool_};
  NothingHere restorer_;
  Identity identity_{key1(), pool_, log_};
  std::unique_ptr<PeerLinks> peers_;
  std::unique_ptr<PeerListener> listener_;
  std::vector<std::unique_ptr<net::Listener>> servers_;
  std::vector<std::unique_ptr<RawVat>> remotes_;
  std::vector<event::Fd> held_;
  std::vector<Result<LinkId>> got_;
  std::map<uint64_t, Status> lost_;
};

TEST_F(SharedLinksTest, UseALinkThatCameInForAnImportOfTheSameFingerprint) {
  ASSERT_LT(small_.fingerprint(), identity_.fingerprint());
  ASSERT_LT(identity_.fingerprint(), great_.fingerprint());
  const auto peer = dialsUs(great_);
  const LinkId link = get(serve(great_));
  EXPECT_EQ(opened(metrics::Direction::kOut), 0u);
  EXPECT_EQ(hub_.find(link)->peerFingerprint(), great_.fingerprint());
  peer->hangUp();
  until([&] { return lost_.contains(linkKey(link)); });
  EXPECT_NE(get(serve(great_)), link) << "and dial once that is gone";
  EXPECT_EQ(opened(metrics::Direction::kOut), 1u);
}

TEST_F(SharedLinksTest, GiveUpADialWhenItsVatComesInBeforeTheHandshake) {
  want(serve(great_, false));
  until([&] { return !held_.empty(); });
  const auto peer = dialsUs(great_);
  until([&] { return !got_.empty(); });
  ASSERT_TRUE(got_[0].ok()) << got_[0].status().toString();
  EXPECT_EQ(hub_.find(*got_[0])->spec().direction, metrics::Direction::kIn);
  EXPECT_EQ(open(), 1u);
}

TEST_F(SharedLinksTest, KeepTheLinkOfTheGreaterVatWhenItComesIn) {
  const LinkId ours = get(serve(great_));
  const auto theirs = dialsUs(great_);
  until([&] { return lost_.contains(linkKey(ours)); });
  until([&] { return remotes_[0]->over(); });
  EXPECT_EQ(remotes_[0]->count(MessageKind::kAbort), 1);
  EXPECT_EQ(remotes_[0]->reason(MessageKind::kAbort), "Invalidated by newer connection");
  EXPECT_EQ(remotes_[0]->find(MessageKind::kAbort)->exception.type, 0) << "failed";
  EXPECT_NE(get(serve(great_)), ours);
  EXPECT_FALSE(theirs->over());
  EXPECT_EQ(open(), 1u);
}

TEST_F(SharedLinksTest, RefuseASmallerVatWithoutAWordWhenTheOldLinkAnswers) {
  const LinkId ours = get(serve(small_));
  const auto theirs = dialsUs(small_);
  until([&] { return remotes_[0]->find(MessageKind::kBootstrap) != nullptr; });
  EXPECT_FALSE(theirs->over()) << "the old link is asked first";
  remotes_[0]->send(wire::buildReturnException(
      remotes_[0]->frames(), remotes_[0]->find(MessageKind::kBootstrap)->id, 0, "unknown"));
  until([&] { return theirs->over(); });
  EXPECT_TRUE(theirs->heard().empty());
  EXPECT_EQ(get(serve(small_)), ours);
  EXPECT_FALSE(remotes_[0]->over());
}

TEST_F(SharedLinksTest, TakeASmallerVatBackWhenTheOldLinkIsDead) {
  const auto before = dialsUs(small_);  // never answers
  const LinkId old = get(serve(small_));
  const auto again = dialsUs(small_);
  until([&] { return lost_.contains(linkKey(old)); });
  turns();
  EXPECT_FALSE(again->over());
  EXPECT_EQ(again->count(MessageKind::kAbort), 0);
  const LinkId now = get(serve(small_));
  EXPECT_NE(now, old);
  EXPECT_EQ(opened(metrics::Direction::kOut), 0u);
  EXPECT_EQ(open(), 1u);
}

TEST_F(SharedLinksTest, ServeTheNewcomerWhileTheOldLinkIsAsked) {
  const auto before = dialsUs(small_);
  const auto again = dialsUs(small_);
  again->bootstrap(0, "id");
  until([&] { return again->find(MessageKind::kReturn) != nullptr; });
  EXPECT_EQ(again->reason(MessageKind::kReturn), "This vat has no restorer");
}

TEST_F(SharedLinksTest, GiveTheLinkThatCameInToWhoeverWaitsForARefusedDial) {
  // Both handshakes end in the same turns, ours last: great_ comes in first.
  const sturdy::SturdyUri uri = serve(great_);
  const auto theirs = connectsTo(great_);
  want(uri);
  until([&] { return !got_.empty() && theirs->open(); });
  ASSERT_TRUE(got_[0].ok()) << got_[0].status().toString();
  until([&] { return open() == 1; });
  const LinkId kept = get(uri);
  EXPECT_EQ(hub_.find(kept)->spec().direction, metrics::Direction::kIn);
}

TEST_F(SharedLinksTest, HaveTheVersionThatAnImportAsksForOrDontServeIt) {
  listener_ = std::move(*PeerListener::open(hub_, *peers_, net::Address::unixPath(folder_ / "us12"),
                                            identity_.context(config::TlsVersion::k1_2)));
  ForeignVat old("key4", pool_, TLS1_2_VERSION);
  const auto peer = dialsUs(old);
  want(serve(old));
  until([&] { return !got_.empty(); });
  ASSERT_FALSE(got_[0].ok());
  EXPECT_EQ(got_[0].status().code(), Code::kRefused);
  EXPECT_NE(got_[0].status().message().find("minTls: 1.2"), std::string::npos);
  peers_->get(serve(old), "import", identity_.context(config::TlsVersion::k1_2),
              [this](Result<LinkId> link) { got_.push_back(link); });
  until([&] { return got_.size() == 2; });
  EXPECT_TRUE(got_[1].ok());
  EXPECT_EQ(opened(metrics::Direction::kOut), 0u);
}

TEST_F(SharedLinksTest, KeepBothLinksOfVatsOfOurKind) {
  const LinkId ours = get({.location = sturdy::UnixLocation{folder_ / "us"},
                           .digest = identity_.fingerprint(),
                           .id = "id"});
  until([&] { return open() == 2; });  // both ends of it are here
  turns(10);
  EXPECT_EQ(open(), 2u);
  EXPECT_TRUE(hub_.find(ours)->isUp());
  EXPECT_EQ(hub_.find(ours)->peerInstance().size(), 10u);
}

}  // namespace
}  // namespace vatmesh::link
