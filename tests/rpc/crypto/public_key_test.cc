// SPDX-License-Identifier: Apache-2.0
#include "rpc/crypto/public_key.h"

#include <gtest/gtest.h>

#include "rpc/base/encoding.h"
#include "tests/vectors/vectors.h"

namespace vatmesh::crypto {
namespace {

// As the OCaml library prints it.
std::string printed(const std::string& fingerprint) {
  return "sha-256@" + base64UrlEncode(bytesOf(fingerprint));
}

std::string fromHexText(std::string_view hex) {
  return vectors::fromHex(std::string(hex));
}

TEST(FingerprintOfPublicKey, IsThatOfTheOcamlNetwork) {
  const YAML::Node keys = vectors::ocaml("keys.json");
  ASSERT_EQ(keys.size(), 4u);
  for (const auto& key : keys) {
    const std::string spki = vectors::fromBase64(key["spki_der_base64"].as<std::string>());
    Result<std::string> fingerprint = fingerprintOfPublicKey(spki);
    ASSERT_TRUE(fingerprint.ok()) << fingerprint.status().toString();
    EXPECT_EQ(printed(*fingerprint), key["fingerprint"].as<std::string>());
    EXPECT_EQ(*canonicalPublicKey(spki), spki);
  }
}

TEST(FingerprintOfCertificate, IsThatOfTheKeyInIt) {
  for (const auto& key : vectors::ocaml("keys.json")) {
    const std::string der =
        vectors::readBytes(vectors::kOcaml + key["cert_der_file"].as<std::string>());
    Result<std::string> fingerprint = fingerprintOfCertificate(der);
    ASSERT_TRUE(fingerprint.ok()) << fingerprint.status().toString();
    EXPECT_EQ(printed(*fingerprint), key["fingerprint_of_certificate"].as<std::string>());
  }
}

// One P-256 key, its point compressed and not.
constexpr std::string_view kPointHead = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
constexpr std::string_view kCompressedHead = "3039301306072a8648ce3d020106082a8648ce3d030107032200";
constexpr std::string_view kX = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
constexpr std::string_view kY = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

TEST(CanonicalPublicKey, GivesOneEncodingForACompressedPoint) {
  const std::string full =
      fromHexText(std::string(kPointHead) + "04" + std::string(kX) + std::string(kY));
  const std::string compressed = fromHexText(std::string(kCompressedHead) + "03" + std::string(kX));
  ASSERT_TRUE(canonicalPublicKey(full).ok());
  Result<std::string> canonical = canonicalPublicKey(compressed);
  ASSERT_TRUE(canonical.ok()) << canonical.status().toString();
  EXPECT_EQ(*canonical, full);
}

TEST(CanonicalPublicKey, RefusesWhatIsNoKeyOfAVat) {
  const std::string good =
      vectors::fromBase64(vectors::ocaml("keys.json")[0]["spki_der_base64"].as<std::string>());
  // X25519 can't sign.
  const std::string x25519 = fromHexText("302a300506032b656e032100" + std::string(64, '1'));
  for (const std::string& bad :
       {std::string(), std::string("x"), good + "x", good.substr(0, good.size() - 1), x25519}) {
    Result<std::string> result = canonicalPublicKey(bad);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.status().code(), Code::kInvalidArgument);
  }
}

TEST(FingerprintOfCertificate, RefusesEveryTruncation) {
  const std::string der = vectors::readBytes(vectors::kOcaml + "keys/key1.cert.der");
  ASSERT_TRUE(fingerprintOfCertificate(der).ok());
  for (size_t size = 0; size < der.size(); ++size) {
    ASSERT_FALSE(fingerprintOfCertificate(der.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(fingerprintOfCertificate(der + "x").ok());
}

}  // namespace
}  // namespace vatmesh::crypto
