// SPDX-License-Identifier: Apache-2.0
//
// What programs publish, by way of their Sidecar and the handle that it gives.
#include "sidecar/control/durable_export.h"

#include <gtest/gtest.h>

#include "persistence/memory_store.h"
#include "rpc/schema/object_ref.h"
#include "tests/sidecar/control/control_fixture.h"

namespace vatmesh::control {
namespace {

using captp::LinkKind;
using schema::ExportInterface;
using test::RawVat;
using wire::MessageKind;

// An application with one link.
class LinkedApplication : public restore::FakeApplication {
 public:
  explicit LinkedApplication(link::Link& link) : FakeApplication(link.id()) { linkUp(link); }
};

class DurableExportTest : public ControlFixture {
 protected:
  DurableExportTest()
      : ControlFixture([](store::Post post, store::WallClock now) {
          return std::make_unique<store::MemoryStore>(std::move(post), std::move(now));
        }) {
    app_end_ = connect(LinkKind::kApp, programs_, &app_link_);
    app_ = std::make_unique<LinkedApplication>(*app_link_);
    target_ = {.app = app_.get(), .interface = config::App::Interface::kApplication};
  }

  static schema::PublishParams clock() {
    return {.ref = schema::textRef("clock"), .label = "the clock", .expires = {}, .owner = {}};
  }
  Result<vat::Content> publish(const Program& program, const schema::PublishParams& params) {
    Result<wire::InMessage> message = schema::write(params, pool_);
    return ask(program.sidecar, SidecarInterface::kId, SidecarInterface::kPublish,
               std::move(*message));
  }
  std::string refusal(const Program& program, const schema::PublishParams& params) {
    return publish(program, params).status().message();
  }
  Export published(const Program& program, const schema::PublishParams& params = clock()) {
    Result<vat::Content> results = publish(program, params);
    EXPECT_TRUE(results.ok()) << results.status().toString();
    const auto read = schema::readExportResults(results->message);
    return {.uri = read->uri,
            .id = sturdy::parseUri(read->uri)->id,
            .handle = std::move(results->capabilities.at(*read->handle))};
  }
  Result<vat::Content> revoke(const Program& program, const std::string& uri) {
    return ask(program, SidecarInterface::kRevoke, schema::RevokeParams{.uri = uri});
  }
  Result<vat::Content> onHandle(const Export& export_, ExportInterface::Method method) {
    return ask(export_.handle, ExportInterface::kId, method, schema::nullMessage(pool_));
  }
  // Has `peer` restore what the application gives as its object 0.
  void give(RawVat& peer, uint32_t question, const std::string& id) {
    peer.bootstrap(question, id);
    if (app_end_->find(MessageKind::kBootstrap) == nullptr) {
      until([&] { return app_end_->find(MessageKind::kBootstrap) != nullptr; });
      app_end_->offer(app_end_->find(MessageKind::kBootstrap)->id);
    }
    until([&] { return app_end_->find(MessageKind::kCall) != nullptr; });
    const wire::OutDescriptor object{
        .kind = wire::DescriptorKind::kSenderHosted, .id = 5, .path = {}};
    wire::OutReturn answer;
    answer.answer_id = app_end_->find(MessageKind::kCall)->id;
    app_end_->send(wire::buildReturnResults(app_end_->frames(), answer, {&object, 1}));
    until([&] { return peer.returned(question) != nullptr; });
    ASSERT_EQ(outcome(*peer.returned(question)), "ok");
  }

  std::unique_ptr<RawVat> app_end_;
  link::Link* app_link_ = nullptr;
  std::unique_ptr<LinkedApplication> app_;
};

TEST_F(DurableExportTest, IsRestoredByTheApplicationUnderItsOwnName) {
  const Program program = this->program();
  const Export clock = published(program);
  EXPECT_TRUE(clock.uri.starts_with("capnp://sha-256:"));
  EXPECT_EQ(published(program).uri, clock.uri);
  const auto a = peer();
  give(*a, 0, clock.id);
  const wire::Envelope& asked = *app_end_->find(MessageKind::kCall);
  EXPECT_EQ(asked.interface_id, schema::ApplicationInterface::kId);
  EXPECT_EQ(asked.method_id, schema::ApplicationInterface::kRestore);
}

TEST_F(DurableExportTest, OutlivesItsHandleAndItsProgram) {
  Program program = this->program();
  Export clock = published(program);
  drop(std::move(clock.handle));
  program.end->hangUp();
  until([&] { return program.end->over(); });
  const auto a = peer();
  give(*a, 0, clock.id);
}

TEST_F(DurableExportTest, HandleTellsWhatItIs) {
  const Program program = this->program();
  schema::PublishParams params = clock();
  params.expires = now_ + std::chrono::seconds(60);
  const Export clock = published(program, params);
  Result<vat::Content> results = onHandle(clock, ExportInterface::kInfo);
  ASSERT_TRUE(results.ok()) << results.status().toString();
  const auto info = schema::readInfoResults(results->message);
  EXPECT_EQ(info->name, restore::digestOf(clock.id).shortName());
  EXPECT_EQ(info->label, "the clock");
  EXPECT_EQ(info->created, now_);
  EXPECT_EQ(info->expires, params.expires);
  EXPECT_EQ(info->lifetime, schema::InfoResults::Lifetime::kDurable);
  now_ += std::chrono::seconds(60);
  EXPECT_EQ(onHandle(clock, ExportInterface::kInfo).status().message(),
            "the export " + info->name + " has ended");
}

TEST_F(DurableExportTest, EndsByItsHandleAndIsCut) {
  const Program program = this->program();
  const Export clock = published(program);
  const auto a = peer();
  give(*a, 0, clock.id);
  EXPECT_TRUE(onHandle(clock, ExportInterface::kRevoke).ok());
  EXPECT_EQ(call(*a, 1, 0), restore::wasRevoked(restore::digestOf(clock.id)).message());
  EXPECT_TRUE(onHandle(clock, ExportInterface::kRevoke).ok());  // is over already
  restore(*a, 2, clock.id);
  EXPECT_EQ(outcome(*a->returned(2)), "Unknown persistent service ID");
  EXPECT_NE(published(program).uri, clock.uri);
}

TEST_F(DurableExportTest, EndsByItsUriOnce) {
  const Program program = this->program();
  const Export clock = published(program);
  const auto a = peer();
  give(*a, 0, clock.id);
  EXPECT_TRUE(revoke(program, clock.uri).ok());
  EXPECT_EQ(call(*a, 1, 0), restore::wasRevoked(restore::digestOf(clock.id)).message());
  EXPECT_EQ(revoke(program, clock.uri).status().message(),
            "revoke: there is no such ref, or no longer");
}

TEST_F(DurableExportTest, ExportsOfTheConfigurationAreNotRevokedByPrograms) {
  const Program program = this->program();
  ASSERT_TRUE(exports_.add("main", "main id", {.app = app_.get()}).ok());
  EXPECT_EQ(revoke(program, sturdy::printUri(*uriOf("main id"))).status().message(),
            "revoke: it is an export of the configuration; take it out there");
}

TEST_F(DurableExportTest, RefusesWhatCouldNotBeRestored) {
  const Program program = this->program();
  EXPECT_EQ(refusal(program, {}), "publish: there is no ref to restore it by");
  schema::PublishParams ended = clock();
  ended.expires = now_;
  EXPECT_EQ(refusal(program, ended), "publish: it would have ended already");
  target_.interface = config::App::Interface::kPlain;
  EXPECT_EQ(refusal(program, clock()),
            "publish: the application is a plain server, which restores no sturdy refs: set "
            "app.interface: application, or call serve");
  target_.app = nullptr;
  EXPECT_EQ(refusal(program, clock()),
            "publish: no application restores sturdy refs here; set \"app\"");
}

TEST_F(DurableExportTest, OnlyTheApplicationThatRestoresPublishesOnItsOwnConnection) {
  const Program other = this->program(LinkKind::kApp);
  EXPECT_EQ(refusal(other, clock()),
            "publish: sturdy refs belong to the application that `app` names; this is another");
  Program own;
  vat::NewPromise promise = hub_.promise();
  own.link = app_link_;
  own.sidecar = std::move(promise.capability);
  control_.restore(*app_link_, promise.op, {});
  EXPECT_TRUE(publish(own, clock()).ok());
}

}  // namespace
}  // namespace vatmesh::control
