// SPDX-License-Identifier: Apache-2.0
//
// The Hub over real sockets: what links come to, and in which order.
#include "sidecar/link/hub.h"

#include <gtest/gtest.h>

#include "tests/fakes/hub_fixture.h"

namespace vatmesh::link {
namespace {

using captp::LinkKind;
using metrics::CloseReason;
using test::RawVat;
using test::RecordingOwner;
using wire::MessageKind;

using HubTest = test::HubFixture;

uint64_t closedFor(const metrics::Counters& counters, CloseReason reason) {
  return counters
      .connections[metrics::at(metrics::Direction::kIn)][metrics::at(metrics::Transport::kPlain)]
      .closed[metrics::at(reason)];
}

TEST_F(HubTest, AnswersABootstrapByTheOwnerOfItsLink) {
  RecordingOwner peers;
  peers.answer = Status(Code::kFailed, "not here");
  const auto peer = connect(LinkKind::kPeer, peers);
  peer->bootstrap(7, "some id");
  until([&] { return peer->find(MessageKind::kReturn) != nullptr; });
  EXPECT_EQ(peers.asked, std::vector<std::string>{"some id"});
  EXPECT_EQ(peer->find(MessageKind::kReturn)->id, 7u);
  EXPECT_EQ(peer->reason(MessageKind::kReturn), "not here");
}

TEST_F(HubTest, CarriesABootstrapToTheLinkThatIsFoundForIt) {
  RecordingOwner apps;
  RecordingOwner peers;
  Link* app_link = nullptr;
  const auto app = connect(LinkKind::kApp, apps, &app_link);
  peers.answer = vat::BootstrapOf{app_link->id(), {}};
  const auto peer = connect(LinkKind::kPeer, peers);
  peer->bootstrap(0);
  until([&] { return app->find(MessageKind::kBootstrap) != nullptr; });
  app->offer(app->find(MessageKind::kBootstrap)->id);
  until([&] { return peer->find(MessageKind::kReturn) != nullptr; });
  EXPECT_EQ(peer->find(MessageKind::kReturn)->return_kind, wire::ReturnKind::kResults);
}

// Counts its calls, and answers the first with the second.
class Pair : public vat::LocalObject {
 public:
  explicit Pair(bool& destroyed) : destroyed_(destroyed) {}
  ~Pair() override { destroyed_ = true; }
  void call(vat::CallView, vat::Responder responder) override {
    waiting_.push_back(std::move(responder));
    if (waiting_.size() == 2) {
      for (vat::Responder& each : waiting_) each.answer(vat::Content());
      waiting_.clear();
    }
  }

 private:
  bool& destroyed_;
  std::vector<vat::Responder> waiting_;
};

TEST_F(HubTest, BringsCallsToALocalObjectUntilNobodyHoldsIt) {
  RecordingOwner peers;
  const auto peer = connect(LinkKind::kPeer, peers);
  peer->bootstrap(0);
  until([&] { return !peers.ops.empty(); });
  bool destroyed = false;
  hub_.complete(peers.ops[0],
                vat::Restored{hub_.objects().add(std::make_unique<Pair>(destroyed)), {}});
  until([&] { return peer->count(MessageKind::kReturn) == 1; });
  for (uint32_t question : {1, 2}) {
    wire::OutCall call;
    call.question_id = question;
    peer->send(wire::buildCall(peer->frames(), call, {}));
  }
  until([&] { return peer->count(MessageKind::kReturn) == 3; });
  EXPECT_FALSE(destroyed);
  peer->hangUp();
  until([&] { return destroyed; });
}

TEST_F(HubTest, BringsTheOutcomeOfACallThatIsMadeHere) {
  RecordingOwner apps;
  Link* app_link = nullptr;
  const auto app = connect(LinkKind::kApp, apps, &app_link);
  std::optional<Status> outcome;
  const vat::PendingCall asked = hub_.objects().bootstrap(
      app_link->id(), "", [&](Result<vat::Content> result) { outcome = result.status(); });
  EXPECT_FALSE(outcome);
  until([&] { return app->find(MessageKind::kBootstrap) != nullptr; });
  app->offer(app->find(MessageKind::kBootstrap)->id);
  until([&] { return outcome.has_value(); });
  EXPECT_TRUE(outcome->ok());
}

TEST_F(HubTest, TellsTheOwnerOnceWhenThePeerHangsUp) {
  RecordingOwner peers;
  Link* link = nullptr;
  const auto peer = connect(LinkKind::kPeer, peers, &link);
  const captp::LinkId id = link->id();
  EXPECT_EQ(hub_.find(id), link);
  peer->hangUp();
  until([&] { return !peers.down.empty(); });
  turns();
  EXPECT_EQ(peers.down.size(), 1u);
  EXPECT_EQ(hub_.find(id), nullptr);
  EXPECT_EQ(closedFor(counters_, CloseReason::kPeerClose), 1u);
}

TEST_F(HubTest, TellsAPeerThatHangsUpThatTheConnectionIsClosed) {
  RecordingOwner owners;
  const auto peer = connect(LinkKind::kPeer, owners);
  peer->endHalf();
  until([&] { return peer->over(); });
  EXPECT_EQ(peer->count(MessageKind::kAbort), 1);
  EXPECT_EQ(peer->reason(MessageKind::kAbort), "Connection closed");
  EXPECT_EQ(owners.down.size(), 1u);
  EXPECT_EQ(closedFor(counters_, CloseReason::kPeerClose), 1u);
}

TEST_F(HubTest, SaysNothingToALocalProgramThatHangsUp) {
  RecordingOwner owners;
  const auto client = connect(LinkKind::kClient, owners);
  client->hangUp();
  until([&] { return client->over(); });
  EXPECT_TRUE(client->heard().empty());
}

TEST_F(HubTest, FindsThatALinkLivesWhenItsPeerAnswersWhateverItSays) {
  RecordingOwner peers;
  Link* link = nullptr;
  const auto peer = connect(LinkKind::kPeer, peers, &link);
  std::optional<bool> lives;
  hub_.probe(link->id(), kPatience, [&](bool it_lives) { lives = it_lives; });
  until([&] { return peer->find(MessageKind::kBootstrap) != nullptr; });
  EXPECT_FALSE(lives);
  EXPECT_NE(peer->find(MessageKind::kBootstrap)->object_id, "");
  peer->send(wire::buildReturnException(peer->frames(), peer->find(MessageKind::kBootstrap)->id, 0,
                                        "Unknown persistent service ID"));
  until([&] { return lives.has_value(); });
  EXPECT_TRUE(*lives);
  until([&] { return hub_.vat().idle(link->id()); });
  EXPECT_EQ(hub_.vat().tableSizes().links, 1u) << "nothing of the probe stays";
}

TEST_F(HubTest, FindsThatALinkIsDeadWhenItsPeerIsSilentOrGone) {
  RecordingOwner peers;
  Link* silent_link = nullptr;
  Link* gone_link = nullptr;
  const auto silent = connect(LinkKind::kPeer, peers, &silent_link);
  const auto gone = connect(LinkKind::kPeer, peers, &gone_link);
  std::vector<bool> told;
  hub_.probe(silent_link->id(), std::chrono::milliseconds(50), [&](bool l) { told.push_back(l); });
  until([&] { return told.size() == 1; });
  hub_.probe(gone_link->id(), kPatience, [&](bool l) { told.push_back(l); });
  until([&] { return gone->find(MessageKind::kBootstrap) != nullptr; });
  gone->hangUp();
  until([&] { return told.size() == 2; });
  EXPECT_EQ(told, (std::vector<bool>{false, false}));
  // An answer that comes too late hurts nobody.
  silent->offer(silent->find(MessageKind::kBootstrap)->id);
  until([&] {
    return silent->count(MessageKind::kRelease) + silent->count(MessageKind::kFinish) > 0;
  });
  EXPECT_TRUE(silent_link->isUp());
}

TEST_F(HubTest, EndsALinkWithAnAbortThatTellsWhyWhenItIsClosed) {
  RecordingOwner peers;
  Link* link = nullptr;
  const auto peer = connect(LinkKind::kPeer, peers, &link);
  hub_.close(*link, Status(Code::kDisconnected, "good night"), CloseReason::kLocalClose);
  until([&] { return peer->over(); });
  EXPECT_EQ(peer->reason(MessageKind::kAbort), "good night");
  EXPECT_EQ(peers.down.size(), 1u);
  EXPECT_EQ(closedFor(counters_, CloseReason::kLocalClose), 1u);
}

TEST_F(HubTest, EndsALinkWithoutAnAbortWhenItIsEnded) {
  RecordingOwner peers;
  Link* link = nullptr;
  const auto peer = connect(LinkKind::kPeer, peers, &link);
  hub_.end(*link, Status(Code::kDisconnected, "unused"), CloseReason::kIdle);
  EXPECT_EQ(peers.down.size(), 1u);
  until([&] { return peer->over(); });
  EXPECT_TRUE(peer->heard().empty());
  EXPECT_EQ(closedFor(counters_, CloseReason::kIdle), 1u);
}

TEST_F(HubTest, SendsTheAnswerBeforeTheAbortWhenBothComeFromOneRestore) {
  class Refusing : public RecordingOwner {
    void onRestore(Link& link, captp::OpId op, const std::string&) override {
      link.hub().complete(op, Status(Code::kFailed, "no"));
      link.hub().close(link, Status(Code::kDisconnected, "go"), CloseReason::kLocalClose);
    }
  } clients;
  const auto client = connect(LinkKind::kClient, clients);
  client->bootstrap(0);
  until([&] { return client->over(); });
  ASSERT_EQ(client->heard().size(), 2u);
  EXPECT_EQ(client->reason(MessageKind::kReturn), "no");
  EXPECT_EQ(client->reason(MessageKind::kAbort), "go");
}

TEST_F(HubTest, AbortsALinkWhoseBytesAreNoMessage) {
  RecordingOwner peers;
  net::SocketPair pair = std::move(*net::makeSocketPair());
  hub_.open(std::make_unique<net::PlainTransport>(std::move(pair.first)), {.name = "bad"}, peers);
  const uint32_t many_segments[2] = {0xffff, 1};
  ASSERT_EQ(write(pair.second.get(), many_segments, sizeof many_segments), 8);
  RawVat peer(loop_, std::move(pair.second));
  until([&] { return peer.over(); });
  EXPECT_EQ(peer.count(MessageKind::kAbort), 1);
  ASSERT_EQ(peers.down.size(), 1u);
  EXPECT_EQ(peers.down[0].code(), Code::kProtocol);
  EXPECT_EQ(closedFor(counters_, CloseReason::kProtocolError), 1u);
}

TEST_F(HubTest, AbortsOnlyTheLinkThatBreaksTheProtocol) {
  RecordingOwner peers;
  const auto good = connect(LinkKind::kPeer, peers);
  const auto bad = connect(LinkKind::kPeer, peers);
  bad->send(wire::buildRelease(bad->frames(), 99, 1));  // nothing was exported
  until([&] { return bad->over(); });
  EXPECT_EQ(bad->count(MessageKind::kAbort), 1);
  EXPECT_TRUE(good->heard().empty());
  EXPECT_FALSE(good->over());
}

TEST_F(HubTest, TellsTheOwnerWhenNobodyWantsAnOpenRestoreAnyMore) {
  RecordingOwner peers;  // gives no answer
  const auto peer = connect(LinkKind::kPeer, peers);
  peer->bootstrap(0);
  until([&] { return !peers.ops.empty(); });
  peer->send(wire::buildFinish(peer->frames(), 0, true, false));
  until([&] { return !peers.canceled.empty(); });
  EXPECT_EQ(peers.canceled, peers.ops);
  hub_.complete(peers.ops[0], Status(Code::kFailed, "too late"));  // harmless
}

TEST_F(HubTest, TellsWhenALinkIsInUseAndWhenItIsIdleAgain) {
  RecordingOwner peers;
  peers.answer = Status(Code::kFailed, "no");
  Link* link = nullptr;
  const auto peer = connect(LinkKind::kPeer, peers, &link);
  peer->bootstrap(0);
  until([&] { return peer->find(MessageKind::kReturn) != nullptr; });
  EXPECT_FALSE(peers.idle);
  EXPECT_FALSE(hub_.vat().idle(link->id()));
  peer->send(wire::buildFinish(peer->frames(), 0, true, false));
  until([&] { return hub_.vat().idle(link->id()); });
  EXPECT_TRUE(peers.idle);
}

TEST_F(HubTest, AbortsEveryLinkWhenItShutsDownAndSaysWhenAllAreGone) {
  RecordingOwner owners;
  const auto peer = connect(LinkKind::kPeer, owners);
  const auto client = connect(LinkKind::kClient, owners);
  bool empty = false;
  hub_.shutDown(Status(Code::kDisconnected, "Vat shut down"), [&] { empty = true; });
  EXPECT_TRUE(hub_.shuttingDown());
  until([&] { return empty; });
  EXPECT_EQ(peer->reason(MessageKind::kAbort), "Vat shut down");
  EXPECT_EQ(client->reason(MessageKind::kAbort), "Vat shut down");
  EXPECT_EQ(owners.down.size(), 2u);
  EXPECT_EQ(closedFor(counters_, CloseReason::kDrain), 2u);
}

TEST_F(HubTest, IsEmptyAtOnceWhenItShutsDownWithoutLinks) {
  bool empty = false;
  hub_.shutDown(Status(Code::kDisconnected, "Vat shut down"), [&] { empty = true; });
  EXPECT_FALSE(empty) << "only in a later turn";
  until([&] { return empty; });
}

TEST_F(HubTest, CountsConnectionsAndBytes) {
  RecordingOwner peers;
  peers.answer = Status(Code::kFailed, "no");
  const auto peer = connect(LinkKind::kPeer, peers);
  peer->bootstrap(0);
  until([&] { return peer->find(MessageKind::kReturn) != nullptr; });
  const metrics::ConnectionCounts& counts =
      counters_.of(metrics::Direction::kIn, metrics::Transport::kPlain);
  until([&] { return counts.sent_bytes > 0; });
  EXPECT_EQ(counts.opened, 1u);
  EXPECT_EQ(counts.open, 1u);
  EXPECT_GT(counts.received_bytes, 0u);
}

// An application that reads nothing until it is told to.
class HubWithASlowApplication : public HubTest {
 protected:
  HubWithASlowApplication() { settings_.limits.queue_soft = 64 * 1024; }

  static wire::FrameRef largeCall(wire::FramePool& frames, uint32_t question) {
    wire::OutCall call;
    call.question_id = question;
    call.target = {wire::Target::Kind::kPromisedAnswer, 0, {}};
    // An object's name is all that makes it large.
    std::vector<wire::OutDescriptor> table(1000, {wire::DescriptorKind::kSenderHosted, 5, {}});
    return wire::buildCall(frames, call, table);
  }

  uint64_t paused() {
    return counters_.of(metrics::Direction::kIn, metrics::Transport::kPlain).pauses;
  }

  RecordingOwner owner_;
};

TEST_F(HubWithASlowApplication, StopsReadingTheCallerAndGoesOnWhenTheApplicationReads) {
  net::SocketPair pair = std::move(*net::makeSocketPair());
  Link& app_link = hub_.open(std::make_unique<net::PlainTransport>(std::move(pair.first)),
                             {.kind = LinkKind::kApp, .name = "application"}, owner_);
  until([&] { return app_link.isUp(); });
  owner_.answer = vat::BootstrapOf{app_link.id(), {}};
  const auto peer = connect(LinkKind::kPeer, owner_);
  peer->bootstrap(0);
  constexpr uint32_t kCalls = 200;
  for (uint32_t question = 1; question <= kCalls; ++question) {
    peer->send(largeCall(peer->frames(), question));
  }
  const auto received = [&] {
    return hub_.vat().counters().received[static_cast<size_t>(MessageKind::kCall)];
  };
  // The kernel takes some, so it may be paused more than once.
  until([&] { return paused() > 0; });
  turns(50);
  const uint64_t before = received();
  turns(50);
  EXPECT_EQ(received(), before);
  EXPECT_LT(before, kCalls);
  // The application awakes: everything comes, in order.
  RawVat app(loop_, std::move(pair.second));
  until([&] { return app.count(MessageKind::kCall) == kCalls; });
  EXPECT_EQ(received(), kCalls);
  EXPECT_EQ(peer->count(MessageKind::kReturn), 0);
}

TEST_F(HubWithASlowApplication, NoticesThatAPausedCallerIsGone) {
  net::SocketPair pair = std::move(*net::makeSocketPair());
  Link& app_link = hub_.open(std::make_unique<net::PlainTransport>(std::move(pair.first)),
                             {.kind = LinkKind::kApp, .name = "application"}, owner_);
  until([&] { return app_link.isUp(); });
  owner_.answer = vat::BootstrapOf{app_link.id(), {}};
  auto peer = connect(LinkKind::kPeer, owner_);
  peer->bootstrap(0);
  for (uint32_t question = 1; question <= 200; ++question) {
    peer->send(largeCall(peer->frames(), question));
  }
  until([&] { return paused() > 0; });
  turns(50);
  peer.reset();
  until([&] { return owner_.down.size() == 1; });
}

}  // namespace
}  // namespace vatmesh::link
