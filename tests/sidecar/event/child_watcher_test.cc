// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/child_watcher.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include <gtest/gtest.h>

namespace vatmesh::event {
namespace {

using std::chrono::seconds;

// A child that ends with `code` when the descriptor that is returned is closed.
struct Child {
  explicit Child(int code) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    pid = ::fork();
    if (pid == 0) {
      ::close(ends[1]);
      char byte;
      while (::read(ends[0], &byte, 1) > 0) {
      }
      ::_exit(code);
    }
    ::close(ends[0]);
    hold = Fd(ends[1]);
  }
  pid_t pid;
  Fd hold;
};

TEST(ChildWatcher, ReportsTheExitStatusAndReaps) {
  Loop loop;
  Child child(7);
  std::optional<int> status;
  ChildWatcher watcher(loop, child.pid, [&](int s) { status = s; });
  EXPECT_TRUE(watcher.running());
  child.hold.reset();
  ASSERT_TRUE(loop.runUntil([&] { return status.has_value(); }, seconds(10)));
  EXPECT_TRUE(WIFEXITED(*status));
  EXPECT_EQ(WEXITSTATUS(*status), 7);
  EXPECT_FALSE(watcher.running());
  EXPECT_EQ(::waitpid(child.pid, nullptr, WNOHANG), -1);
}

TEST(ChildWatcher, ReportsTheSignalThatKilled) {
  Loop loop;
  Child child(0);
  std::optional<int> status;
  ChildWatcher watcher(loop, child.pid, [&](int s) { status = s; });
  ASSERT_EQ(::kill(child.pid, SIGKILL), 0);
  ASSERT_TRUE(loop.runUntil([&] { return status.has_value(); }, seconds(10)));
  EXPECT_TRUE(WIFSIGNALED(*status));
  EXPECT_EQ(WTERMSIG(*status), SIGKILL);
}

TEST(ChildWatcher, ReportsAChildThatEndedBeforeItWasWatched) {
  Loop loop;
  Child child(3);
  child.hold.reset();
  siginfo_t info;
  // Waits for its end without reaping it.
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WNOWAIT), 0);
  std::optional<int> status;
  ChildWatcher watcher(loop, child.pid, [&](int s) { status = s; });
  EXPECT_FALSE(status.has_value());
  ASSERT_TRUE(loop.runUntil([&] { return status.has_value(); }, seconds(10)));
  EXPECT_EQ(WEXITSTATUS(*status), 3);
}

TEST(ChildWatcher, KeepsSeveralChildrenApart) {
  Loop loop;
  Child one(1), two(2);
  std::optional<int> first, second;
  ChildWatcher watch_one(loop, one.pid, [&](int s) { first = s; });
  ChildWatcher watch_two(loop, two.pid, [&](int s) { second = s; });
  two.hold.reset();
  ASSERT_TRUE(loop.runUntil([&] { return second.has_value(); }, seconds(10)));
  EXPECT_EQ(WEXITSTATUS(*second), 2);
  EXPECT_FALSE(first.has_value());
  one.hold.reset();
  ASSERT_TRUE(loop.runUntil([&] { return first.has_value(); }, seconds(10)));
  EXPECT_EQ(WEXITSTATUS(*first), 1);
}

}  // namespace
}  // namespace vatmesh::event
