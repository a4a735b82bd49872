// SPDX-License-Identifier: Apache-2.0
#include "rpc/sturdy/cap_file.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/vectors/vectors.h"

namespace vatmesh::sturdy {
namespace {

TEST(CapFile, ReadsWhatTheOcamlNetworkReads) {
  YAML::Node cases = vectors::ocaml("cap-files.json")["load_cases"];
  ASSERT_EQ(cases.size(), 6u);
  for (const YAML::Node& c : cases) {
    SCOPED_TRACE(c["name"].as<std::string>());
    Result<SturdyUri> uri =
        parseCapFile(vectors::fromBase64(c["content_base64"].as<std::string>()));
    ASSERT_EQ(uri.ok(), c["load"]["ok"].as<bool>());
    if (uri) {
      EXPECT_EQ(printUri(*uri), c["load"]["uri"].as<std::string>());
    }
  }
}

TEST(CapFile, WritesWhatTheOcamlNetworkWrites) {
  YAML::Node saved = vectors::ocaml("cap-files.json")["saved"];
  Result<SturdyUri> uri = parseUri(saved["uri"].as<std::string>());
  ASSERT_TRUE(uri.ok());
  EXPECT_EQ(capFileText(*uri), vectors::fromBase64(saved["bytes_base64"].as<std::string>()));
}

TEST(CapFile, CountsOnlyTheFirstOfSeveralLines) {
  Result<SturdyUri> uri = parseCapFile("capnp://insecure@h:1/bWFpbg\nanything\n");
  ASSERT_TRUE(uri.ok());
  EXPECT_EQ(uri->id, "main");
}

TEST(CapFile, SaysThatAnEmptyFileIsEmpty) {
  EXPECT_EQ(parseCapFile(" \n\t\r\n").status().message(), "the file is empty");
}

TEST(CapFile, RefusesWhatIsTooLarge) {
  EXPECT_FALSE(parseCapFile("capnp://insecure@h:1/" + std::string(kMaxCapFileSize, 'A')).ok());
}

}  // namespace
}  // namespace vatmesh::sturdy
