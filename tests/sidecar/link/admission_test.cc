// SPDX-License-Identifier: Apache-2.0
//
// What strangers can make us hold.
#include "sidecar/link/admission.h"

#include <sys/socket.h>

#include <algorithm>

#include <gtest/gtest.h>

#include "sidecar/link/peer_listener.h"
#include "sidecar/tls/key_pair.h"
#include "tests/fakes/hub_fixture.h"

namespace vatmesh::link {
namespace {

using metrics::RefuseReason;

class NoRestorer : public Restorer {
 public:
  void restore(Link&, captp::OpId, const std::string&) override {}
  void peerGone(captp::LinkId) override {}
};

class AdmissionTest : public test::HubFixture {
 protected:
  // Opens a listener; a stranger is a connection to it that says nothing.
  void listen(std::shared_ptr<tls::TlsContext> tls) {
    auto opened = PeerListener::open(hub_, links_, *net::Address::parse("tcp:127.0.0.1:0"), tls);
    ASSERT_TRUE(opened.ok()) << opened.status().toString();
    peers_ = std::move(*opened);
  }
  event::Fd stranger() {
    const auto where = net::numericAddress(peers_->boundAddress());
    event::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd.get(), (*where)->get(), (*where)->length), 0);
    return fd;
  }
  uint64_t refused(RefuseReason reason) const { return counters_.refused[metrics::at(reason)]; }
  uint64_t open() { return counters_.of(metrics::Direction::kIn, metrics::Transport::kPlain).open; }

  NoRestorer restorer_;
  PeerLinks links_{hub_, dialer_, restorer_};
  std::unique_ptr<PeerListener> peers_;
};

TEST_F(AdmissionTest, RefusesConnectionsAboveTheBoundUntilOthersAreGone) {
  settings_.max_incoming = 2;
  listen(nullptr);
  event::Fd first = stranger();
  const event::Fd second = stranger();
  until([&] { return open() == 2; });
  const event::Fd third = stranger();
  const event::Fd fourth = stranger();
  until([&] { return refused(RefuseReason::kConnections) == 2; });
  EXPECT_EQ(open(), 2u);
  EXPECT_TRUE(logged("refused: 2 incoming connections are open"));
  first = event::Fd();
  until([&] { return open() == 1; });
  turns();  // its descriptor goes a little later
  const event::Fd fifth = stranger();
  until([&] { return open() == 2; });
  EXPECT_EQ(refused(RefuseReason::kConnections), 2u);
}

TEST_F(AdmissionTest, BoundsTheHandshakesInProgressOfAListener) {
  settings_.max_handshakes = 1;
  auto tls = tls::TlsContext::create(tls::KeyPair::generate(), {}, pool_);
  ASSERT_TRUE(tls.ok());
  listen(*tls);
  event::Fd first = stranger();
  const event::Fd second = stranger();
  until([&] { return refused(RefuseReason::kHandshakes) == 1; });
  first = event::Fd();
  const auto& failed = counters_.handshakes[metrics::at(metrics::Direction::kIn)]
                                           [metrics::at(metrics::HandshakeResult::kOther)];
  until([&] { return failed == 1; });
  const event::Fd third = stranger();
  const event::Fd fourth = stranger();
  until([&] { return refused(RefuseReason::kHandshakes) == 2; });
}

TEST_F(AdmissionTest, CountsEveryFailedHandshakeButLogsAFewOfMany) {
  auto tls = tls::TlsContext::create(tls::KeyPair::generate(), {}, pool_);
  ASSERT_TRUE(tls.ok());
  listen(*tls);
  for (int i = 0; i < 100; ++i) stranger();  // hangs up at once
  const auto& failed = counters_.handshakes[metrics::at(metrics::Direction::kIn)]
                                           [metrics::at(metrics::HandshakeResult::kOther)];
  until([&] { return failed == 100; });
  const auto told = std::count_if(lines_.begin(), lines_.end(), [](const std::string& line) {
    return line.find("no connection") != std::string::npos;
  });
  EXPECT_GE(told, 10);
  EXPECT_LT(told, 50);
}

}  // namespace
}  // namespace vatmesh::link
