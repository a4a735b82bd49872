// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace vatmesh::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

TEST(TcpOptions, AreSetAsLinuxCountsThem) {
  Result<event::Fd> fd = makeSocket(AF_INET);
  ASSERT_TRUE(fd.ok());
  TcpOptions options;
  options.keepalive_after = milliseconds(1500);  // rounded up
  options.keepalive_interval = seconds(7);
  options.keepalive_probes = 4;
  options.user_timeout = milliseconds(12345);
  ASSERT_TRUE(applyTcpOptions(fd->get(), options).ok());
  EXPECT_EQ(option(fd->get(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(fd->get(), IPPROTO_TCP, TCP_KEEPIDLE), 2);
  EXPECT_EQ(option(fd->get(), IPPROTO_TCP, TCP_KEEPINTVL), 7);
  EXPECT_EQ(option(fd->get(), IPPROTO_TCP, TCP_KEEPCNT), 4);
  EXPECT_EQ(option(fd->get(), IPPROTO_TCP, TCP_USER_TIMEOUT), 12345);
  EXPECT_EQ(option(fd->get(), IPPROTO_TCP, TCP_NODELAY), 1);
}

TEST(TcpOptions, CanLeaveDelayOn) {
  Result<event::Fd> fd = makeSocket(AF_INET);
  ASSERT_TRUE(fd.ok());
  TcpOptions options;
  options.no_delay = false;
  ASSERT_TRUE(applyTcpOptions(fd->get(), options).ok());
  EXPECT_EQ(option(fd->get(), IPPROTO_TCP, TCP_NODELAY), 0);
}

TEST(TcpOptions, DontConcernUnixSockets) {
  Result<SocketPair> pair = makeSocketPair();
  ASSERT_TRUE(pair.ok());
  EXPECT_TRUE(applyTcpOptions(pair->first.get(), {}).ok());
}

TEST(TcpOptions, NameTheOptionThatTheSystemRefuses) {
  Result<event::Fd> fd = makeSocket(AF_INET);
  ASSERT_TRUE(fd.ok());
  TcpOptions options;
  options.keepalive_probes = 100000;
  const Status status = applyTcpOptions(fd->get(), options);
  EXPECT_NE(status.message().find("TCP_KEEPCNT"), std::string::npos) << status.toString();
}

TEST(NumericAddress, LeavesNamesToTheResolver) {
  Result<std::optional<SocketAddress>> named = numericAddress(Address::tcp("localhost", 1));
  ASSERT_TRUE(named.ok());
  EXPECT_FALSE(named->has_value());
}

TEST(NumericAddress, ComesBackAsTheSameAddress) {
  for (const char* text :
       {"tcp:127.0.0.1:7000", "tcp:[::1]:7000", "unix:/run/a.sock", "unix-abstract:calc"}) {
    const Address address = *Address::parse(text);
    Result<std::optional<SocketAddress>> converted = numericAddress(address);
    ASSERT_TRUE(converted.ok() && converted->has_value()) << text;
    EXPECT_EQ(addressOf(**converted).toString(), text);
  }
}

TEST(NumericAddress, ShowsMappedIpv4AsPeopleKnowIt) {
  Result<std::optional<SocketAddress>> mapped = numericAddress(Address::tcp("::ffff:10.1.2.3", 5));
  ASSERT_TRUE(mapped.ok() && mapped->has_value());
  EXPECT_EQ(displayAddress(addressOf(**mapped)), "10.1.2.3:5");
}

TEST(NumericAddress, SaysThatAUnixPathIsTooLong) {
  EXPECT_TRUE(numericAddress(Address::unixPath(std::string(107, 'x'))).ok());
  Result<std::optional<SocketAddress>> result =
      numericAddress(Address::unixPath(std::string(108, 'x')));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), Code::kInvalidArgument);
  EXPECT_NE(result.status().message().find("at most 107 bytes"), std::string::npos);
}

TEST(DisplayAddress, IsShort) {
  EXPECT_EQ(displayAddress(Address::tcp("::1", 7000)), "[::1]:7000");
  EXPECT_EQ(displayAddress(Address::unixPath("/run/x")), "/run/x");
  EXPECT_EQ(displayAddress(Address::unixAbstract("x")), "@x");
  EXPECT_EQ(displayAddress(Address::unixPath("")), "a local program");
}

TEST(AdoptSocket, MakesAnInheritedSocketNonBlocking) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  event::Fd near(ends[0]), far(ends[1]);
  ASSERT_TRUE(adoptSocket(near.get()).ok());
  EXPECT_TRUE(::fcntl(near.get(), F_GETFL) & O_NONBLOCK);
  EXPECT_TRUE(::fcntl(near.get(), F_GETFD) & FD_CLOEXEC);
}

TEST(AdoptSocket, RefusesWhatIsNoStreamSocket) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  event::Fd read(ends[0]), write(ends[1]);
  EXPECT_EQ(adoptSocket(read.get()).code(), Code::kInvalidArgument);
  event::Fd datagram(::socket(AF_UNIX, SOCK_DGRAM, 0));
  EXPECT_EQ(adoptSocket(datagram.get()).code(), Code::kInvalidArgument);
  EXPECT_EQ(adoptSocket(1000).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace vatmesh::net
