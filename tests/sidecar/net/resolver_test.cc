// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/resolver.h"

#include <thread>

#include <gtest/gtest.h>

namespace vatmesh::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Resolver, CallsBackOnTheLoopsThreadWithAddressesThatHaveThePort) {
  event::Loop loop;
  Resolver resolver(loop);
  const std::thread::id loop_thread = std::this_thread::get_id();
  bool done = false;
  auto lookup = resolver.resolve("localhost", 7000, [&](Result<Resolver::Addresses> found) {
    done = true;
    EXPECT_EQ(std::this_thread::get_id(), loop_thread);
    ASSERT_TRUE(found.ok()) << found.status().toString();
    ASSERT_FALSE(found->empty());
    for (const SocketAddress& address : *found) {
      EXPECT_TRUE(addressOf(address).isLoopback());
      EXPECT_EQ(addressOf(address).port(), 7000);
    }
  });
  EXPECT_FALSE(done);
  EXPECT_TRUE(loop.runUntil([&] { return done; }, seconds(20)));
}

TEST(Resolver, AnswersEveryLookUpOfManyAtOnce) {
  event::Loop loop;
  Resolver resolver(loop);
  size_t answered = 0;
  std::vector<std::unique_ptr<Resolver::Lookup>> lookups;
  for (int i = 0; i < 50; ++i) {
    lookups.push_back(resolver.resolve(i % 2 == 0 ? "localhost" : "no-such-host.invalid", 1,
                                       [&answered, i](Result<Resolver::Addresses> found) {
                                         ++answered;
                                         EXPECT_EQ(found.ok(), i % 2 == 0);
                                       }));
  }
  EXPECT_TRUE(loop.runUntil([&] { return answered == lookups.size(); }, seconds(60)));
}

TEST(Resolver, IsSilentAboutWhatWasDropped) {
  event::Loop loop;
  bool called = false, done = false;
  Resolver resolver(loop);
  auto dropped =
      resolver.resolve("localhost", 1, [&](Result<Resolver::Addresses>) { called = true; });
  dropped.reset();
  auto kept = resolver.resolve("localhost", 1, [&](Result<Resolver::Addresses>) { done = true; });
  ASSERT_TRUE(loop.runUntil([&] { return done; }, seconds(20)));
  (void)loop.runUntil([&] { return called; }, milliseconds(20));
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace vatmesh::net
