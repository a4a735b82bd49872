// SPDX-License-Identifier: Apache-2.0
//
// What holds for applications of every kind, however their links come about.
#include <algorithm>

#include <gtest/gtest.h>

#include "sidecar/link/accepted_app.h"
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

// One application of each kind: inherited, dialling in, dialled for each peer, dialled once.
class ApplicationKindsTest : public test::HubFixture {
 protected:
  ApplicationKindsTest() {
    net::SocketPair pair = std::move(*net::makeSocketPair());
    ends_.push_back(std::make_unique<RawVat>(loop_, std::move(pair.second)));
    apps_.push_back(std::make_unique<InheritedApp>(hub_, std::move(pair.first)));
    apps_.push_back(std::move(*AcceptedApp::open(hub_, accepting_, net::AllowedUids())));
    for (const App::Links links : {App::Links::kPerPeer, App::Links::kShared}) {
      apps_.push_back(dialledApplication(hub_, dialer_, entropy_, listening_, links));
    }
    server_ =
        std::move(*net::Listener::open(loop_, listening_, {}, [this](net::Accepted connection) {
          ends_.push_back(std::make_unique<RawVat>(loop_, std::move(connection.fd)));
        }));
  }

  // Brings up a link of each for one peer.
  void start() {
    for (const auto& app : apps_) app->start();
    const auto dial = dialer_.dial(accepting_, {}, [this](Result<event::Fd> fd) {
      ends_.push_back(std::make_unique<RawVat>(loop_, std::move(*fd)));
    });
    until([&] { return apps_[1]->health().ok(); });
    Link* from = nullptr;
    peer_ = connect(LinkKind::kPeer, owner_, &from);
    for (const auto& app : apps_) {
      std::optional<LinkId> link;
      app->linkFor(from->id(), [&link](const Result<LinkId>& got) { link = *got; });
      until([&] { return link.has_value(); });
      links_.push_back(*link);
    }
    until([&] { return ends_.size() >= apps_.size(); });
  }
  void endAll() {
    for (const auto& end : ends_) end->hangUp();
    until([&] {
      return std::all_of(links_.begin(), links_.end(),
                         [this](LinkId link) { return hub_.find(link) == nullptr; });
    });
  }
  bool isGateway(LinkId link) const {
    return hub_.vat().dump().find("link " + std::to_string(link.slot) + ", a gateway") !=
           std::string::npos;
  }

  test::TempDir folder_;
  const net::Address listening_ = net::Address::unixPath(folder_ / "app.sock");
  const net::Address accepting_ = net::Address::unixPath(folder_ / "accept.sock");
  std::unique_ptr<net::Listener> server_;
  std::vector<std::unique_ptr<RawVat>>
      ends_;  // of their links, and of looks whether they are there
  RecordingOwner owner_;
  std::unique_ptr<RawVat> peer_;
  std::vector<std::unique_ptr<Application>> apps_;
  std::vector<LinkId> links_;  // in the order of apps_
};

// The vat is told before anybody can use them.
TEST_F(ApplicationKindsTest, MakeTheirLinksGatewaysWhenTheirObjectsAreSavedHere) {
  const auto plain = dialledApplication(hub_, dialer_, entropy_, listening_, App::Links::kPerPeer);
  for (const auto& app : apps_) app->makeGateway();
  start();
  std::optional<LinkId> other;
  plain->linkFor(links_[0], [&other](const Result<LinkId>& got) { other = *got; });
  until([&] { return other.has_value(); });
  for (size_t i = 0; i < apps_.size(); ++i) {
    for (size_t k = 0; k < apps_.size(); ++k) EXPECT_EQ(apps_[i]->owns(links_[k]), i == k);
    EXPECT_FALSE(apps_[i]->owns(*other));
    EXPECT_TRUE(isGateway(links_[i])) << i;
  }
  EXPECT_FALSE(isGateway(*other));
  endAll();
  EXPECT_FALSE(apps_[1]->owns(links_[1]) || apps_[2]->owns(links_[2]));
}

class Offering : public Restorer {
 public:
  void restore(Link& asker, captp::OpId op, const std::string& object_id) override {
    asked.push_back(asker.id());
    asker.hub().complete(op, Status(Code::kFailed, "offered: " + object_id));
  }
  void peerGone(LinkId link) override { gone.push_back(link); }

  std::vector<LinkId> asked;
  std::vector<LinkId> gone;
};

TEST_F(ApplicationKindsTest, GiveTheirApplicationsWhatIsOffered) {
  Offering offering;
  for (const auto& app : apps_) app->offer(offering);
  start();
  for (const auto& end : ends_) end->bootstrap(0, "id");
  until([&] { return offering.asked.size() == apps_.size(); });
  for (const LinkId link : links_) {
    EXPECT_EQ(std::count(offering.asked.begin(), offering.asked.end(), link), 1);
  }
  endAll();
  until([&] { return offering.gone.size() >= apps_.size(); });
  for (const LinkId link : links_) {
    EXPECT_EQ(std::count(offering.gone.begin(), offering.gone.end(), link), 1);
  }
}

TEST_F(ApplicationKindsTest, HaveNothingForTheirApplicationsWhenNothingIsOffered) {
  start();
  for (const auto& end : ends_) end->bootstrap(0);
  until([&] {
    return std::count_if(ends_.begin(), ends_.end(), [](const auto& end) {
             return end->reason(wire::MessageKind::kReturn) == "This vat has no restorer";
           }) >= static_cast<int64_t>(apps_.size());
  });
}

}  // namespace
}  // namespace vatmesh::link
