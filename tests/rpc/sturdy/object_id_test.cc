// SPDX-License-Identifier: Apache-2.0
#include "rpc/sturdy/object_id.h"

#include <string>

#include <gtest/gtest.h>

#include "rpc/base/encoding.h"
#include "tests/vectors/vectors.h"

namespace vatmesh::sturdy {
namespace {

using vectors::fromHex;
using vectors::toHex;

void expectDigest(const YAML::Node& c, const std::string& id) {
  EXPECT_EQ(toHex(idDigest(id)), c["sha256_digest_hex"].as<std::string>());
  if (!c["sha256_digest_base64url"]) return;
  EXPECT_EQ(shortIdName(id), c["sha256_digest_base64url"].as<std::string>().substr(0, 10));
}

size_t expectDerived(const YAML::Node& ids, const std::string& secret) {
  for (const YAML::Node& c : ids) {
    std::string id = derivedId(secret, fromHex(c["name_hex"].as<std::string>()));
    EXPECT_EQ(toHex(id), c["id_hex"].as<std::string>());
    expectDigest(c, id);
  }
  return ids.size();
}

TEST(DerivedId, AgreesWithTheOcamlNetworkForItsKeyFiles) {
  YAML::Node data = vectors::ocaml("derived-ids.json");
  size_t seen = 0;
  for (const YAML::Node& key : data["derived"]) {
    std::string pem = vectors::readBytes(vectors::kOcaml + key["pem_file"].as<std::string>());
    std::string secret = vatSecret(pem);
    EXPECT_EQ(toHex(secret), key["hashed_secret_hex"].as<std::string>());
    seen += expectDerived(key["ids"], secret);
  }
  EXPECT_EQ(seen, 44u);
}

TEST(DerivedId, AgreesWithTheOcamlNetworkForSecretsOfAnyLength) {
  size_t seen = 0;
  for (const YAML::Node& c : vectors::ocaml("derived-ids.json")["derived_from_other_secrets"]) {
    seen += expectDerived(c["ids"], fromHex(c["secret_hex"].as<std::string>()));
  }
  EXPECT_GE(seen, 6u);
}

TEST(ConsumerId, DependsOnEveryPartAndIsNoExportsId) {
  const std::string secret = vatSecret("key");
  const std::string id = consumerId(secret, "calculator", "team-a", 12);
  EXPECT_EQ(id, derivedId(secret, std::string("calculator\0team-a\00012", 20)));
  EXPECT_NE(id, consumerId(secret, "calculator", "team-a", 1));
  EXPECT_NE(id, consumerId(secret, "calculatort", "eam-a", 12));
  EXPECT_NE(id, consumerId(secret, "calculator", "team-b", 12));
  EXPECT_NE(id, consumerId(vatSecret("other"), "calculator", "team-a", 12));
  for (const char* name : {"calculator", "calculatorteam-a12", "calculator/team-a"}) {
    EXPECT_NE(id, derivedId(secret, name));
  }
}

TEST(PublicId, IsItsText) {
  YAML::Node cases = vectors::ocaml("derived-ids.json")["public"];
  ASSERT_GT(cases.size(), 5u);
  for (const YAML::Node& c : cases) {
    std::string id = publicId(fromHex(c["name_hex"].as<std::string>()));
    EXPECT_EQ(toHex(id), c["id_hex"].as<std::string>());
    expectDigest(c, id);
  }
}

TEST(IdDigest, AgreesWithTheOcamlNetworkForGeneratedIds) {
  for (const YAML::Node& c : vectors::ocaml("derived-ids.json")["generated_examples"]) {
    expectDigest(c, fromHex(c["id_hex"].as<std::string>()));
  }
}

// The OCaml library's store names the file of an object by the digest of its id, in base64url.
TEST(IdDigest, NamesTheFileOfAStoredObject) {
  EXPECT_EQ(base64UrlEncode(bytesOf(idDigest("known"))),
            "cRf_8tD9KURis8gCt8uHU1efI_OUa5nPVfOOhz8BPxA");
  size_t named = 0;
  for (const YAML::Node& c : vectors::ocaml("file-store.json")["cases"]) {
    const std::string digest = fromHex(c["digest_hex"].as<std::string>());
    if (digest.empty()) continue;  // names no file, but for its temporary one
    for (const YAML::Node& file : c["new_files"]) {
      ++named;
      EXPECT_EQ(base64UrlEncode(bytesOf(digest)), file["name"].as<std::string>());
    }
  }
  EXPECT_EQ(named, 5u);
}

TEST(VatSecret, ChangesWithTheLineEndings) {
  EXPECT_NE(vatSecret("KEY\n"), vatSecret("KEY\r\n"));
}

class CountingEntropy : public Entropy {
 public:
  void fill(std::span<uint8_t> out) override {
    for (uint8_t& byte : out) byte = next_++;
  }

 private:
  uint8_t next_ = 0;
};

TEST(GeneratedId, HasTwentyFreshBytes) {
  CountingEntropy entropy;
  EXPECT_EQ(toHex(generatedId(entropy)), "000102030405060708090a0b0c0d0e0f10111213");
  EXPECT_EQ(toHex(generatedId(entropy)).substr(0, 4), "1415");
}

}  // namespace
}  // namespace vatmesh::sturdy
