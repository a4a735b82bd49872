// SPDX-License-Identifier: Apache-2.0
//
// ControlFixture is a Control with all that it stands on, and programs that call their Sidecar.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rpc/schema/control.h"
#include "sidecar/control/control.h"
#include "tests/fakes/temp_dir.h"
#include "tests/sidecar/restore/restore_fixture.h"

namespace vatmesh::control {

using schema::SidecarInterface;

class ControlFixture : public restore::RestoreFixture {
 protected:
  // A program and its Sidecar.
  struct Program {
    std::unique_ptr<test::RawVat> end;
    link::Link* link = nullptr;
    captp::Capability sidecar;
  };

  // Tells Control of the ends of links, as their real owners do.
  class Programs : public link::LinkOwner {
   public:
    explicit Programs(Control& control) : control_(control) {}
    void onDown(link::Link& link, const Status&) override { control_.peerGone(link.id()); }
    void onRestore(link::Link& link, captp::OpId op, const std::string& id) override {
      control_.restore(link, op, id);
    }

   private:
    Control& control_;
  };

  ~ControlFixture() override {
    for (captp::Capability& each : kept_) each = {};
    hub_.objects().settle();
  }

  Program program(captp::LinkKind kind = captp::LinkKind::kClient) {
    Program made;
    made.end = connect(kind, programs_, &made.link);
    vat::NewPromise promise = hub_.promise();
    made.sidecar = std::move(promise.capability);
    control_.restore(*made.link, promise.op, {});
    return made;
  }

  // Calls and waits for the outcome.
  Result<vat::Content> ask(const captp::Capability& target, uint64_t interface_id,
                           uint16_t method_id, wire::InMessage params,
                           captp::Capability capability = {}) {
    vat::Content content{std::move(params), {}};
    if (capability) content.capabilities.push_back(std::move(capability));
    std::optional<Result<vat::Content>> outcome;
    const vat::PendingCall pending = hub_.objects().call(
        target,
        {.interface_id = interface_id, .method_id = method_id, .params = std::move(content)},
        [&outcome](Result<vat::Content> results) { outcome.emplace(std::move(results)); });
    until([&] { return outcome.has_value(); });
    return std::move(*outcome);
  }
  template <typename Params>
  Result<vat::Content> ask(const Program& program, SidecarInterface::Method method,
                           const Params& params, captp::Capability capability = {}) {
    return ask(program.sidecar, SidecarInterface::kId, method, schema::write(params, pool_),
               std::move(capability));
  }
  // How a call of ours on `target` ends.
  std::string outcomeOf(const captp::Capability& target) {
    return ask(target, 1, 2, schema::nullMessage(pool_)).status().message();
  }

  // What an export gives.
  struct Export {
    std::string uri;
    std::string id;
    captp::Capability handle;
  };
  Export exported(const Program& program, const std::string& label = "alice") {
    Result<vat::Content> results =
        ask(program, SidecarInterface::kExport,
            schema::ExportParams{.capability = 0, .label = label}, object());
    EXPECT_TRUE(results.ok()) << results.status().toString();
    const auto read = schema::readExportResults(results->message);
    return {.uri = read->uri,
            .id = sturdy::parseUri(read->uri)->id,
            .handle = std::move(results->capabilities.at(*read->handle))};
  }
  // What an import or lookup gives.
  captp::Capability given(Result<vat::Content> results) {
    EXPECT_TRUE(results.ok()) << results.status().toString();
    const auto index = schema::readCapabilityResults(results->message).capability;
    return std::move(results->capabilities.at(*index));
  }
  captp::Capability imported(const Program& program, const std::string& uri) {
    return given(ask(program, SidecarInterface::kImport, schema::ImportParams{.uri = uri}));
  }
  // Drops a capability and what that leads to.
  void drop(captp::Capability capability) {
    capability = {};
    hub_.objects().settle();
    turns();
  }

  Control::Parts parts() {
    return {.hub = hub_,
            .identity = identity_,
            .peers = peer_links_,
            .exports = exports_,
            .calls = calls_,
            .durable = durable_,
            .imports = imports_,
            .entropy = entropy_,
            .now = [this] { return now_; },
            .uri_of = [this](const std::string& id) { return uriOf(id); }};
  }
  Result<sturdy::SturdyUri> uriOf(const std::string& id) {
    if (!listens_) return Status(Code::kUnavailable, "nobody can dial this vat: set \"listen\"");
    return sturdy::SturdyUri{.location = sturdy::TcpLocation{"here", 7000},
                             .digest = identity_.fingerprint(),
                             .secure = true,
                             .id = id};
  }
  restore::DurableRefs::Parts durableParts() {
    return {.hub = hub_,
            .grants = grants_,
            .calls = calls_,
            .entropy = entropy_,
            .target = [this] { return target_; },
            .secret = [] { return Result<std::string>("secret"); },
            .uri_of = [this](const std::string& id) { return uriOf(id); },
            .now = [this] { return now_; }};
  }

  using MakeStore =
      std::function<std::unique_ptr<store::Store>(store::Post post, store::WallClock now)>;

  explicit ControlFixture(const MakeStore& make_store = [](auto, auto) { return nullptr; })
      : durable_(durableParts(),
                 make_store([this](std::function<void()> done) { loop_.post(std::move(done)); },
                            [this] { return now_; })) {
    EXPECT_TRUE(identity_.load().ok());
    if (durable_.stored() != nullptr) exports_.serveStored(*durable_.stored());
  }

  test::TempDir folder_;
  bool listens_ = true;
  store::UnixTime now_{std::chrono::milliseconds(1'700'000'000'000)};
  link::Identity identity_{{}, pool_, log_};
  // What durable refs are restored from.
  restore::ApplicationObjects::Target target_;
  restore::DurableRefs durable_;
  link::PeerLinks peer_links_{hub_, dialer_, exports_};
  Control::Imports imports_;
  Control control_{parts()};
  Programs programs_{control_};
  std::vector<captp::Capability> kept_;
};

}  // namespace vatmesh::control
