// SPDX-License-Identifier: Apache-2.0
#include "sidecar/config/capnp_options.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "sidecar/config/load.h"
#include "tests/vectors/vectors.h"

namespace vatmesh::config {
namespace {

struct Parsed {
  Status status;
  CapnpOptions options;
};

Parsed parse(const std::vector<std::string>& words) {
  Parsed out;
  for (size_t at = 0; at < words.size();) {
    Result<size_t> next = takeCapnpOption(words, at, out.options);
    if (!next.ok()) return {next.status(), {}};
    at = *next;
  }
  return out;
}

Loaded loadWith(const std::vector<std::string>& words, std::string text = {}) {
  Source source;
  source.file_name = "sidecar.yaml";
  source.text = std::move(text);
  source.base_folder = "/etc/mesh";
  source.options_folder = "/srv/here";
  const Parsed parsed = parse(words);
  EXPECT_TRUE(parsed.status.ok()) << parsed.status.message();
  source.options = parsed.options;
  return load(source);
}

Config configWith(const std::vector<std::string>& words, std::string text = {}) {
  Loaded loaded = loadWith(words, std::move(text));
  for (const std::string& error : loaded.errors) ADD_FAILURE() << error;
  return loaded.config.value_or(Config{});
}

// What that library prints of its configuration.
std::string printed(const Config& config) {
  const auto shown = [](const std::string& address) {
    // It prints IPv6 without brackets.
    std::string out = address;
    std::erase_if(out, [](char c) { return c == '[' || c == ']'; });
    return out;
  };
  return std::string("serve_tls=") + (config.listen[0].tls ? "true" : "false") +
         "; listen_address=" + shown(config.listen[0].address) + "; public_address=" +
         shown(config.advertise.empty() ? config.listen[0].address : config.advertise) + "}";
}

TEST(CapnpOptions, MeanWhatTheyMeanToTheOcamlLibrary) {
  const YAML::Node cases = vectors::ocaml("options.json")["cases"];
  ASSERT_EQ(cases.size(), 5u);
  for (const YAML::Node& c : cases) {
    const auto words = c["args"].as<std::vector<std::string>>();
    const bool taken = c["exit_code"].as<int>() == 0;
    const Parsed parsed = parse(words);
    ASSERT_TRUE(parsed.status.ok());
    if (taken) {
      const std::string expected = c["config"].as<std::string>();
      EXPECT_EQ(printed(configWith(words)), expected.substr(expected.find("serve_tls=")));
      EXPECT_EQ(configWith(words).key_file, "/srv/here/KEY");
      EXPECT_TRUE(checkComplete(parsed.options).ok());
      continue;
    }
    const std::string theirs = c["stderr"].as<std::string>();
    const Status incomplete = checkComplete(parsed.options);
    if (theirs.find("required option") != std::string::npos) {
      const std::string name = incomplete.message().substr(0, incomplete.message().find(' '));
      EXPECT_NE(theirs.find("required option " + name), std::string::npos) << theirs;
    } else {
      EXPECT_TRUE(incomplete.ok());
      EXPECT_FALSE(loadWith(words).config);
    }
  }
}

TEST(CapnpOptions, MayBeShortenedWhereNoOtherIsMeant) {
  EXPECT_EQ(*capnpOptionName("--capnp-secret-key"), "--capnp-secret-key-file");
  EXPECT_EQ(*capnpOptionName("--capnp-l"), "--capnp-listen-address");
  EXPECT_EQ(*capnpOptionName("--capnp-disable-tls"), "--capnp-disable-tls");
  for (const char* name : {"--capnp-", "--capnp-x", "--capnp-listen-addresses", "--capnp-tls"}) {
    EXPECT_EQ(capnpOptionName(name).status().code(), Code::kInvalidArgument) << name;
  }
  EXPECT_NE(capnpOptionName("--capnp-").status().message().find("several"), std::string::npos);
  const Parsed parsed = parse({"--capnp-s=k", "--capnp-p", "tcp:h:1", "--capnp-d"});
  EXPECT_EQ(parsed.options.secret_key_file, "k");
  EXPECT_EQ(parsed.options.public_address, "tcp:h:1");
  EXPECT_TRUE(parsed.options.disable_tls);
}

TEST(CapnpOptions, AreRefusedTwiceOrWithoutAValueOrWithOneTooMany) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--capnp-listen=a", "--capnp-l", "b"},
        {"--capnp-disable", "--capnp-disable"},
        {"--capnp-disable-tls=off"},
        {"--capnp-public-address"}}) {
    EXPECT_EQ(parse(words).status.code(), Code::kInvalidArgument) << words[0];
  }
}

TEST(CapnpOptions, MeanAnEphemeralKeyWhenThePathIsEmpty) {
  const Config config = configWith({"--capnp-s=", "--capnp-l=tcp:127.0.0.1:7000"});
  EXPECT_EQ(config.key_file, "");
  EXPECT_TRUE(config.listen[0].tls);
  EXPECT_TRUE(checkComplete(parse({"--capnp-s=", "--capnp-l=tcp:h:1"}).options).ok());
}

TEST(CapnpOptions, TakeRelativeSocketsAsTheOcamlLibraryDoes) {
  const YAML::Node relative = vectors::ocaml("addresses.json")["relative_unix_paths"];
  const std::string folder = relative["cwd"].as<std::string>();
  for (const YAML::Node& c : relative["cases"]) {
    const std::string input = c["input"].as<std::string>();
    Source source;
    source.base_folder = "/etc/mesh";
    source.options_folder = folder;
    source.options = parse({"--capnp-s=", "--capnp-l=" + input}).options;
    const Loaded loaded = load(source);
    if (input == "unix:") {
      EXPECT_FALSE(loaded.config) << "to that library it is the root folder";
      continue;
    }
    ASSERT_TRUE(loaded.config) << input;
    const std::string theirs = c["parse"]["location"]["path"].as<std::string>();
    EXPECT_EQ(loaded.config->listen[0].address,
              "unix:" + std::filesystem::path(theirs).lexically_normal().string());
  }
}

TEST(CapnpOptions, TakeTheirPathsFromTheCurrentFolder) {
  const Config config = configWith({"--capnp-s=a/vat.key", "--capnp-l=unix:run/vat.sock"});
  EXPECT_EQ(config.key_file, "/srv/here/a/vat.key");
  EXPECT_EQ(config.listen[0].address, "unix:/srv/here/run/vat.sock");
}

constexpr const char* kFile = R"(
key: vat.key
listen: [{address: tcp:127.0.0.1:1, minTls: 1.2}, tcp:127.0.0.1:2]
advertise: tcp:one.example.com:1
app: tcp:127.0.0.1:5000
exports: {main: {}}
)";

TEST(CapnpOptions, WinOverTheFileKeyByKey) {
  Config config = configWith({"--capnp-listen=tcp:127.0.0.1:3"}, kFile);
  ASSERT_EQ(config.listen.size(), 1u);
  EXPECT_EQ(config.listen[0].address, "tcp:127.0.0.1:3");
  EXPECT_EQ(config.key_file, "/etc/mesh/vat.key");
  EXPECT_EQ(config.advertise, "tcp:one.example.com:1");
  EXPECT_EQ(config.exports.size(), 1u);

  config = configWith({"--capnp-public=tcp:two.example.com:2", "--capnp-secret=x.key"}, kFile);
  EXPECT_EQ(config.listen.size(), 2u);
  EXPECT_EQ(config.advertise, "tcp:two.example.com:2");
  EXPECT_EQ(config.key_file, "/srv/here/x.key");

  config = configWith({"--capnp-disable-tls"}, kFile);
  ASSERT_EQ(config.listen.size(), 2u);
  EXPECT_FALSE(config.listen[0].tls || config.listen[1].tls);
  EXPECT_EQ(configWith({"--capnp-disable-tls"}, "listen: tcp:127.0.0.1:1").listen[0].tls, false);
}

TEST(CapnpOptions, GiveAFileWhatItLacks) {
  const std::string text = "app: tcp:127.0.0.1:5000\nexports: {main: {}}\n";
  EXPECT_FALSE(loadWith({}, text).config);
  EXPECT_EQ(configWith({"--capnp-s=k", "--capnp-l=tcp:127.0.0.1:1"}, text).exports.size(), 1u);
}

TEST(CapnpOptions, AreNamedAsTheCommandLineInErrors) {
  const Loaded loaded = loadWith({"--capnp-s=k", "--capnp-l=tcp:127.0.0.1"});
  ASSERT_EQ(loaded.errors.size(), 1u);
  EXPECT_TRUE(loaded.errors[0].starts_with("command line: ")) << loaded.errors[0];
  EXPECT_NE(loaded.errors[0].find("no port"), std::string::npos) << loaded.errors[0];
  EXPECT_FALSE(loadWith({"--capnp-l=tcp:127.0.0.1:1"}, "- no map").config);
}

TEST(CapnpOptions, HaveAHelpOfTheirOwn) {
  for (const char* name : {"--capnp-secret-key-file PATH", "--capnp-listen-address ADDR",
                           "--capnp-public-address ADDR", "--capnp-disable-tls"}) {
    EXPECT_NE(kCapnpOptionsHelp.find(name), std::string::npos) << name;
  }
  EXPECT_TRUE(kCapnpOptionsHelp.starts_with("CAP'N PROTO OPTIONS"));
}

}  // namespace
}  // namespace vatmesh::config
