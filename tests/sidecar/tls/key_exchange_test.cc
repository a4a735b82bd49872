// SPDX-License-Identifier: Apache-2.0
//
// Which group the key exchange takes: the best one that both sides have.
#include <gtest/gtest.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>

#include "sidecar/tls/boringssl_compat.h"
#include "sidecar/tls/errors.h"
#include "tests/fakes/tls_pair.h"

namespace vatmesh::tls {
namespace {

using std::chrono::seconds;

// A peer of BoringSSL alone, as a client or a server, that has only the groups `names`.
class Peer {
 public:
  Peer(event::Fd fd, const KeyPair& key, const char* names, Role role)
      : fd_(std::move(fd)), context_(SSL_CTX_new(TLS_with_buffers_method())) {
    const std::string& certificate = key.certificate();
    bssl::UniquePtr<CRYPTO_BUFFER> der(CRYPTO_BUFFER_new(
        reinterpret_cast<const uint8_t*>(certificate.data()), certificate.size(), nullptr));
    CRYPTO_BUFFER* chain[] = {der.get()};
    SSL_CTX_set_chain_and_key(context_.get(), chain, 1, key.key(), nullptr);
    const uint16_t signature = SSL_SIGN_ED25519;
    SSL_CTX_set_verify_algorithm_prefs(context_.get(), &signature, 1);
    SSL_CTX_set_custom_verify(context_.get(), SSL_VERIFY_PEER,
                              [](SSL*, uint8_t*) { return ssl_verify_ok; });
#if defined(SSL_GROUP_X25519_MLKEM768)
    EXPECT_EQ(SSL_CTX_set1_groups_list(context_.get(), names), 1);
#else
    EXPECT_EQ(SSL_CTX_set1_curves_list(context_.get(), names), 1);
#endif
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), fd_.get());
    if (role == Role::kClient) {
      SSL_set_connect_state(ssl_.get());
    } else {
      SSL_set_accept_state(ssl_.get());
    }
  }

  bool handshake() { return SSL_do_handshake(ssl_.get()) == 1; }
  std::string group() const { return groupName(ssl_.get()); }

 private:
  event::Fd fd_;
  bssl::UniquePtr<SSL_CTX> context_;
  bssl::UniquePtr<SSL> ssl_;
};

class KeyExchange : public testing::Test {
 protected:
  // Our transport in `role`, against a peer in the other with the groups `names`. Gives what our
  // side says that was agreed on.
  std::string agreedWith(const char* names, Role role) {
    auto context = TlsContext::create(key_, {}, pool_);
    net::SocketPair pair = *net::makeSocketPair();
    const bool client = role == Role::kClient;
    test::TlsEnd ours(loop_, pool_,
                      client ? (*context)->client(std::move(pair.first), key_.fingerprint(), "peer")
                             : (*context)->server(std::move(pair.first)));
    Peer peer(std::move(pair.second), key_, names, client ? Role::kServer : Role::kClient);
    EXPECT_EQ(ours.stream.agreed(), "");
    ours.stream.start(seconds(20));
    bool done = false;
    event::NextTurn next(loop_, [&] {
      done = done || peer.handshake();
      next.arm();
    });
    next.arm();
    EXPECT_TRUE(loop_.runUntil([&] { return done && ours.recorder.opened == 1; }, seconds(20)));
    EXPECT_EQ(ours.stream.agreed(), "TLSv1.3, " + peer.group());
    return ours.stream.agreed();
  }

  event::Loop loop_;
  wire::BufferPool pool_;
  const KeyPair key_ = KeyPair::generate();
};

TEST_F(KeyExchange, IsHybridBetweenTwoOfOurs) {
  if (!kHasHybridKeyExchange) GTEST_SKIP() << "this BoringSSL has no X25519MLKEM768";
  auto context = TlsContext::create(key_, {}, pool_);
  net::SocketPair pair = *net::makeSocketPair();
  test::TlsEnd server(loop_, pool_, (*context)->server(std::move(pair.first)));
  test::TlsEnd client(loop_, pool_,
                      (*context)->client(std::move(pair.second), key_.fingerprint(), "peer"));
  server.stream.start(seconds(20));
  client.stream.start(seconds(20));
  ASSERT_TRUE(loop_.runUntil(
      [&] { return server.recorder.opened == 1 && client.recorder.opened == 1; }, seconds(20)));
  EXPECT_EQ(server.stream.agreed(), "TLSv1.3, X25519MLKEM768");
  EXPECT_EQ(client.stream.agreed(), "TLSv1.3, X25519MLKEM768");
}

TEST_F(KeyExchange, IsHybridWithAPeerThatHasItAmongOthers) {
  if (!kHasHybridKeyExchange) GTEST_SKIP() << "this BoringSSL has no X25519MLKEM768";
  for (Role role : {Role::kClient, Role::kServer}) {
    EXPECT_EQ(agreedWith("P-256:X25519MLKEM768:X25519", role), "TLSv1.3, X25519MLKEM768");
  }
}

TEST_F(KeyExchange, FallsBackToX25519WithAPeerThatHasNoMore) {
  for (Role role : {Role::kClient, Role::kServer}) {
    EXPECT_EQ(agreedWith("X25519:P-256", role), "TLSv1.3, X25519");
  }
}

TEST_F(KeyExchange, LeavesTheChoiceAmongCurvesToTheClient) {
  EXPECT_EQ(agreedWith("P-256:X25519", Role::kServer), "TLSv1.3, P-256");
}

TEST_F(KeyExchange, TakesCurvesOfPeersThatHaveNothingElse) {
  for (Role role : {Role::kClient, Role::kServer}) {
    EXPECT_EQ(agreedWith("P-256", role), "TLSv1.3, P-256");
    EXPECT_EQ(agreedWith("P-384", role), "TLSv1.3, P-384");
  }
}

}  // namespace
}  // namespace vatmesh::tls
