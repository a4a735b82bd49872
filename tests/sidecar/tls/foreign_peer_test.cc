// SPDX-License-Identifier: Apache-2.0
//
// Peers that do what our own transport never does: no certificate, old versions, a close_notify
// while they go on reading.
#include <sys/socket.h>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>

#include "tests/fakes/tls_pair.h"

namespace vatmesh::tls {
namespace {

using std::chrono::seconds;

// A blocking-free client made of BoringSSL alone, over its socket BIO.
class ForeignClient {
 public:
  ForeignClient(event::Fd fd, uint16_t max_version, const KeyPair* key)
      : fd_(std::move(fd)), context_(SSL_CTX_new(TLS_with_buffers_method())) {
    SSL_CTX_set_max_proto_version(context_.get(), max_version);
    const uint16_t all[] = {SSL_SIGN_ED25519, SSL_SIGN_ECDSA_SECP256R1_SHA256};
    SSL_CTX_set_verify_algorithm_prefs(context_.get(), all, 2);
    SSL_CTX_set_custom_verify(context_.get(), SSL_VERIFY_PEER,
                              [](SSL*, uint8_t*) { return ssl_verify_ok; });
    if (key != nullptr) {
      bssl::UniquePtr<CRYPTO_BUFFER> der(
          CRYPTO_BUFFER_new(reinterpret_cast<const uint8_t*>(key->certificate().data()),
                            key->certificate().size(), nullptr));
      CRYPTO_BUFFER* chain[] = {der.get()};
      SSL_CTX_set_chain_and_key(context_.get(), chain, 1, key->key(), nullptr);
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), fd_.get());
    SSL_set_connect_state(ssl_.get());
  }

  // Steps that end with true when done; errors are kept.
  bool handshake() { return step(SSL_do_handshake(ssl_.get())); }
  bool write(const std::vector<uint8_t>& bytes) {
    return step(SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())));
  }
  bool read() {
    uint8_t buffer[4096];
    const int n = SSL_read(ssl_.get(), buffer, sizeof(buffer));
    if (n > 0) got_ += static_cast<size_t>(n);
    return step(n);
  }
  void closeNotify() { SSL_shutdown(ssl_.get()); }
  bool failed() const { return failed_; }
  bool sawCloseNotify() const { return SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN; }
  size_t got() const { return got_; }
  const std::string& reason() const { return reason_; }
  SSL* ssl() { return ssl_.get(); }

 private:
  bool step(int result) {
    if (result > 0) return true;
    const int kind = SSL_get_error(ssl_.get(), result);
    if (kind != SSL_ERROR_WANT_READ && kind != SSL_ERROR_WANT_WRITE) {
      failed_ = true;
      if (ERR_peek_error() != 0) reason_ = ERR_reason_error_string(ERR_peek_error());
    }
    ERR_clear_error();
    return false;
  }

  event::Fd fd_;
  bssl::UniquePtr<SSL_CTX> context_;
  bssl::UniquePtr<SSL> ssl_;
  bool failed_ = false;
  std::string reason_;
  size_t got_ = 0;
};

class ForeignPeerTest : public testing::Test {
 protected:
  void start(uint16_t max_version, const KeyPair* key, MinTls lowest = MinTls::k13) {
    auto context = TlsContext::create(server_key_, {lowest}, pool_);
    ASSERT_TRUE(context.ok());
    net::SocketPair pair = *net::makeSocketPair();
    server_.emplace(loop_, pool_, (*context)->server(std::move(pair.first)));
    server_->stream.start(seconds(20));
    client_.emplace(std::move(pair.second), max_version, key);
  }
  // Lets the foreign client try `step` in every turn until `done`.
  bool drive(const std::function<void()>& step, const std::function<bool()>& done) {
    event::NextTurn next(loop_, [&] {
      step();
      next.arm();
    });
    next.arm();
    return loop_.runUntil(done, seconds(20));
  }

  event::Loop loop_;
  wire::BufferPool pool_;
  wire::FramePool frames_;
  KeyPair server_key_ = KeyPair::generate();
  std::optional<test::TlsEnd> server_;
  std::optional<ForeignClient> client_;
};

TEST_F(ForeignPeerTest, RefusesAClientWithoutACertificate) {
  for (uint16_t version : {uint16_t{TLS1_3_VERSION}, uint16_t{TLS1_2_VERSION}}) {
    start(version, nullptr, MinTls::k12);
    bool connected = false;
    ASSERT_TRUE(
        drive([&] { connected = connected ? (client_->read(), true) : client_->handshake(); },
              [&] { return server_->recorder.closed && client_->failed(); }));
    EXPECT_EQ(server_->recorder.opened, 0);
    EXPECT_EQ(server_->recorder.closed->code(), Code::kRefused);
    EXPECT_NE(server_->recorder.closed->message().find("showed no certificate"), std::string::npos)
        << server_->recorder.closed->message();
    EXPECT_FALSE(client_->reason().empty());  // it was told by an alert
  }
}

TEST_F(ForeignPeerTest, RefusesTls12UnlessItIsAllowed) {
  const KeyPair key = KeyPair::generate();
  start(TLS1_2_VERSION, &key);
  ASSERT_TRUE(drive([&] { client_->handshake(); },
                    [&] { return server_->recorder.closed && client_->failed(); }));
  EXPECT_NE(server_->recorder.closed->message().find("minTls: 1.2"), std::string::npos)
      << server_->recorder.closed->message();

  start(TLS1_2_VERSION, &key, MinTls::k12);
  ASSERT_TRUE(drive([&] { client_->handshake(); }, [&] { return server_->recorder.opened == 1; }));
  EXPECT_EQ(server_->stream.peerFingerprint(), key.fingerprint());
}

TEST_F(ForeignPeerTest, GivesNoTicketsAndResumesNothing) {
  const KeyPair key = KeyPair::generate();
  start(TLS1_3_VERSION, &key);
  ASSERT_TRUE(drive([&] { client_->handshake(); }, [&] { return server_->recorder.opened == 1; }));
  server_->stream.send(test::frameOf(frames_, {1}));
  ASSERT_TRUE(drive([&] { client_->read(); }, [&] { return client_->got() > 0; }));
  EXPECT_FALSE(SSL_SESSION_is_resumable(SSL_get_session(client_->ssl())));
}

TEST_F(ForeignPeerTest, ShowsNeitherNameNorProtocolInItsHello) {
  auto context = TlsContext::create(KeyPair::generate(), {}, pool_);
  net::SocketPair pair = *net::makeSocketPair();
  auto transport = (*context)->client(std::move(pair.first), std::string(32, 'x'), "secret.name");
  EXPECT_EQ(transport->advance(), net::Progress::kWantRead);
  std::string hello(4096, '\0');
  const ssize_t n = ::recv(pair.second.get(), hello.data(), hello.size(), 0);
  ASSERT_GT(n, 0);
  hello.resize(static_cast<size_t>(n));
  EXPECT_EQ(hello.find("secret.name"), std::string::npos);
  // Extensions begin behind: record and handshake headers, version, random, empty session id,
  // ciphers, compression.
  size_t at = 5 + 4 + 2 + 32;
  auto u16 = [&](size_t i) {
    return static_cast<size_t>(static_cast<uint8_t>(hello[i]) << 8 |
                               static_cast<uint8_t>(hello[i + 1]));
  };
  at += 1 + static_cast<uint8_t>(hello[at]);
  at += 2 + u16(at);
  at += 1 + static_cast<uint8_t>(hello[at]);
  at += 2;
  int extensions = 0;
  while (at + 4 <= hello.size()) {
    const size_t type = u16(at);
    EXPECT_NE(type, 0u);   // server_name
    EXPECT_NE(type, 16u);  // ALPN
    EXPECT_NE(type, 35u);  // session_ticket
    ++extensions;
    at += 4 + u16(at + 2);
  }
  EXPECT_GT(extensions, 3);
}

TEST_F(ForeignPeerTest, AnswersACloseNotifyWithItsOwn) {
  const KeyPair key = KeyPair::generate();
  start(TLS1_3_VERSION, &key);
  ASSERT_TRUE(drive([&] { client_->handshake(); }, [&] { return server_->recorder.opened == 1; }));
  client_->write(test::rawFrame({1}));
  client_->closeNotify();
  ASSERT_TRUE(drive([&] { client_->read(); },
                    [&] { return server_->recorder.closed && client_->sawCloseNotify(); }));
  EXPECT_EQ(server_->recorder.messages, 1u);
  EXPECT_EQ(server_->recorder.closed->message(), "the peer closed the connection");
}

TEST_F(ForeignPeerTest, SaysALastWordBehindTheCloseNotifyOfAPeerThatStillReads) {
  for (uint16_t version : {uint16_t{TLS1_3_VERSION}, uint16_t{TLS1_2_VERSION}}) {
    const KeyPair key = KeyPair::generate();
    start(version, &key, MinTls::k12);
    server_->recorder.when_peer_end = [&] {
      server_->stream.send(test::frameOf(frames_, {9}));
      server_->stream.closeAfterFlush();
    };
    ASSERT_TRUE(
        drive([&] { client_->handshake(); }, [&] { return server_->recorder.opened == 1; }));
    client_->closeNotify();
    ASSERT_TRUE(drive([&] { client_->read(); },
                      [&] { return server_->recorder.closed && client_->sawCloseNotify(); }));
    EXPECT_GT(client_->got(), 8u) << version;
  }
}

TEST_F(ForeignPeerTest, AnswersKeyUpdates) {
  const KeyPair key = KeyPair::generate();
  start(TLS1_3_VERSION, &key);
  ASSERT_TRUE(drive([&] { client_->handshake(); }, [&] { return server_->recorder.opened == 1; }));
  for (size_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(SSL_key_update(client_->ssl(), SSL_KEY_UPDATE_REQUESTED));
    client_->write(test::rawFrame({i}));
    ASSERT_TRUE(loop_.runUntil([&] { return server_->recorder.messages == i; }, seconds(20)));
    server_->stream.send(test::frameOf(frames_, {i}));
    const size_t before = client_->got();
    ASSERT_TRUE(drive([&] { client_->read(); }, [&] { return client_->got() > before; }));
  }
}

}  // namespace
}  // namespace vatmesh::tls
