// SPDX-License-Identifier: Apache-2.0
#include "rpc/sturdy/uri.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "rpc/base/encoding.h"
#include "rpc/sturdy/object_id.h"
#include "tests/vectors/vectors.h"

namespace vatmesh::sturdy {
namespace {

const std::string kDigest = "3pywQipBn7l-TEDuDkdqL-_pcmHT6WIn02N-Q5TMHZY";
const std::string kSecure = "capnp://sha-256:" + kDigest + "@";

Location locationOf(const YAML::Node& node) {
  if (node["kind"].as<std::string>() == "tcp") {
    return TcpLocation{node["host"].as<std::string>(), node["port"].as<uint64_t>()};
  }
  return UnixLocation{node["path"].as<std::string>()};
}

SturdyUri uriOf(const YAML::Node& node) {
  SturdyUri uri;
  uri.location = locationOf(node["location"]);
  std::string auth = node["auth"].as<std::string>();
  uri.secure = auth != "insecure";
  const std::string prefix = "sha-256@";
  if (uri.secure) uri.digest = *base64UrlDecode(auth.substr(prefix.size()));
  uri.id = vectors::fromHex(node["id_hex"].as<std::string>());
  return uri;
}

SturdyUri example() {
  SturdyUri uri;
  uri.location = TcpLocation{"example.org", 7000};
  uri.digest = *base64UrlDecode(kDigest);
  uri.id = "main";
  return uri;
}

TEST(ParseUri, AgreesWithTheOcamlNetwork) {
  YAML::Node cases = vectors::ocaml("uri-parse.json");
  ASSERT_EQ(cases.size(), 54u);
  for (const YAML::Node& c : cases) {
    std::string input = c["input"].as<std::string>();
    SCOPED_TRACE(input);
    Result<SturdyUri> uri = parseUri(input);
    const YAML::Node expected = c["parse"];
    ASSERT_EQ(uri.ok(), expected["ok"].as<bool>()) << uri.status().toString();
    if (!uri) continue;
    EXPECT_EQ(*uri, uriOf(expected));
    EXPECT_EQ(printUri(*uri), expected["printed"].as<std::string>());
  }
}

TEST(PrintUri, AgreesWithTheOcamlNetwork) {
  YAML::Node cases = vectors::ocaml("uri-print.json");
  ASSERT_EQ(cases.size(), 40u);
  for (const YAML::Node& c : cases) {
    SturdyUri uri = uriOf(c);
    std::string printed = c["uri"].as<std::string>();
    SCOPED_TRACE(printed);
    EXPECT_EQ(printUri(uri), printed);
    EXPECT_EQ(printAddress(uri), c["address_pp"].as<std::string>());
    Result<SturdyUri> back = parseUri(printed);
    std::string same = c["parses_back_to_the_same"].as<std::string>();
    EXPECT_EQ(back.ok(), !same.starts_with("error: "));
    if (back) {
      EXPECT_EQ(*back == uri, same == "true");
    }
  }
}

// Which URIs that library's command line takes as arguments.
TEST(StrictUri, TakesFromUsersOnlyWhatTheOcamlNetworkTakes) {
  size_t taken = 0;
  for (const YAML::Node& c : vectors::ocaml("uri-parse.json")) {
    const std::string input = c["input"].as<std::string>();
    SCOPED_TRACE(input);
    const YAML::Node argument = c["cmdliner_arg"];
    const Result<SturdyUri> strict = parseStrictUri(input);
    if (strict.ok()) {
      ++taken;
      ASSERT_TRUE(argument["ok"].as<bool>());
      EXPECT_EQ(printUri(*strict), argument["printed"].as<std::string>());
    }
    // And what that library prints is taken, unless it is unwise.
    if (!argument["ok"].as<bool>()) continue;
    const std::string printed = argument["printed"].as<std::string>();
    const Result<SturdyUri> parsed = parseUri(printed);
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parseStrictUri(printed).ok(), checkUri(*parsed).ok() && printUri(*parsed) == printed);
  }
  EXPECT_GE(taken, 8u);
}

// Made before a vat runs, from its key file, its address and a name alone.
TEST(PrintUri, MakesTheUrisOfTheOcamlVats) {
  const YAML::Node keys = vectors::ocaml("keys.json");
  ASSERT_EQ(keys.size(), 4u);
  for (const YAML::Node& key : keys) {
    const std::string prefix = "sha-256@";
    const std::string digest =
        *base64UrlDecode(key["fingerprint"].as<std::string>().substr(prefix.size()));
    const std::string main = derivedId(vatSecret(key["pem"].as<std::string>()), "main");
    const Location tcp = TcpLocation{"127.0.0.1", 7000};
    const Location unix_socket = UnixLocation{"/run/example.sock"};
    const Location advertised = TcpLocation{"vat.example.org", 443};
    const std::vector<std::pair<const char*, SturdyUri>> uris = {
        {"uri_tcp_main", {tcp, digest, true, main}},
        {"uri_unix_main", {unix_socket, digest, true, main}},
        {"uri_insecure_main", {tcp, "", false, main}},
        {"uri_public_address_main", {advertised, digest, true, main}},
        {"uri_tcp_public_empty", {tcp, digest, true, publicId("")}},
        {"uri_unix_public_empty", {unix_socket, digest, true, publicId("")}},
        {"uri_tcp_public_main", {tcp, digest, true, publicId("main")}}};
    for (const auto& [name, uri] : uris) {
      EXPECT_EQ(printUri(uri), key[name].as<std::string>()) << name;
    }
  }
}

TEST(ParseUri, NeverShowsTheIdInErrors) {
  for (std::string text : {"capnp://sha-256:short@host:7000/c2VjcmV0.", "http://u:p@h:1/c2VjcmV0",
                           "capnp://insecure@host/c2VjcmV0", "c2VjcmV0"}) {
    Result<SturdyUri> uri = parseUri(text);
    ASSERT_FALSE(uri.ok()) << text;
    EXPECT_EQ(uri.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(uri.status().message().find("c2VjcmV0"), std::string::npos);
  }
}

TEST(ParseUri, TakesAnyBytesWithoutFault) {
  for (int byte = 0; byte < 256; ++byte) {
    for (std::string_view before :
         {"", "capnp:", "capnp://", "capnp://insecure", "capnp://insecure@", "capnp://insecure@h:1",
          "capnp://insecure@[", "capnp://sha-256:%"}) {
      std::string text = std::string(before) + static_cast<char>(byte);
      Result<SturdyUri> uri = parseUri(text);
      if (uri.ok()) {
        EXPECT_FALSE(printUri(*uri).empty());
      }
    }
  }
}

TEST(StrictUri, TakesWhatWePrint) {
  EXPECT_TRUE(parseStrictUri(printUri(example())).ok());
  EXPECT_TRUE(parseStrictUri("capnp://insecure@/run/my.sock/").ok());
  EXPECT_TRUE(parseStrictUri("capnp://insecure@[::1]:7000").ok());
}

TEST(StrictUri, RefusesWhatOnlyLenientReadersTake) {
  for (std::string text :
       {kSecure + "h:65536/bWFpbg", kSecure + "h:0/bWFpbg", kSecure + "h:7000/bWFpbg==",
        kSecure + "h:7000/bWFpb", kSecure + "h:7000/bWFpbg?x=1", kSecure + "h:7000/bWFpbg\n",
        kSecure + "h:07000/bWFpbg", kSecure + "[fe80::1%25eth0]:7000/bWFpbg",
        kSecure + "::1:7000/bWFpbg", kSecure + "ho%20st:7000/bWFpbg", kSecure + "/bWFpbg",
        kSecure + "/run/a%20b/bWFpbg", std::string("capnp://sha-256:AAAA@h:7000/bWFpbg"),
        std::string("capnp://sha-256:@h:7000/bWFpbg"), std::string("CAPNP://insecure@h:7000"),
        kSecure}) {
    EXPECT_FALSE(parseStrictUri(text).ok()) << text;
  }
}

TEST(StrictUri, NamesTheSlashThatHasNoIdBehindIt) {
  const Status status = parseStrictUri("capnp://insecure@h:7000/").status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("a slash without an id"), std::string::npos);
}

TEST(StrictUri, SaysWhatIsWrongWithADigestOfAnotherLength) {
  EXPECT_EQ(parseStrictUri("capnp://sha-256:AAAA@h:7000/bWFpbg").status().message(),
            "the digest has 3 bytes where a SHA-256 has 32: was the URI cut off?; a sturdy ref "
            "looks like capnp://sha-256:DIGEST@HOST:PORT/ID or capnp://insecure@HOST:PORT/ID");
}

TEST(RedactedUri, NamesTheIdByItsDigestOnly) {
  EXPECT_EQ(redactedUri(example()), "tcp:example.org:7000 (sha-256:3pywQipBn7…, id DW5AeeNnA-…)");
  SturdyUri plain{.location = UnixLocation{"/run/s"}, .digest = "", .secure = false, .id = ""};
  EXPECT_EQ(redactedUri(plain), "unix:/run/s (insecure, bootstrap)");
}

TEST(PrintLocation, WritesAddressesOfTheConfiguration) {
  EXPECT_EQ(printLocation(TcpLocation{"::1", 7000}), "tcp:[::1]:7000");
  EXPECT_EQ(printLocation(TcpLocation{"h", 1}), "tcp:h:1");
  EXPECT_EQ(printLocation(UnixLocation{"/run/s"}), "unix:/run/s");
}

TEST(LooksLikeUri, TellsUrisFromPaths) {
  EXPECT_TRUE(looksLikeUri("capnp://x"));
  EXPECT_FALSE(looksLikeUri("./capnp://x"));
  EXPECT_FALSE(looksLikeUri("../capnp://x"));
  EXPECT_FALSE(looksLikeUri("/run/insecure@h/x"));
  EXPECT_FALSE(looksLikeUri("calc.cap"));
  EXPECT_FALSE(looksLikeUri("user@host.cap"));
  EXPECT_FALSE(looksLikeUri("sha-256:abc.cap"));
}

TEST(LooksLikeUri, TakesMisspeltOnesForUris) {
  for (const char* text :
       {"CAPNP://x", " capnp://x", "'capnp://x'", "canp://x", "https://x", "sha-256:AAAA@h:1/x",
        "insecure@h:1/x", "capnp:/sha-256:AAAA@h:1/x", "capnp//insecure@h:1/x"}) {
    EXPECT_TRUE(looksLikeUri(text)) << text;
    EXPECT_FALSE(parseStrictUri(text)) << text;
  }
}

}  // namespace
}  // namespace vatmesh::sturdy
