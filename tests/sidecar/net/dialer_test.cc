// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/dialer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "sidecar/net/listener.h"
#include "tests/fakes/temp_dir.h"

namespace vatmesh::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class DialerTest : public testing::Test {
 protected:
  // The outcome of one dial.
  Result<event::Fd> dial(const Address& address, const DialOptions& options = {}) {
    std::vector<Result<event::Fd>> results;
    auto pending = dialer_.dial(address, options,
                                [&](Result<event::Fd> r) { results.push_back(std::move(r)); });
    EXPECT_TRUE(results.empty());  // never inside dial
    if (!loop_.runUntil([&] { return !results.empty(); }, seconds(30))) {
      return Status(Code::kTimeout, "the test gave up");
    }
    return std::move(results[0]);
  }
  std::unique_ptr<Listener> listen(const Address& address) {
    auto listener = Listener::open(loop_, address, {},
                                   [this](Accepted a) { accepted_.push_back(std::move(a)); });
    EXPECT_TRUE(listener.ok()) << listener.status().toString();
    return *std::move(listener);
  }

  event::Loop loop_;
  Dialer dialer_{loop_};
  test::TempDir dir_;
  std::vector<Accepted> accepted_;
};

TEST_F(DialerTest, ConnectsToEveryKindOfAddress) {
  for (const Address& address :
       {Address::tcp("127.0.0.1", 0), Address::tcp("::1", 0), Address::unixPath(dir_ / "a.sock"),
        Address::unixAbstract("vatmesh-dial-" + std::to_string(::getpid()))}) {
    auto listener = listen(address);
    Result<event::Fd> fd = dial(listener->boundAddress());
    EXPECT_TRUE(fd.ok()) << fd.status().toString();
  }
}

TEST_F(DialerTest, ResolvesANameAndTriesAllItsAddresses) {
  // localhost may have ::1 first, where nobody listens.
  auto listener = listen(Address::tcp("127.0.0.1", 0));
  Result<event::Fd> fd = dial(Address::tcp("localhost", listener->boundAddress().port()));
  ASSERT_TRUE(fd.ok()) << fd.status().toString();
}

TEST_F(DialerTest, SetsTcpOptions) {
  auto listener = listen(Address::tcp("127.0.0.1", 0));
  DialOptions options;
  options.tcp.user_timeout = milliseconds(4321);
  Result<event::Fd> fd = dial(listener->boundAddress(), options);
  ASSERT_TRUE(fd.ok());
  int value = 0;
  socklen_t size = sizeof(value);
  ASSERT_EQ(::getsockopt(fd->get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size), 0);
  EXPECT_EQ(value, 4321);
}

TEST_F(DialerTest, SaysThatNobodyListens) {
  const Address address = listen(Address::tcp("127.0.0.1", 0))->boundAddress();
  Result<event::Fd> fd = dial(address);
  ASSERT_FALSE(fd.ok());
  EXPECT_EQ(fd.status().code(), Code::kUnavailable);
  EXPECT_EQ(fd.status().message(), "connect to 127.0.0.1:" + std::to_string(address.port()) +
                                       ": connection refused: is the program running and "
                                       "listening there?");
}

TEST_F(DialerTest, SaysThatASocketFileIsMissing) {
  Result<event::Fd> fd = dial(Address::unixPath(dir_ / "none.sock"));
  ASSERT_FALSE(fd.ok());
  EXPECT_EQ(fd.status().code(), Code::kUnavailable);
  EXPECT_EQ(fd.status().message().find((dir_ / "none.sock") + ": no such socket"), 0u);
}

TEST_F(DialerTest, SaysWhoMayUseASocketThatIsClosedToUs) {
  auto listener = listen(Address::unixPath(dir_ / "closed.sock"));
  ASSERT_EQ(::chmod((dir_ / "closed.sock").c_str(), 0), 0);
  // Root passes every mode.
  if (::geteuid() == 0 && ::seteuid(65532) != 0) GTEST_SKIP() << "runs as root";
  ::chmod(dir_.path().c_str(), 0755);
  Result<event::Fd> fd = dial(Address::unixPath(dir_ / "closed.sock"));
  ASSERT_EQ(::seteuid(::getuid()), 0);
  ASSERT_FALSE(fd.ok());
  EXPECT_EQ(fd.status().code(), Code::kRefused);
  const std::string text = fd.status().message();
  EXPECT_NE(text.find("permission denied"), std::string::npos) << text;
  EXPECT_NE(text.find(", we are "), std::string::npos) << text;
}

TEST_F(DialerTest, SaysThatANameIsUnknown) {
  Result<event::Fd> fd = dial(Address::tcp("no-such-host.invalid", 1));
  ASSERT_FALSE(fd.ok());
  EXPECT_EQ(fd.status().code(), Code::kUnavailable);
  EXPECT_EQ(fd.status().message().find("resolve no-such-host.invalid: "), 0u)
      << fd.status().message();
}

// A listener that doesn't accept and whose backlog is full: SYNs are dropped.
class FullListener {
 public:
  explicit FullListener(int family) : family_(family) {}
  // True once connections are no longer completed.
  bool fill(const Address& address) {
    const auto where = *numericAddress(address);
    listener_ = event::Fd(::socket(family_, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(listener_.get(), where->get(), where->length) != 0) return false;
    if (::listen(listener_.get(), 0) != 0) return false;
    Result<Address> bound = boundAddress(listener_.get());
    if (!bound.ok()) return false;
    address_ = *bound;
    for (int i = 0; i < 8; ++i) {
      const auto to = *numericAddress(*address_);
      fillers_.push_back(*makeSocket(family_));
      (void)::connect(fillers_.back().get(), to->get(), to->length);
    }
    return true;
  }
  const Address& address() const { return *address_; }
  void acceptAll() {
    while (event::Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK)).valid()) {
      if (--left_ == 0) return;
    }
  }

 private:
  int family_;
  int left_ = 1;
  event::Fd listener_;
  std::optional<Address> address_;
  std::vector<event::Fd> fillers_;
};

TEST_F(DialerTest, GivesUpAfterItsTimeout) {
  FullListener full(AF_INET);
  ASSERT_TRUE(full.fill(Address::tcp("127.0.0.1", 0)));
  DialOptions options;
  options.timeout = milliseconds(100);
  Result<event::Fd> fd = dial(full.address(), options);
  ASSERT_FALSE(fd.ok());
  EXPECT_EQ(fd.status().code(), Code::kTimeout);
  EXPECT_EQ(fd.status().message(),
            "connect to " + displayAddress(full.address()) +
                " timed out after 100ms: is the port exposed there, and does a network policy "
                "allow it?");
}

TEST_F(DialerTest, WaitsForRoomInTheBacklogOfAUnixListener) {
  FullListener full(AF_UNIX);
  ASSERT_TRUE(full.fill(Address::unixPath(dir_ / "full.sock")));
  std::optional<Result<event::Fd>> result;
  auto pending =
      dialer_.dial(full.address(), {}, [&](Result<event::Fd> r) { result.emplace(std::move(r)); });
  EXPECT_FALSE(loop_.runUntil([&] { return result.has_value(); }, milliseconds(50)));
  full.acceptAll();
  ASSERT_TRUE(loop_.runUntil([&] { return result.has_value(); }, seconds(10)));
  EXPECT_TRUE(result->ok()) << result->status().toString();
}

TEST_F(DialerTest, IsSilentWhenCancelled) {
  auto listener = listen(Address::tcp("127.0.0.1", 0));
  bool called = false;
  for (const Address& address : {listener->boundAddress(), Address::tcp("localhost", 1)}) {
    auto pending = dialer_.dial(address, {}, [&](Result<event::Fd>) { called = true; });
    // Cancelled at once, and after a few turns.
    const uint64_t turns = loop_.turns();
    pending.reset();
    (void)loop_.runUntil([&] { return loop_.turns() > turns + 1; }, milliseconds(50));
  }
  (void)loop_.runUntil([&] { return called; }, milliseconds(100));
  EXPECT_FALSE(called);
}

TEST_F(DialerTest, MayBeDestroyedByItsOwnCallback) {
  auto listener = listen(Address::unixPath(dir_ / "d.sock"));
  for (const Address& address : {listener->boundAddress(), Address::unixPath(dir_ / "none.sock"),
                                 Address::tcp("no-such-host.invalid", 1)}) {
    std::unique_ptr<Dial> pending;
    bool done = false;
    pending = dialer_.dial(address, {}, [&](Result<event::Fd>) {
      pending.reset();
      done = true;
    });
    EXPECT_TRUE(loop_.runUntil([&] { return done; }, seconds(30)));
  }
}

TEST(Dialer, DoesntWaitForALookUpWhenItDies) {
  event::Loop loop;
  bool called = false;
  std::unique_ptr<Dial> pending;
  {
    Dialer dialer(loop);
    pending = dialer.dial(Address::tcp("no-such-host.invalid", 1), {},
                          [&](Result<event::Fd>) { called = true; });
    const uint64_t turns = loop.turns();
    (void)loop.runUntil([&] { return loop.turns() > turns; }, seconds(1));
    pending.reset();
  }
  (void)loop.runUntil([&] { return called; }, milliseconds(20));
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace vatmesh::net
