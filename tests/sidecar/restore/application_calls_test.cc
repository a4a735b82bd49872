// SPDX-License-Identifier: Apache-2.0
//
// What is asked of an application that is more than a server, and what its peers see meanwhile.
#include "sidecar/restore/application_calls.h"

#include <gtest/gtest.h>

#include "rpc/schema/object_ref.h"
#include "rpc/wire/forward.h"
#include "rpc/wire/pointer.h"
#include "rpc/wire/root.h"
#include "tests/sidecar/restore/restore_fixture.h"

namespace vatmesh::restore {
namespace {

using captp::LinkKind;
using config::App;
using metrics::RestoreResult;
using test::RawVat;
using wire::MessageKind;

class ApplicationCallsTest : public RestoreFixture {
 protected:
  ApplicationCallsTest() {
    app_ = connect(LinkKind::kApp, apps_, &app_link_);
    application_ = std::make_unique<FakeApplication>(app_link_->id());
    EXPECT_TRUE(exports_.add("main", "main", service()).ok());
    EXPECT_TRUE(exports_.add("other", "other", service()).ok());
    EXPECT_TRUE(exports_.add("named", "named", service("accounts/7")).ok());
  }

  Service service(std::optional<std::string> ref = {}) {
    return {.app = application_.get(),
            .interface = App::Interface::kApplication,
            .ref = std::move(ref)};
  }

  // An Application inside this vat.
  class Giving : public vat::LocalObject {
   public:
    explicit Giving(ApplicationCallsTest& test) : test_(test) {}
    void call(vat::CallView, vat::Responder responder) override {
      vat::Content results{schema::write(schema::CapabilityResults{.capability = 0}, test_.pool_),
                           {}};
      results.capabilities.push_back(test_.object());
      responder.answer(std::move(results));
    }

   private:
    ApplicationCallsTest& test_;
  };

  // The `index`-th call that the application hears, once it has come.
  const wire::Envelope& call(size_t index) {
    until([&] { return calls().size() > index; });
    return *calls()[index];
  }
  std::vector<const wire::Envelope*> calls() const { return app_->all(MessageKind::kCall); }

  // Answers the Bootstrap of the application's link with its object 0.
  void offer() {
    until([&] { return app_->find(MessageKind::kBootstrap) != nullptr; });
    app_->offer(app_->find(MessageKind::kBootstrap)->id);
  }
  // Answers `call` with the application's object `id`; none: with a null capability.
  void give(const wire::Envelope& call, std::optional<uint32_t> id) {
    schema::CapabilityResults results;
    std::vector<wire::OutDescriptor> table;
    if (id) {
      results.capability = 0;
      table.push_back({.kind = wire::DescriptorKind::kSenderHosted, .id = *id, .path = {}});
    }
    wire::InMessage message = schema::write(results, pool_);
    const wire::Payload payload = wire::rootPayload(message);
    app_->send(wire::forwardReturn(app_->frames(), std::move(message), payload,
                                   {.answer_id = call.id}, table));
  }
  // Whether the application was told that `question` is over.
  bool finished(uint32_t question) const {
    for (const wire::Envelope* each : app_->all(MessageKind::kFinish)) {
      if (each->id == question) return true;
    }
    return false;
  }
  void refuse(const wire::Envelope& call, Code code, std::string_view why) {
    app_->send(wire::buildReturnException(app_->frames(), call.id, wireType(code), why));
  }
  // How the restore of `question` ended for `peer`.
  std::string ended(RawVat& peer, uint32_t question) {
    until([&] { return peer.returned(question) != nullptr; });
    return outcome(*peer.returned(question));
  }

  test::RecordingOwner apps_;
  link::Link* app_link_ = nullptr;
  std::unique_ptr<RawVat> app_;
  std::unique_ptr<FakeApplication> application_;
};

TEST_F(ApplicationCallsTest, AsksForTheObjectOfAPeer) {
  const auto peer = this->peer();
  peer->bootstrap(0, "main");
  EXPECT_EQ(call(0).interface_id, schema::ApplicationInterface::kId);
  EXPECT_EQ(call(0).method_id, schema::ApplicationInterface::kBootstrap);
  offer();
  turns();
  EXPECT_EQ(peer->returned(0), nullptr);
  give(call(0), 5);
  EXPECT_EQ(ended(*peer, 0), "ok");
  EXPECT_EQ(count(RestoreResult::kOk), 1u);
}

TEST_F(ApplicationCallsTest, AsksOnceForEachPeer) {
  const auto one = this->peer();
  const auto two = this->peer();
  one->bootstrap(0, "main");
  one->bootstrap(1, "other");
  two->bootstrap(0, "main");
  call(1);
  offer();
  // Each peer has its own.
  give(call(0), 5);
  give(call(1), 6);
  EXPECT_EQ(ended(*one, 0), "ok");
  EXPECT_EQ(ended(*one, 1), "ok");
  EXPECT_EQ(ended(*two, 0), "ok");
  restore(*one, 2, "main");
  EXPECT_EQ(calls().size(), 2u);
  EXPECT_EQ(app_->count(MessageKind::kBootstrap), 1);
  EXPECT_EQ(count(RestoreResult::kOk), 4u);
  // The same object for all that one peer asked.
  EXPECT_EQ(one->returned(1)->descriptors[0].id, one->returned(0)->descriptors[0].id);
}

TEST_F(ApplicationCallsTest, LetsCallsPassBeforeTheApplicationHasAnswered) {
  const auto peer = this->peer();
  peer->bootstrap(0, "main");
  peer->callAnswer(1, 0);
  peer->bootstrap(2, "other");
  peer->callAnswer(3, 2);
  // The application's own pipelining: on its answer to bootstrap, and that one on its Bootstrap.
  const wire::Envelope& first = call(1);
  EXPECT_EQ(first.target.kind, wire::Target::Kind::kPromisedAnswer);
  EXPECT_EQ(first.target.id, call(0).id);
  EXPECT_EQ(call(2).target.id, call(0).id);
  EXPECT_EQ(peer->returned(0), nullptr);
  offer();
  give(call(0), 5);
  EXPECT_EQ(ended(*peer, 0), "ok");
  EXPECT_EQ(ended(*peer, 2), "ok");
}

TEST_F(ApplicationCallsTest, FailsAllWhoWaitAsTheApplicationFailsAndAsksAgain) {
  const auto peer = this->peer();
  peer->bootstrap(0, "main");
  peer->bootstrap(1, "other");
  offer();
  refuse(call(0), Code::kFailed, "not for you");
  EXPECT_EQ(ended(*peer, 0), "not for you");
  EXPECT_EQ(ended(*peer, 1), "not for you");
  EXPECT_EQ(count(RestoreResult::kAppError), 2u);
  peer->bootstrap(2, "main");
  give(call(1), 5);
  EXPECT_EQ(ended(*peer, 2), "ok");
}

TEST_F(ApplicationCallsTest, SaysWhichInterfaceIsMissing) {
  const auto peer = this->peer();
  peer->bootstrap(0, "main");
  offer();
  refuse(call(0), Code::kUnimplemented, "Requested interface not implemented.");
  EXPECT_EQ(ended(*peer, 0), "the application does not implement Application (0xfb89c77980aac403)");
}

TEST_F(ApplicationCallsTest, FailsWhenThereIsNoObjectInTheResults) {
  const auto peer = this->peer();
  peer->bootstrap(0, "main");
  offer();
  give(call(0), std::nullopt);
  EXPECT_EQ(ended(*peer, 0), "the application has no such object");
  peer->bootstrap(1, "named");
  give(call(1), std::nullopt);
  EXPECT_EQ(ended(*peer, 1), "the application has no such object");
}

TEST_F(ApplicationCallsTest, ResultsOfAnyKindAreReadOrHaveNoObject) {
  const auto peer = this->peer();
  const std::vector<std::vector<uint64_t>> contents = {
      {0},                                                  // null
      {wire::structWord(0, 0, 0)},                          // without fields
      {wire::capabilityWord(0)},                            // a capability that is no struct
      {wire::listWord(0, wire::kByteList, 4), 0x00616161},  // a text
      {wire::structWord(0, 0, 1), wire::capabilityWord(7)},
      {wire::structWord(0, 0, 1), wire::listWord(0, wire::kByteList, 4), 0x00616161},
      {wire::structWord(0, 1, 0), ~uint64_t{0}}};
  uint32_t question = 0;
  for (const auto& words : contents) {
    peer->bootstrap(question, "named");
    if (question == 0) offer();
    const std::span<const uint64_t> segment(words);
    wire::InMessage message = wire::messageOf({&segment, 1}, pool_);
    const wire::Payload payload = wire::rootPayload(message);
    const wire::OutDescriptor object{
        .kind = wire::DescriptorKind::kSenderHosted, .id = 5, .path = {}};
    app_->send(wire::forwardReturn(app_->frames(), std::move(message), payload,
                                   {.answer_id = call(question).id}, {&object, 1}));
    EXPECT_EQ(ended(*peer, question), "the application has no such object") << question;
    ++question;
  }
  EXPECT_EQ(count(RestoreResult::kAppError), contents.size());
}

TEST_F(ApplicationCallsTest, APromiseIsAnObjectUntilItBreaks) {
  const auto peer = this->peer();
  peer->bootstrap(0, "main");
  offer();
  wire::InMessage message = schema::write(schema::CapabilityResults{.capability = 0}, pool_);
  const wire::Payload payload = wire::rootPayload(message);
  const wire::OutDescriptor promise{
      .kind = wire::DescriptorKind::kSenderPromise, .id = 5, .path = {}};
  app_->send(wire::forwardReturn(app_->frames(), std::move(message), payload,
                                 {.answer_id = call(0).id}, {&promise, 1}));
  EXPECT_EQ(ended(*peer, 0), "ok");
  app_->send(wire::buildResolveException(app_->frames(), 5, wireType(Code::kFailed), "it is not"));
  until([&] { return peer->find(MessageKind::kResolve) != nullptr; });
  EXPECT_EQ(peer->find(MessageKind::kResolve)->exception.reason, "it is not");
}

TEST_F(ApplicationCallsTest, KeepsNothingOfPeersThatCameAndWent) {
  for (int i = 0; i < 20; ++i) {
    auto peer = this->peer();
    peer->bootstrap(0, "main");
    peer->bootstrap(1, "named");
    if (i == 0) offer();
    give(call(2 * i), 5);
    if (i % 2 == 0) give(call(2 * i + 1), 6);  // others leave before there is an answer
    EXPECT_EQ(ended(*peer, 0), "ok");
    peer->hangUp();
    until([&] { return peer->over(); });
  }
  until([&] { return application_->gone.size() == 20; });
  for (int i = 1; i < 20; i += 2) give(call(2 * i + 1), 6);
  until([&] { return hub_.objects().size() == 0; });
}

TEST_F(ApplicationCallsTest, AsksForARefEachTime) {
  const auto peer = this->peer();
  peer->bootstrap(0, "named");
  peer->bootstrap(1, "named");
  offer();
  EXPECT_EQ(call(0).method_id, schema::ApplicationInterface::kRestore);
  EXPECT_EQ(call(1).method_id, schema::ApplicationInterface::kRestore);
  give(call(0), 5);
  give(call(1), 6);
  EXPECT_EQ(ended(*peer, 0), "ok");
  EXPECT_EQ(ended(*peer, 1), "ok");
  EXPECT_EQ(count(RestoreResult::kOk), 2u);
}

TEST_F(ApplicationCallsTest, RefusesARefThatIsNone) {
  link::Link* link = nullptr;
  const auto peer = connect(LinkKind::kPeer, apps_, &link);
  const auto restored = calls_.restore(app_link_->id(), "no words", *link, nullptr);
  // Eight bytes are a word, but no pointer into anything.
  EXPECT_EQ(restored.status().code(), Code::kCorrupt);
  EXPECT_TRUE(calls().empty());
}

TEST_F(ApplicationCallsTest, FailsWhatWaitsWhenTheApplicationIsLost) {
  const auto peer = this->peer();
  peer->bootstrap(0, "main");
  call(0);
  app_->hangUp();
  until([&] { return peer->returned(0) != nullptr; });
  EXPECT_EQ(peer->returned(0)->return_kind, wire::ReturnKind::kException);
  EXPECT_EQ(peer->returned(0)->exception.type, wireType(Code::kDisconnected));
}

TEST_F(ApplicationCallsTest, ForgetsThePeersObjectWithThePeer) {
  auto peer = this->peer();
  peer->bootstrap(0, "main");
  offer();
  give(call(0), 5);
  EXPECT_EQ(ended(*peer, 0), "ok");
  app_->finish(0);
  peer->hangUp();
  // The reference to object 5 is given back.
  until([&] { return app_->find(MessageKind::kRelease) != nullptr; });
}

TEST_F(ApplicationCallsTest, ALostPeerDisturbsNobodyElse) {
  const auto one = this->peer();
  auto two = this->peer();
  one->bootstrap(0, "main");
  call(0);
  two->bootstrap(0, "main");
  call(1);
  two->hangUp();
  turns();
  offer();
  give(call(1), 6);
  give(call(0), 5);
  EXPECT_EQ(ended(*one, 0), "ok");
}

TEST_F(ApplicationCallsTest, RequesterThatLeavesCostsNothing) {
  const auto peer = this->peer();
  const size_t objects = hub_.objects().size();
  peer->bootstrap(0, "named");
  offer();
  const uint32_t question = call(0).id;
  peer->finish(0, true);
  until([&] { return finished(question); });
  // Of many who wait for the peer's own object, each that leaves is forgotten at once.
  for (uint32_t i = 1; i <= 20; ++i) peer->bootstrap(i, "main");
  const uint32_t own = call(1).id;
  for (uint32_t i = 1; i <= 20; ++i) peer->finish(i, true);
  until([&] { return hub_.objects().size() == objects; });
  EXPECT_FALSE(finished(own));
  peer->hangUp();
  until([&] { return finished(own); });
  EXPECT_EQ(count(RestoreResult::kOk) + count(RestoreResult::kAppError), 0u);
}

TEST_F(ApplicationCallsTest, AsksAgainWhenThePeersObjectIsBroken) {
  const auto peer = this->peer();
  peer->bootstrap(0, "main");
  offer();
  wire::InMessage message = schema::write(schema::CapabilityResults{.capability = 0}, pool_);
  const wire::Payload payload = wire::rootPayload(message);
  const wire::OutDescriptor promise{
      .kind = wire::DescriptorKind::kSenderPromise, .id = 5, .path = {}};
  app_->send(wire::forwardReturn(app_->frames(), std::move(message), payload,
                                 {.answer_id = call(0).id}, {&promise, 1}));
  EXPECT_EQ(ended(*peer, 0), "ok");
  app_->send(wire::buildResolveException(app_->frames(), 5, 0, "it lived elsewhere"));
  until([&] { return peer->find(MessageKind::kResolve) != nullptr; });
  peer->bootstrap(1, "main");
  give(call(1), 6);
  EXPECT_EQ(ended(*peer, 1), "ok");
}

TEST_F(ApplicationCallsTest, AsksTheOneThatWasServedLast) {
  const auto peer = this->peer();
  bool gone = false;
  calls_.serve(app_link_->id(), hub_.objects().add(std::make_unique<Giving>(*this)));
  restore(*peer, 0, "main");
  calls_.serve(app_link_->id(), hub_.objects().add(std::make_unique<Answering>(gone)));
  restore(*peer, 1, "main");
  EXPECT_EQ(outcome(*peer->returned(0)), "ok");
  EXPECT_NE(outcome(*peer->returned(1)), "ok");  // this one gives nothing
}

TEST_F(ApplicationCallsTest, AsksWhatServeGaveInsteadOfTheBootstrap) {
  const auto server = connect(LinkKind::kApp, apps_);
  FakeApplication plain(app_link_->id());
  ASSERT_TRUE(exports_.add("plain", "plain", {.app = &plain, .ref = "accounts/7"}).ok());
  const auto peer = this->peer();
  peer->bootstrap(0, "plain");
  EXPECT_EQ(ended(*peer, 0),
            "the application has not called serve yet, so it can't be asked for a ref");

  calls_.serve(app_link_->id(), hub_.objects().add(std::make_unique<Giving>(*this)));
  EXPECT_TRUE(calls_.serves(app_link_->id()));
  peer->bootstrap(1, "plain");
  EXPECT_EQ(ended(*peer, 1), "ok");
  EXPECT_EQ(app_->find(MessageKind::kBootstrap), nullptr);
}

TEST_F(ApplicationCallsTest, ForgetsApplicationsThatAreLost) {
  bool gone = false;
  calls_.serve(app_link_->id(), hub_.objects().add(std::make_unique<Answering>(gone)));
  app_->hangUp();
  until([&] { return !apps_.down.empty(); });
  link::Link* next = nullptr;
  const auto server = connect(LinkKind::kApp, apps_, &next);
  calls_.serve(next->id(), object());
  until([&] { return gone; });
}

}  // namespace
}  // namespace vatmesh::restore
