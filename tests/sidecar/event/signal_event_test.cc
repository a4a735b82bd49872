// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/signal_event.h"

#include <signal.h>

#include <gtest/gtest.h>

namespace vatmesh::event {
namespace {

using std::chrono::seconds;

TEST(SignalEvent, CallsBackInTheLoop) {
  Loop loop;
  int calls = 0;
  SignalEvent event(loop, SIGUSR1, [&] { ++calls; });
  ASSERT_EQ(::raise(SIGUSR1), 0);
  EXPECT_EQ(calls, 0);
  EXPECT_TRUE(loop.runUntil([&] { return calls > 0; }, seconds(5)));
}

TEST(SignalEvent, RestoresTheOldHandlerWhenItDies) {
  ASSERT_NE(::signal(SIGUSR2, SIG_IGN), SIG_ERR);
  {
    Loop loop;
    SignalEvent event(loop, SIGUSR2, [] {});
  }
  EXPECT_EQ(::signal(SIGUSR2, SIG_DFL), SIG_IGN);
}

}  // namespace
}  // namespace vatmesh::event
