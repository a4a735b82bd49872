// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/credentials.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "sidecar/net/socket.h"

namespace vatmesh::net {
namespace {

constexpr uid_t kStranger = 54321;

TEST(AllowedUids, LetInOurOwnUserAndRootByDefault) {
  const AllowedUids allowed;
  EXPECT_TRUE(allowed.allows(::geteuid()));
  EXPECT_TRUE(allowed.allows(0));
  EXPECT_FALSE(allowed.allows(kStranger));
  EXPECT_EQ(allowed.socketMode(), 0600u);
}

TEST(AllowedUids, LetInThoseWhoAreNamed) {
  const AllowedUids allowed({kStranger});
  EXPECT_TRUE(allowed.allows(kStranger));
  EXPECT_TRUE(allowed.allows(::geteuid()));
  EXPECT_FALSE(allowed.allows(kStranger + 1));
  // The file must be open to them too.
  EXPECT_EQ(allowed.socketMode(), 0666u);
}

TEST(AllowedUids, LetInEverybodyWhenAnyIsSaid) {
  EXPECT_TRUE(AllowedUids::any().allows(kStranger));
  EXPECT_EQ(AllowedUids::any().socketMode(), 0666u);
}

TEST(AllowedUids, RefuseWithTheUserAndTheRemedy) {
  const Status status = AllowedUids().check(PeerCredentials{77, kStranger, kStranger});
  EXPECT_EQ(status.code(), Code::kRefused);
  EXPECT_NE(status.message().find("54321"), std::string::npos);
  EXPECT_NE(status.message().find("allowUids"), std::string::npos);
  EXPECT_TRUE(AllowedUids().check(std::nullopt).ok());  // TCP
}

TEST(PeerCredentials, AreThoseOfTheOtherEndOfAUnixSocket) {
  Result<SocketPair> pair = makeSocketPair();
  ASSERT_TRUE(pair.ok());
  std::optional<PeerCredentials> credentials = peerCredentials(pair->first.get());
  ASSERT_TRUE(credentials.has_value());
  EXPECT_EQ(credentials->uid, ::geteuid());
  EXPECT_EQ(credentials->pid, ::getpid());
}

TEST(PeerCredentials, DontExistForTcp) {
  Result<event::Fd> tcp = makeSocket(AF_INET);
  ASSERT_TRUE(tcp.ok());
  EXPECT_FALSE(peerCredentials(tcp->get()).has_value());
}

}  // namespace
}  // namespace vatmesh::net
