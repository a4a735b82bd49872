// SPDX-License-Identifier: Apache-2.0
//
// The kinds of applications: when they are dialled, shared, given up and reached again.
#include "sidecar/link/application.h"

#include <gtest/gtest.h>

#include "sidecar/event/io_event.h"
#include "sidecar/link/accepted_app.h"
#include "sidecar/link/child.h"
#include "sidecar/link/inherited_app.h"
#include "sidecar/net/listener.h"
#include "tests/fakes/hub_fixture.h"
#include "tests/fakes/temp_dir.h"

namespace vatmesh::link {
namespace {

using captp::LinkId;
using captp::LinkKind;
using config::App;
using test::RawVat;
using test::RecordingOwner;

class ApplicationTest : public test::HubFixture {
 protected:
  // An application that listens and takes connections.
  void serve() {
    server_ = std::move(*net::Listener::open(
        loop_, net::Address::unixPath(socket_), {}, [this](net::Accepted connection) {
          served_.push_back(std::make_unique<RawVat>(loop_, std::move(connection.fd)));
        }));
  }

  std::unique_ptr<Application> dialled(App::Links links) {
    return dialledApplication(hub_, dialer_, entropy_, net::Address::unixPath(socket_), links);
  }

  // A link of a peer, as the id that applications are asked with.
  LinkId peer() {
    Link* link = nullptr;
    peers_.push_back(connect(LinkKind::kPeer, owner_, &link));
    return link->id();
  }

  // Asks `app` for a link and waits for the answer.
  Result<LinkId> ask(Application& app, LinkId peer_id) {
    std::optional<Result<LinkId>> answer;
    app.linkFor(peer_id, [&](Result<LinkId> link) { answer = std::move(link); });
    until([&] { return answer.has_value(); });
    return *answer;
  }

  test::TempDir folder_;
  const std::string socket_ = folder_ / "app.sock";
  std::unique_ptr<net::Listener> server_;
  std::vector<std::unique_ptr<RawVat>> served_;
  RecordingOwner owner_;
  std::vector<std::unique_ptr<RawVat>> peers_;
};

TEST_F(ApplicationTest, HasOneLinkForEachPeerWhenDialledPerPeer) {
  serve();
  const auto app = dialled(App::Links::kPerPeer);
  const LinkId a = peer();
  const LinkId b = peer();
  const Result<LinkId> first = ask(*app, a);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*ask(*app, a), *first);
  EXPECT_NE(*ask(*app, b), *first);
  EXPECT_EQ(counters_.app_link_up, 2u);
}

TEST_F(ApplicationTest, EndsTheLinkOfAPeerThatIsGoneWithoutAnAbort) {
  serve();
  const auto app = dialled(App::Links::kPerPeer);
  const LinkId a = peer();
  ASSERT_TRUE(ask(*app, a).ok());
  until([&] { return served_.size() == 1 && served_[0]->open(); });
  app->peerGone(a);
  until([&] { return served_[0]->over(); });
  EXPECT_TRUE(served_[0]->heard().empty());
  EXPECT_EQ(counters_.app_link_up, 0u);
}

TEST_F(ApplicationTest, DialsAgainForTheNextBootstrapWhenThePeersLinkDied) {
  serve();
  const auto app = dialled(App::Links::kPerPeer);
  const LinkId a = peer();
  const Result<LinkId> first = ask(*app, a);
  ASSERT_TRUE(first.ok());
  until([&] { return served_.size() == 1 && served_[0]->open(); });
  served_[0]->hangUp();
  until([&] { return hub_.find(*first) == nullptr; });
  const Result<LinkId> second = ask(*app, a);
  ASSERT_TRUE(second.ok());
  EXPECT_NE(*second, *first);
  EXPECT_TRUE(app->health().ok());
}

TEST_F(ApplicationTest, FailsAtOnceAsDisconnectedWithoutTellingPeersWhereItIs) {
  const auto app = dialled(App::Links::kPerPeer);
  const Result<LinkId> link = ask(*app, peer());
  ASSERT_FALSE(link.ok());
  EXPECT_EQ(link.status().code(), Code::kDisconnected);
  EXPECT_EQ(link.status().message().find(socket_), std::string::npos);
  EXPECT_TRUE(logged(socket_)) << "operators are told";
}

TEST_F(ApplicationTest, BecomesHealthyWhenTheServerAppears) {
  const auto app = dialled(App::Links::kPerPeer);
  int changes = 0;
  app->observe([&] { ++changes; });
  app->start();
  EXPECT_FALSE(app->health().ok());
  until([&] { return counters_.app_link_reconnects >= 2; });
  EXPECT_EQ(changes, 0);
  serve();
  until([&] { return app->health().ok(); });
  EXPECT_EQ(changes, 1);
}

TEST_F(ApplicationTest, BecomesUnhealthyWhenTheServerIsGoneAndHealthyWhenItIsBack) {
  serve();
  const auto app = dialled(App::Links::kPerPeer);
  ASSERT_TRUE(ask(*app, peer()).ok());
  EXPECT_TRUE(app->health().ok());
  server_.reset();
  until([&] { return served_.size() == 1 && served_[0]->open(); });
  served_[0]->hangUp();
  until([&] { return !app->health().ok(); });
  serve();
  until([&] { return app->health().ok(); });
}

// The kernel closes the descriptors of a dying process one after the other.
TEST_F(ApplicationTest, BecomesUnhealthyWhenADyingServerStillListenedAtTheFirstLook) {
  serve();
  const auto app = dialled(App::Links::kPerPeer);
  ASSERT_TRUE(ask(*app, peer()).ok());
  until([&] { return served_.size() == 1 && served_[0]->open(); });
  served_[0]->hangUp();
  until([&] { return served_.size() == 2; });  // the look
  server_.reset();
  until([&] { return !app->health().ok(); });
}

TEST_F(ApplicationTest, GivesOneLinkToAllWhenShared) {
  serve();
  const auto app = dialled(App::Links::kShared);
  app->start();
  const LinkId a = peer();
  const LinkId b = peer();
  const Result<LinkId> first = ask(*app, a);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*ask(*app, b), *first);
  app->peerGone(a);
  turns();
  EXPECT_NE(hub_.find(*first), nullptr);
}

TEST_F(ApplicationTest, DialsASharedLinkAgainAndFailsRequestsMeanwhile) {
  serve();
  const auto app = dialled(App::Links::kShared);
  app->start();
  const LinkId a = peer();
  ASSERT_TRUE(ask(*app, a).ok());
  until([&] { return served_.size() == 1 && served_[0]->open(); });
  server_.reset();
  served_[0]->hangUp();
  until([&] { return !app->health().ok(); });
  EXPECT_EQ(ask(*app, a).status().code(), Code::kDisconnected);
  serve();
  until([&] { return app->health().ok(); });
  EXPECT_TRUE(ask(*app, a).ok());
  EXPECT_EQ(counters_.app_link_up, 1u);
}

TEST_F(ApplicationTest, UsesAnInheritedDescriptorOnce) {
  net::SocketPair pair = std::move(*net::makeSocketPair());
  InheritedApp app(hub_, std::move(pair.first));
  RawVat other(loop_, std::move(pair.second));
  app.start();
  const LinkId a = peer();
  ASSERT_TRUE(ask(app, a).ok());
  EXPECT_TRUE(app.health().ok());
  other.hangUp();
  until([&] { return !app.health().ok(); });
  EXPECT_EQ(ask(app, a).status().code(), Code::kDisconnected);
}

TEST_F(ApplicationTest, TakesOneApplicationAtATimeWhenItDialsIn) {
  auto app = std::move(*AcceptedApp::open(hub_, net::Address::unixPath(socket_), {}));
  const LinkId a = peer();
  app->start();
  EXPECT_TRUE(logged("is awaited at unix:" + socket_));
  EXPECT_FALSE(ask(*app, a).ok());

  const auto dialIn = [&] {
    std::optional<Result<event::Fd>> fd;
    const auto dial =
        dialer_.dial(net::Address::unixPath(socket_), {},
                     [&](Result<event::Fd> result) { fd.emplace(std::move(result)); });
    until([&] { return fd.has_value(); });
    return std::make_unique<RawVat>(loop_, std::move(**fd));
  };
  const auto first = dialIn();
  until([&] { return app->health().ok(); });
  EXPECT_TRUE(ask(*app, a).ok());

  const auto second = dialIn();
  until([&] { return second->over(); });
  EXPECT_TRUE(logged("refused a second application"));
  EXPECT_FALSE(first->over());

  first->hangUp();
  until([&] { return !app->health().ok(); });
  const auto third = dialIn();
  until([&] { return app->health().ok(); });
}

class ChildTest : public ApplicationTest {
 protected:
  void start(std::vector<std::string> command) {
    auto child = Child::start(loop_, command, [this](int code) { exit_code_ = code; });
    ASSERT_TRUE(child.ok()) << child.status().toString();
    child_ = std::move(*child);
  }

  std::unique_ptr<Child> child_;
  std::optional<int> exit_code_;
};

TEST_F(ChildTest, FindsTheSocketAsDescriptorThree) {
  start({"/bin/sh", "-c", "test \"$VATMESH_FD\" = 3 && test -S /proc/self/fd/3 && exit 42"});
  until([&] { return exit_code_.has_value(); });
  EXPECT_EQ(exit_code_, 42);
}

TEST_F(ChildTest, InheritsNoOtherDescriptorOfOurs) {
  // What the test itself was given is neither a socket nor an event queue.
  start({"/bin/sh", "-c", "test $(ls -l /proc/self/fd | grep -c 'socket:\\|anon_inode:') = 1"});
  until([&] { return exit_code_.has_value(); });
  EXPECT_EQ(exit_code_, 0);
}

TEST_F(ChildTest, EndsWith128AndTheSignalThatKilledIt) {
  start({"/bin/sh", "-c", "kill -KILL $$"});
  until([&] { return exit_code_.has_value(); });
  EXPECT_EQ(exit_code_, 128 + 9);
}

TEST_F(ChildTest, GetsSignals) {
  start({"/bin/sh", "-c", "trap 'exit 7' TERM; echo up >&3; while :; do sleep 0.01; done"});
  event::Fd socket = child_->takeSocket();
  bool up = false;
  event::IoEvent readable(loop_, socket.get(), [&] { up = true; });
  readable.watch(event::Interest::kRead);
  until([&] { return up; });
  readable.watch(event::Interest::kNone);
  child_->signal(SIGTERM);
  until([&] { return exit_code_.has_value(); });
  EXPECT_EQ(exit_code_, 7);
}

TEST_F(ChildTest, SaysWhatCanNotBeStarted) {
  const auto child = Child::start(loop_, {"/nowhere/server"}, [](int) {});
  ASSERT_FALSE(child.ok());
  EXPECT_EQ(child.status().code(), Code::kUnavailable);
  EXPECT_NE(child.status().message().find("/nowhere/server"), std::string::npos);
}

}  // namespace
}  // namespace vatmesh::link
