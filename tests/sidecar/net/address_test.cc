// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/address.h"

#include <gtest/gtest.h>

namespace vatmesh::net {
namespace {

TEST(Address, PrintsWhatItParses) {
  for (const char* text :
       {"tcp:127.0.0.1:7000", "tcp:orders.shop:0", "tcp:localhost:65535", "tcp:[::1]:7000",
        "tcp:[fe80::1%eth0]:1", "tcp:my_host-1.x:80", "unix:/run/app.sock", "unix:run/app.sock",
        "unix:with space:and colon", "unix-abstract:calc", "unix-abstract:/a/b"}) {
    Result<Address> address = Address::parse(text);
    ASSERT_TRUE(address.ok()) << text << ": " << address.status().toString();
    EXPECT_EQ(address->toString(), text);
    EXPECT_EQ(*Address::parse(address->toString()), *address);
  }
}

TEST(Address, TakesTheHostOutOfItsBrackets) {
  Result<Address> address = Address::parse("tcp:[2001:db8::1]:7000");
  ASSERT_TRUE(address.ok());
  EXPECT_EQ(address->host(), "2001:db8::1");
  EXPECT_EQ(address->port(), 7000);
}

TEST(Address, SaysWhatWouldBeRight) {
  struct Case {
    const char* text;
    const char* remedy;
  };
  for (const Case& c : {
           Case{"127.0.0.1:5000", "write tcp:127.0.0.1:5000"},
           {"[::1]:5000", "write tcp:[::1]:5000"},
           {"/run/app.sock", "write unix:/run/app.sock"},
           {"./app.sock", "write unix:./app.sock"},
           {"@calc", "write unix-abstract:calc"},
           {"", "write tcp:HOST:PORT"},
           {"http://x", "write tcp:HOST:PORT"},
           {"tcp:localhost", "no port"},
           {"tcp::7000", "tcp:0.0.0.0:PORT"},
           {"tcp:::1:7000", "tcp:[::1]:PORT"},
           {"tcp:[::1]", "tcp:[::1]:PORT"},
           {"tcp:[localhost]:1", "no IPv6 address"},
           {"tcp:1.2.3:80", "no IPv4 address"},
           {"tcp:256.1.1.1:80", "no IPv4 address"},
           {"tcp:a b:80", "a host has only"},
           {"tcp:h:65536", "0 to 65535"},
           {"tcp:h:-1", "0 to 65535"},
           {"tcp:h:", "0 to 65535"},
           {"tcp:h:0x50", "0 to 65535"},
           {"tcp:h:80 ", "0 to 65535"},
           {"unix:", "write unix:PATH"},
           {"unix-abstract:", "write unix-abstract:NAME"},
       }) {
    Result<Address> address = Address::parse(c.text);
    ASSERT_FALSE(address.ok()) << c.text;
    EXPECT_EQ(address.status().code(), Code::kInvalidArgument);
    EXPECT_NE(address.status().message().find(c.remedy), std::string::npos)
        << c.text << " -> " << address.status().message();
  }
  EXPECT_FALSE(Address::parse(std::string_view("unix:/a\0b", 9)).ok());
  EXPECT_FALSE(Address::parse("unix-abstract:" + std::string(108, 'x')).ok());
}

TEST(Address, KnowsLoopbackAndWildcards) {
  struct Case {
    const char* text;
    bool loopback, wildcard;
  };
  for (const Case& c : {Case{"tcp:127.0.0.1:1", true, false},
                        {"tcp:127.9.9.9:1", true, false},
                        {"tcp:[::1]:1", true, false},
                        {"tcp:[::ffff:127.0.0.1]:1", true, false},
                        {"tcp:localhost:1", true, false},
                        {"tcp:0.0.0.0:1", false, true},
                        {"tcp:[::]:1", false, true},
                        {"tcp:[0:0::0]:1", false, true},
                        {"tcp:10.0.0.1:1", false, false},
                        {"tcp:127.0.0.1.example.com:1", false, false},
                        {"tcp:orders.shop:1", false, false},
                        {"unix:/x", true, false},
                        {"unix-abstract:x", true, false}}) {
    Result<Address> address = Address::parse(c.text);
    ASSERT_TRUE(address.ok()) << c.text;
    EXPECT_EQ(address->isLoopback(), c.loopback) << c.text;
    EXPECT_EQ(address->isWildcard(), c.wildcard) << c.text;
  }
}

TEST(Address, ChangesItsPortAlone) {
  EXPECT_EQ(Address::tcp("::1", 0).withPort(7).toString(), "tcp:[::1]:7");
}

}  // namespace
}  // namespace vatmesh::net
