// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <optional>
#include <random>

#include <gtest/gtest.h>

#include "rpc/base/encoding.h"
#include "sidecar/net/dialer.h"
#include "sidecar/net/listener.h"
#include "sidecar/tls/context.h"
#include "tests/fakes/tls_pair.h"

namespace vatmesh::tls {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::frameOf;
using test::TlsEnd;
using test::Words;

constexpr const char* kKeys[] = {"ed25519-pkcs8",  "ec-P-256-pkcs8", "ec-P-384-pkcs8",
                                 "ec-P-521-pkcs8", "rsa2048-pkcs8",  "rsa3072-pkcs8"};

class TlsTest : public testing::Test {
 protected:
  std::shared_ptr<TlsContext> context(const KeyPair& key, TlsOptions options = {}) {
    auto made = TlsContext::create(key, options, pool_);
    EXPECT_TRUE(made.ok()) << made.status().toString();
    return *made;
  }
  net::SocketPair sockets() { return *net::makeSocketPair(); }

  void connect(TlsContext& client, TlsContext& server, const std::string& expected) {
    net::SocketPair pair = sockets();
    client_.emplace(loop_, pool_, client.client(std::move(pair.first), expected, "calc:7000"));
    server_.emplace(loop_, pool_, server.server(std::move(pair.second)));
    client_->stream.start(seconds(20));
    server_->stream.start(seconds(20));
  }
  void connectEd25519() {
    const KeyPair server = KeyPair::generate();
    connect(*context(KeyPair::generate()), *context(server), server.fingerprint());
    ASSERT_TRUE(opened());
  }
  bool opened() {
    return until([&] { return client_->recorder.opened && server_->recorder.opened; });
  }
  bool until(const std::function<bool()>& done) { return loop_.runUntil(done, seconds(30)); }

  event::Loop loop_;
  wire::BufferPool pool_;
  wire::FramePool frames_;
  std::optional<TlsEnd> client_, server_;
};

TEST_F(TlsTest, KnowsBothSidesByTheirKeysWhateverTheirKind) {
  for (const char* client_key : kKeys) {
    for (const char* server_key : kKeys) {
      const KeyPair client = test::testKey(client_key), server = test::testKey(server_key);
      for (MinTls lowest : {MinTls::k13, MinTls::k12}) {
        connect(*context(client, {lowest}), *context(server, {lowest}), server.fingerprint());
        ASSERT_TRUE(opened()) << client_key << " " << server_key;
        EXPECT_EQ(server_->stream.peerFingerprint(), client.fingerprint());
        EXPECT_EQ(client_->stream.peerFingerprint(), server.fingerprint());
      }
    }
  }
}

TEST_F(TlsTest, CarriesMessagesBothWays) {
  connectEd25519();
  client_->stream.send(frameOf(frames_, {1, 2, 3}));
  server_->stream.send(frameOf(frames_, {4, 5}));
  ASSERT_TRUE(
      until([&] { return client_->recorder.messages == 1 && server_->recorder.messages == 1; }));
  EXPECT_EQ(server_->recorder.content[0].back(), 3u);
  EXPECT_EQ(client_->recorder.content[0].back(), 5u);
}

TEST_F(TlsTest, CarriesManyMegabytesBothWaysAtOnceByteForByte) {
  connectEd25519();
  std::mt19937_64 random(3);
  std::vector<Words> sent;
  size_t bytes = 0;
  for (size_t i = 0; bytes < (16u << 20); ++i) {
    // From one word to a megabyte, so that records are joined and cut.
    Words words(1 + random() % (size_t{1} << (i % 18)));
    for (uint64_t& word : words) word = random();
    wire::FrameRef to_server = frameOf(frames_, words);
    bytes += to_server->sizeBytes();
    client_->stream.send(std::move(to_server));
    server_->stream.send(frameOf(frames_, words));
    sent.push_back(std::move(words));
  }
  ASSERT_TRUE(until([&] {
    return server_->recorder.messages == sent.size() && client_->recorder.messages == sent.size();
  }));
  for (TlsEnd* end : {&*client_, &*server_}) {
    for (size_t i = 0; i < sent.size(); ++i) {
      const Words& got = end->recorder.content[i];
      ASSERT_EQ(got.size(), sent[i].size() + 1);  // the root
      ASSERT_TRUE(std::equal(sent[i].begin(), sent[i].end(), got.begin() + 1)) << i;
    }
    ASSERT_TRUE(until([&] { return end->stream.queuedBytes() == 0; }));
    EXPECT_EQ(end->recorder.flushed, bytes);
  }
}

TEST_F(TlsTest, GivesItsBuffersBackWhenNothingIsUnderWay) {
  connectEd25519();
  for (int i = 0; i < 50; ++i) client_->stream.send(frameOf(frames_, Words(5000)));
  ASSERT_TRUE(until([&] { return server_->recorder.messages == 50; }));
  server_->stream.send(frameOf(frames_, {1}));
  ASSERT_TRUE(until([&] { return client_->recorder.messages == 1; }));
  (void)loop_.runUntil([] { return false; }, milliseconds(10));
  EXPECT_EQ(pool_.bytesInUse(), 0u);
}

TEST_F(TlsTest, CountsAsFlushedOnlyWhatTheKernelTook) {
  connectEd25519();
  server_->stream.pauseReading();
  size_t bytes = 0;
  for (int i = 0; i < 400; ++i) {
    wire::FrameRef frame = frameOf(frames_, Words(1000));
    bytes += frame->sizeBytes();
    client_->stream.send(std::move(frame));
  }
  (void)loop_.runUntil([] { return false; }, milliseconds(30));
  EXPECT_GT(client_->transport->unsentBytes(), 0u);
  EXPECT_GE(client_->stream.queuedBytes() + 2048, client_->transport->unsentBytes());
  EXPECT_EQ(client_->recorder.flushed + client_->stream.queuedBytes(), bytes);
  server_->stream.resumeReading();
  ASSERT_TRUE(until([&] { return client_->stream.queuedBytes() == 0; }));
}

TEST_F(TlsTest, RefusesAServerWithAnotherKey) {
  const KeyPair server = KeyPair::generate(), other = KeyPair::generate();
  connect(*context(KeyPair::generate()), *context(server), other.fingerprint());
  ASSERT_TRUE(until([&] { return client_->recorder.closed && server_->recorder.closed; }));
  EXPECT_EQ(client_->recorder.opened, 0);
  EXPECT_EQ(client_->recorder.closed->code(), Code::kRefused);
  auto shown = [](const KeyPair& key) {
    return "sha-256:" + base64UrlEncode(bytesOf(key.fingerprint())).substr(0, 10) + "…";
  };
  EXPECT_EQ(client_->recorder.closed->message(),
            "calc:7000 showed key " + shown(server) + ", the URI expects " + shown(other) +
                ": its key was made anew or rotated; ask its owner for a new URI");
  EXPECT_EQ(server_->recorder.messages, 0u);
}

TEST_F(TlsTest, RefusesEveryKeyWhenTheExpectedFingerprintHasAnotherLength) {
  const KeyPair server = KeyPair::generate();
  for (const std::string& expected :
       {std::string(), server.fingerprint().substr(0, 31), server.fingerprint() + "x"}) {
    connect(*context(KeyPair::generate()), *context(server), expected);
    ASSERT_TRUE(until([&] { return client_->recorder.closed.has_value(); }));
    EXPECT_EQ(client_->recorder.closed->code(), Code::kRefused);
  }
}

TEST_F(TlsTest, AgreesOnTls13WhenOneSideAlsoTakesTls12) {
  const KeyPair server = KeyPair::generate();
  for (bool client_is_old : {true, false}) {
    connect(*context(KeyPair::generate(), {client_is_old ? MinTls::k12 : MinTls::k13}),
            *context(server, {client_is_old ? MinTls::k13 : MinTls::k12}), server.fingerprint());
    EXPECT_TRUE(opened());
  }
}

TEST_F(TlsTest, RecognisesAPeerThatSpeaksNoTls) {
  const std::vector<uint8_t> hello = test::rawFrame({1, 2, 3});
  const auto server = context(KeyPair::generate());
  net::SocketPair pair = sockets();
  server_.emplace(loop_, pool_, server->server(std::move(pair.first)));
  server_->stream.start(seconds(20));
  ASSERT_EQ(::send(pair.second.get(), hello.data(), hello.size(), 0),
            static_cast<ssize_t>(hello.size()));
  ASSERT_TRUE(until([&] { return server_->recorder.closed.has_value(); }));
  EXPECT_EQ(server_->recorder.closed->message(),
            "peer sent no TLS: a stock client? give it an import socket, or a listener with tls: "
            "off");

  net::SocketPair other = sockets();
  client_.emplace(loop_, pool_, server->client(std::move(other.first), std::string(32, 'x'), "x"));
  client_->stream.start(seconds(20));
  ASSERT_EQ(::send(other.second.get(), hello.data(), hello.size(), 0),
            static_cast<ssize_t>(hello.size()));
  ASSERT_TRUE(until([&] { return client_->recorder.closed.has_value(); }));
  EXPECT_EQ(client_->recorder.closed->message().find("peer sent no TLS: "), 0u);
}

TEST_F(TlsTest, SaysThatThePeerLeftDuringTheHandshake) {
  const auto any = context(KeyPair::generate());
  for (bool dials : {true, false}) {
    net::SocketPair pair = sockets();
    auto transport = dials ? any->client(std::move(pair.first), std::string(32, 'x'), "x")
                           : any->server(std::move(pair.first));
    client_.emplace(loop_, pool_, std::move(transport));
    client_->stream.start(seconds(20));
    pair.second.reset();
    ASSERT_TRUE(until([&] { return client_->recorder.closed.has_value(); }));
    EXPECT_EQ(client_->recorder.closed->code(), Code::kDisconnected)
        << client_->recorder.closed->toString();
  }
}

TEST_F(TlsTest, GivesUpAHandshakeThatTakesTooLong) {
  net::SocketPair pair = sockets();
  server_.emplace(loop_, pool_, context(KeyPair::generate())->server(std::move(pair.first)));
  server_->stream.start(milliseconds(30));
  ASSERT_TRUE(until([&] { return server_->recorder.closed.has_value(); }));
  EXPECT_EQ(server_->recorder.closed->code(), Code::kTimeout);
}

TEST_F(TlsTest, EndsInAnOrderlyWayAfterEverythingIsWritten) {
  connectEd25519();
  for (int i = 0; i < 100; ++i) client_->stream.send(frameOf(frames_, Words(1000)));
  client_->stream.closeAfterFlush();
  ASSERT_TRUE(until([&] { return client_->recorder.closed && server_->recorder.closed; }));
  EXPECT_TRUE(client_->recorder.closed->ok()) << client_->recorder.closed->toString();
  EXPECT_EQ(server_->recorder.messages, 100u);
  EXPECT_EQ(server_->recorder.closed->message(), "the peer closed the connection");
}

TEST_F(TlsTest, TreatsAnEndWithoutCloseNotifyAsAnEnd) {
  connectEd25519();
  client_->stream.send(frameOf(frames_, {1}));
  ASSERT_TRUE(until([&] { return server_->recorder.messages == 1; }));
  ::shutdown(client_->transport->fd(), SHUT_WR);
  ASSERT_TRUE(until([&] { return server_->recorder.closed.has_value(); }));
  EXPECT_EQ(server_->recorder.closed->message(), "the peer closed the connection");
}

TEST_F(TlsTest, NoticesBytesThatSomebodyChanged) {
  connectEd25519();
  const uint8_t forged[] = {23, 3,  3,  0,  20, 1,  2,  3,  4,  5,  6,  7, 8,
                            9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
  ASSERT_EQ(::send(client_->transport->fd(), forged, sizeof(forged), 0),
            static_cast<ssize_t>(sizeof(forged)));
  ASSERT_TRUE(until([&] { return server_->recorder.closed.has_value(); }));
  EXPECT_EQ(server_->recorder.closed->code(), Code::kProtocol);
  EXPECT_EQ(server_->recorder.messages, 0u);
}

TEST_F(TlsTest, SurvivesAHandshakeThatArrivesByteByByte) {
  // A relay between the two that passes on one byte in each turn.
  const KeyPair server = KeyPair::generate();
  net::SocketPair left = sockets(), right = sockets();
  client_.emplace(
      loop_, pool_,
      context(KeyPair::generate())->client(std::move(left.first), server.fingerprint(), "x"));
  server_.emplace(loop_, pool_, context(server)->server(std::move(right.first)));
  auto pass = [](int from, int to) {
    char byte;
    if (::recv(from, &byte, 1, MSG_DONTWAIT) == 1) {
      ASSERT_EQ(::send(to, &byte, 1, 0), 1);
    }
  };
  event::NextTurn relay(loop_, [&] {
    pass(left.second.get(), right.second.get());
    pass(right.second.get(), left.second.get());
    relay.arm();
  });
  relay.arm();
  client_->stream.start(seconds(20));
  server_->stream.start(seconds(20));
  client_->stream.send(frameOf(frames_, {7}));
  ASSERT_TRUE(until([&] { return server_->recorder.messages == 1; }));
  EXPECT_EQ(server_->recorder.content[0].back(), 7u);
}

TEST_F(TlsTest, WorksOverTcp) {
  const KeyPair server_key = KeyPair::generate();
  const auto server = context(server_key), client = context(KeyPair::generate());
  auto listener = net::Listener::open(
      loop_, net::Address::tcp("127.0.0.1", 0), {}, [&](net::Accepted accepted) {
        server_.emplace(loop_, pool_, server->server(std::move(accepted.fd)));
        server_->stream.start(seconds(20));
      });
  ASSERT_TRUE(listener.ok());
  net::Dialer dialer(loop_);
  auto dial = dialer.dial((*listener)->boundAddress(), {}, [&](Result<event::Fd> fd) {
    ASSERT_TRUE(fd.ok()) << fd.status().toString();
    client_.emplace(loop_, pool_,
                    client->client(*std::move(fd), server_key.fingerprint(), "localhost"));
    client_->stream.start(seconds(20));
    client_->stream.send(frameOf(frames_, Words(100000, 9)));
  });
  ASSERT_TRUE(until([&] { return server_ && server_->recorder.messages == 1; }));
  EXPECT_EQ(server_->recorder.content[0].size(), 100001u);
}

}  // namespace
}  // namespace vatmesh::tls
