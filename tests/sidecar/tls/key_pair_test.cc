// SPDX-License-Identifier: Apache-2.0
#include "sidecar/tls/key_pair.h"

#include <gtest/gtest.h>

#include "rpc/base/encoding.h"
#include "rpc/crypto/public_key.h"
#include "tests/vectors/vectors.h"

namespace vatmesh::tls {
namespace {

std::string printed(const std::string& fingerprint) {
  return "sha-256@" + base64UrlEncode(bytesOf(fingerprint));
}

TEST(KeyPair, HasTheFingerprintThatTheOcamlLibraryGivesItsKeys) {
  for (const auto& vector : vectors::ocaml("keys.json")) {
    const std::string pem = vector["pem"].as<std::string>();
    Result<KeyPair> key = KeyPair::fromPem(pem);
    ASSERT_TRUE(key.ok()) << key.status().toString();
    EXPECT_EQ(printed(key->fingerprint()), vector["fingerprint"].as<std::string>());
    EXPECT_EQ(key->pem(), pem);
    EXPECT_EQ(key->kind(), "RSA-2048");
  }
}

TEST(KeyPair, TakesAndRefusesTheFilesThatTheOcamlLibraryTakesAndRefuses) {
  size_t taken = 0, refused = 0;
  for (const auto& vector : vectors::ocaml("pem-inputs.json")) {
    const std::string file = vector["file"].as<std::string>();
    const std::string pem = vectors::readBytes(vectors::kOcaml + file);
    ASSERT_EQ(pem.size(), vector["size"].as<size_t>()) << file;
    Result<KeyPair> key = KeyPair::fromPem(pem);
    ASSERT_EQ(key.ok(), vector["load"]["ok"].as<bool>()) << file << ": " << key.status().toString();
    if (key.ok()) {
      ++taken;
      EXPECT_EQ(printed(key->fingerprint()), vector["load"]["fingerprint"].as<std::string>())
          << file;
      EXPECT_EQ(key->pem(), pem) << file;
    } else {
      ++refused;
      EXPECT_EQ(key.status().code(), Code::kInvalidArgument);
    }
  }
  EXPECT_EQ(taken, 17u);
  EXPECT_EQ(refused, 7u);
}

TEST(KeyPair, GeneratesEd25519ThatReadsBackTheSame) {
  const KeyPair key = KeyPair::generate();
  EXPECT_EQ(key.kind(), "Ed25519");
  Result<KeyPair> again = KeyPair::fromPem(key.pem());
  ASSERT_TRUE(again.ok()) << again.status().toString();
  EXPECT_EQ(again->fingerprint(), key.fingerprint());
  EXPECT_NE(KeyPair::generate().fingerprint(), key.fingerprint());
  EXPECT_EQ(key.pem().find("-----BEGIN PRIVATE KEY-----\n"), 0u);
  EXPECT_TRUE(key.pem().ends_with("\n-----END PRIVATE KEY-----\n"));
}

TEST(KeyPair, BreaksLongLinesAt64Characters) {
  // The vectors were written in that form; ours must be the same text.
  const std::string ed25519 = KeyPair::generate().pem();
  for (size_t at = 0; at < ed25519.size();) {
    const size_t end = ed25519.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    EXPECT_LE(end - at, 64u);
    at = end + 1;
  }
}

TEST(KeyPair, SaysWhatIsWrongWithoutShowingTheText) {
  const std::string good = KeyPair::generate().pem();
  struct Case {
    std::string pem, problem;
  };
  for (const Case& c :
       {Case{"", "no private key"},
        {good + good, "several private keys"},
        {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
         "encrypted"},
        {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n-----END RSA PRIVATE "
         "KEY-----\n",
         "encrypted"},
        {good.substr(0, good.size() / 2), "cut off"},
        {"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----\n", "another name"},
        {"-----BEGIN PRIVATE KEY-----\nSECRETSECRET\n-----END PRIVATE KEY-----\n", "damaged"},
        {"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", "damaged"}}) {
    Result<KeyPair> key = KeyPair::fromPem(c.pem);
    ASSERT_FALSE(key.ok()) << c.problem;
    EXPECT_NE(key.status().message().find(c.problem), std::string::npos) << key.status().message();
    EXPECT_EQ(key.status().message().find("SECRET"), std::string::npos);
  }
}

TEST(KeyPair, IgnoresOtherBlocksAndComments) {
  const KeyPair key = KeyPair::generate();
  const std::string certificate =
      vectors::readBytes(vectors::kOcaml + "pem-inputs/certificate-only.pem");
  std::string commented = key.pem();
  commented.insert(commented.find('\n') + 1, "# a comment\r\n");
  for (const std::string& pem : {certificate + key.pem(), key.pem() + certificate, commented}) {
    Result<KeyPair> read = KeyPair::fromPem(pem);
    ASSERT_TRUE(read.ok()) << read.status().toString();
    EXPECT_EQ(read->fingerprint(), key.fingerprint());
  }
}

TEST(KeyPair, MakesACertificateThatCarriesItsKey) {
  for (const char* file : {"rsa2048-pkcs8", "ec-P-256-sec1", "ec-P-384-pkcs8", "ec-P-521-sec1",
                           "ed25519-pkcs8", "rsa1024-pkcs8"}) {
    Result<KeyPair> key =
        KeyPair::fromPem(vectors::readBytes(vectors::kOcaml + "pem-inputs/" + file + ".pem"));
    ASSERT_TRUE(key.ok()) << file;
    Result<std::string> fingerprint = crypto::fingerprintOfCertificate(key->certificate());
    ASSERT_TRUE(fingerprint.ok()) << file;
    EXPECT_EQ(*fingerprint, key->fingerprint()) << file;
  }
}

}  // namespace
}  // namespace vatmesh::tls
