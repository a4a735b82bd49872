// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include <gtest/gtest.h>

#include "tests/fakes/temp_dir.h"

namespace vatmesh::net {
namespace {

using std::chrono::seconds;

// A blocking client, so that a failure to connect shows at once.
event::Fd connectTo(const Address& address) {
  Result<std::optional<SocketAddress>> where = numericAddress(address);
  EXPECT_TRUE(where.ok() && where->has_value());
  event::Fd fd(::socket((*where)->family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), (*where)->get(), (*where)->length) != 0) return {};
  return fd;
}

class ListenerTest : public testing::Test {
 protected:
  Result<std::unique_ptr<Listener>> open(const Address& address, ListenOptions options = {}) {
    return Listener::open(
        loop_, address, options, [this](Accepted a) { accepted_.push_back(std::move(a)); },
        [this](const Status& s) { problems_.push_back(s); });
  }
  bool waitFor(size_t connections) {
    return loop_.runUntil([&] { return accepted_.size() >= connections; }, seconds(10));
  }
  mode_t modeOf(const std::string& path) {
    struct stat st;
    EXPECT_EQ(::lstat(path.c_str(), &st), 0);
    return st.st_mode & 07777u;
  }

  event::Loop loop_;
  test::TempDir dir_;
  std::vector<Accepted> accepted_;
  std::vector<Status> problems_;
};

TEST_F(ListenerTest, AcceptsOnEveryKindOfAddress) {
  const std::string name = "vatmesh-test-" + std::to_string(::getpid());
  for (const Address& address :
       {Address::tcp("127.0.0.1", 0), Address::tcp("::1", 0), Address::tcp("localhost", 0),
        Address::unixPath(dir_ / "a.sock"), Address::unixAbstract(name)}) {
    accepted_.clear();
    auto listener = open(address);
    ASSERT_TRUE(listener.ok()) << listener.status().toString();
    Address bound = (*listener)->boundAddress();
    if (bound.isTcp()) {
      EXPECT_NE(bound.port(), 0);
      EXPECT_EQ(bound.host(), address.host());
    }
    if (bound.host() == "localhost") {
      Result<Address> numeric = Address::parse("tcp:127.0.0.1:" + std::to_string(bound.port()));
      if (!connectTo(*numeric)) numeric = Address::tcp("::1", bound.port());
      bound = *numeric;
    }
    event::Fd client = connectTo(bound);
    ASSERT_TRUE(client.valid()) << bound.toString();
    ASSERT_TRUE(waitFor(1)) << bound.toString();
    EXPECT_TRUE(::fcntl(accepted_[0].fd.get(), F_GETFL) & O_NONBLOCK);
    EXPECT_EQ(accepted_[0].credentials.has_value(), !bound.isTcp());
    EXPECT_TRUE(accepted_[0].peer.isLoopback());
  }
}

TEST_F(ListenerTest, SetsTcpOptionsOnWhatItAccepts) {
  ListenOptions options;
  options.tcp.keepalive_after = seconds(123);
  auto listener = open(Address::tcp("127.0.0.1", 0), options);
  ASSERT_TRUE(listener.ok());
  event::Fd client = connectTo((*listener)->boundAddress());
  ASSERT_TRUE(waitFor(1));
  int value = 0;
  socklen_t size = sizeof(value);
  ASSERT_EQ(::getsockopt(accepted_[0].fd.get(), IPPROTO_TCP, TCP_KEEPIDLE, &value, &size), 0);
  EXPECT_EQ(value, 123);
}

TEST_F(ListenerTest, GivesASocketFileExactlyItsMode) {
  const mode_t old = ::umask(0077);
  ListenOptions options;
  options.mode = 0666;
  auto open_to_all = open(Address::unixPath(dir_ / "all.sock"), options);
  auto ours = open(Address::unixPath(dir_ / "ours.sock"));
  ::umask(old);
  ASSERT_TRUE(open_to_all.ok() && ours.ok());
  EXPECT_EQ(modeOf(dir_ / "all.sock"), 0666u);
  EXPECT_EQ(modeOf(dir_ / "ours.sock"), 0600u);
}

TEST_F(ListenerTest, MakesMissingFolders) {
  const mode_t old = ::umask(0);
  auto listener = open(Address::unixPath(dir_ / "a/b/c.sock"));
  ::umask(old);
  ASSERT_TRUE(listener.ok()) << listener.status().toString();
  EXPECT_EQ(modeOf(dir_ / "a"), 0755u);
  EXPECT_EQ(modeOf(dir_ / "a/b"), 0755u);
}

TEST_F(ListenerTest, ReplacesASocketThatNobodyServes) {
  const std::string path = dir_ / "stale.sock";
  {
    event::Fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    const auto where = *numericAddress(Address::unixPath(path));
    ASSERT_EQ(::bind(dead.get(), where->get(), where->length), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  auto listener = open(Address::unixPath(path));
  ASSERT_TRUE(listener.ok()) << listener.status().toString();
  EXPECT_TRUE(connectTo(Address::unixPath(path)).valid());
}

TEST_F(ListenerTest, LeavesASocketThatSomebodyServes) {
  auto first = open(Address::unixPath(dir_ / "used.sock"));
  ASSERT_TRUE(first.ok());
  auto second = open(Address::unixPath(dir_ / "used.sock"));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), Code::kUnavailable);
  EXPECT_TRUE(connectTo(Address::unixPath(dir_ / "used.sock")).valid());
}

TEST_F(ListenerTest, NeverRemovesAnotherKindOfFile) {
  const std::string path = dir_ / "precious";
  std::ofstream(path) << "data";
  auto listener = open(Address::unixPath(path));
  ASSERT_FALSE(listener.ok());
  EXPECT_EQ(listener.status().code(), Code::kInvalidArgument);
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
  // Nor what a symlink leads to, nor the symlink.
  std::filesystem::create_symlink(path, dir_ / "link");
  EXPECT_FALSE(open(Address::unixPath(dir_ / "link")).ok());
  EXPECT_TRUE(std::filesystem::is_symlink(dir_ / "link"));
}

TEST_F(ListenerTest, RemovesItsSocketFileAtTheEndButNotAnotherOnes) {
  const std::string path = dir_ / "mine.sock";
  auto listener = open(Address::unixPath(path));
  ASSERT_TRUE(listener.ok());
  listener->reset();
  EXPECT_FALSE(std::filesystem::exists(path));

  listener = open(Address::unixPath(path));
  ASSERT_TRUE(listener.ok());
  std::filesystem::rename(path, dir_ / "moved.sock");
  std::ofstream(path) << "another";
  listener->reset();
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ListenerTest, SaysThatAPortIsTaken) {
  auto first = open(Address::tcp("127.0.0.1", 0));
  ASSERT_TRUE(first.ok());
  auto second = open((*first)->boundAddress());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), Code::kUnavailable);
  EXPECT_NE(second.status().message().find((*first)->boundAddress().toString()), std::string::npos);
}

TEST_F(ListenerTest, SaysThatAnAddressIsNotOfThisHost) {
  auto listener = open(Address::tcp("192.0.2.1", 0));
  ASSERT_FALSE(listener.ok());
  EXPECT_EQ(listener.status().code(), Code::kInvalidArgument);
}

TEST_F(ListenerTest, KeepsConnectionsWaitingWhilePaused) {
  auto listener = open(Address::unixPath(dir_ / "p.sock"));
  ASSERT_TRUE(listener.ok());
  (*listener)->pause();
  event::Fd client = connectTo((*listener)->boundAddress());
  ASSERT_TRUE(client.valid());
  EXPECT_FALSE(loop_.runUntil([&] { return !accepted_.empty(); }, std::chrono::milliseconds(20)));
  (*listener)->resume();
  EXPECT_TRUE(waitFor(1));
}

TEST_F(ListenerTest, PausesAndGoesOnWhenDescriptorsRunOut) {
  auto listener = open(Address::unixPath(dir_ / "f.sock"));
  ASSERT_TRUE(listener.ok());
  event::Fd client = connectTo((*listener)->boundAddress());
  ASSERT_TRUE(client.valid());
  rlimit old;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  // The next descriptor would be the lowest free one.
  const int next = ::dup(client.get());
  ::close(next);
  rlimit tight = old;
  tight.rlim_cur = static_cast<rlim_t>(next);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  const bool told = loop_.runUntil([&] { return !problems_.empty(); }, seconds(10));
  // It doesn't spin: within a pause only a few turns run.
  const uint64_t turns = loop_.turns();
  (void)loop_.runUntil([] { return false; }, Listener::kPause / 2);
  EXPECT_LT(loop_.turns() - turns, 5u);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
  ASSERT_TRUE(told);
  EXPECT_EQ(problems_[0].code(), Code::kOverloaded);
  EXPECT_TRUE(waitFor(1));
  EXPECT_EQ(problems_.size(), 1u);
}

}  // namespace
}  // namespace vatmesh::net
