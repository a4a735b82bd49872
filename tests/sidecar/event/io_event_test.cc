// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/io_event.h"

#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace vatmesh::event {
namespace {

using std::chrono::seconds;

class IoEventTest : public testing::Test {
 protected:
  IoEventTest() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    near_ = Fd(ends[0]);
    far_ = Fd(ends[1]);
  }
  Loop loop_;
  Fd near_, far_;
};

TEST_F(IoEventTest, CallsBackInEachTurnAsLongAsTheDescriptorIsReady) {
  int calls = 0;
  IoEvent io(loop_, near_.get(), [&] { ++calls; });
  io.watch(Interest::kRead);
  ASSERT_EQ(::write(far_.get(), "x", 1), 1);
  EXPECT_TRUE(loop_.runUntil([&] { return calls == 3; }, seconds(5)));
}

TEST_F(IoEventTest, TellsReadingAndWritingApart) {
  int readable = 0, writable = 0;
  IoEvent io(loop_, near_.get(), [&] { ++readable; }, [&] { ++writable; });
  io.watch(Interest::kWrite);
  ASSERT_TRUE(loop_.runUntil([&] { return writable > 0; }, seconds(5)));
  EXPECT_EQ(readable, 0);
  const int before = writable;
  ASSERT_EQ(::write(far_.get(), "x", 1), 1);
  io.watch(Interest::kRead);
  ASSERT_TRUE(loop_.runUntil([&] { return readable > 0; }, seconds(5)));
  EXPECT_EQ(writable, before);
}

TEST_F(IoEventTest, IsSilentInTheSameTurnWhenItIsNoLongerWatched) {
  // Both are ready in one turn; whichever comes first silences the other.
  int calls = 0;
  std::unique_ptr<IoEvent> first, second;
  first = std::make_unique<IoEvent>(loop_, near_.get(), [&] {
    ++calls;
    second->watch(Interest::kNone);
  });
  second = std::make_unique<IoEvent>(loop_, far_.get(), [&] {
    ++calls;
    first->watch(Interest::kNone);
  });
  ASSERT_EQ(::write(far_.get(), "x", 1), 1);
  ASSERT_EQ(::write(near_.get(), "x", 1), 1);
  first->watch(Interest::kRead);
  second->watch(Interest::kRead);
  const uint64_t turn = loop_.turns();
  ASSERT_TRUE(loop_.runUntil([&] { return calls > 0; }, seconds(5)));
  EXPECT_EQ(loop_.turns(), turn + 1);
  EXPECT_EQ(calls, 1);
}

TEST_F(IoEventTest, TellsAHangUpToAReader) {
  bool readable = false;
  IoEvent io(loop_, near_.get(), [&] { readable = true; });
  io.watch(Interest::kRead);
  far_.reset();
  EXPECT_TRUE(loop_.runUntil([&] { return readable; }, seconds(5)));
}

TEST(Fd, ClosesWhatItOwnsOnce) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  Fd read(ends[0]);
  {
    Fd write(ends[1]);
    Fd moved(std::move(write));
    EXPECT_FALSE(write.valid());
    EXPECT_EQ(moved.get(), ends[1]);
  }
  char byte;
  EXPECT_EQ(::read(read.get(), &byte, 1), 0);  // the last writer is gone
}

}  // namespace
}  // namespace vatmesh::event
