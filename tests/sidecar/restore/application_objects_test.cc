// SPDX-License-Identifier: Apache-2.0
//
// On which link the application is asked for the objects of durable refs.
#include "sidecar/restore/application_objects.h"

#include <gtest/gtest.h>

#include "tests/sidecar/restore/restore_fixture.h"

namespace vatmesh::restore {
namespace {

using captp::LinkId;
using captp::LinkKind;

class ConnectedApplication : public FakeApplication {
 public:
  using FakeApplication::FakeApplication;
  using FakeApplication::linkUp;
};

class ApplicationObjectsTest : public RestoreFixture {
 protected:
  Result<LinkId> linkFor(LinkId peer) {
    Result<LinkId> found = Status(Code::kFailed, "not told");
    objects_.linkFor(peer, [&](Result<LinkId> link) { found = std::move(link); });
    return found;
  }

  const LinkId forPeers_{.slot = 77, .generation = 1};
  ConnectedApplication app_{forPeers_};
  bool has_app_ = true;
  ApplicationObjects objects_{calls_, [this] {
                                return has_app_ ? ApplicationObjects::Target{.app = &app_}
                                                : ApplicationObjects::Target();
                              }};
};

// Dialled for that link as for a peer, it might import it there again, and so on.
TEST_F(ApplicationObjectsTest, WhatAnApplicationImportsOfItsOwnIsOnItsOwnLink) {
  test::RecordingOwner owner;
  link::Link* own = nullptr;
  const auto end = connect(LinkKind::kApp, owner, &own);
  app_.linkUp(*own);
  EXPECT_EQ(*linkFor(own->id()), own->id());
  link::Link* other = nullptr;
  const auto peer = connect(LinkKind::kPeer, owner, &other);
  EXPECT_EQ(*linkFor(other->id()), forPeers_);
}

TEST_F(ApplicationObjectsTest, SaysThatThereIsNoApplication) {
  has_app_ = false;
  EXPECT_EQ(linkFor(forPeers_).status().message(),
            "no application restores sturdy refs here; set \"app\"");
}

}  // namespace
}  // namespace vatmesh::restore
