// SPDX-License-Identifier: Apache-2.0
//
// vatmesh expose ADDRESS
#include <array>
#include <cstdio>

#include "deploy/cli/command.h"
#include "deploy/cli/sidecar_program.h"
#include "sidecar/config/print.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::deploy {
namespace {

constexpr std::array<Flag, 9> kFlags{{
    {"--key", "FILE", "the vat's key, made when there is none (default: a new one each time)"},
    {"--listen", "ADDR", "where peers connect (default: tcp:127.0.0.1:7000)"},
    {"--advertise", "ADDR", "the address in the URI (default: where we listen)"},
    {"--name", "NAME", "the name of the export (default: main)"},
    {"--id", "derived|public:TEXT", "how its id is made (default: derived)"},
    {"--cap-file", "FILE", "a file to write the URI to"},
    {"--tls", "on|off", "off: no encryption, no identity (default: on)"},
    {"--links", "perPeer|shared", "connections to the server (default: perPeer)"},
    {"--print-config", "", "print the configuration instead of running"},
}};

Status oneOf(const std::string& flag, const std::string& value, const std::string& a,
             const std::string& b) {
  if (value == a || value == b) return {};
  return {Code::kInvalidArgument,
          flag + " " + config::quote(value) + " is not known; write " + a + " or " + b};
}

Result<std::optional<std::string>> publicIdOf(const std::string& text) {
  constexpr std::string_view kPublic = "public:";
  if (text == "derived") return std::optional<std::string>();
  if (text.starts_with(kPublic)) return std::optional(text.substr(kPublic.size()));
  return Status(Code::kInvalidArgument,
                "--id " + config::quote(text) + " is not known; write derived or public:TEXT");
}

// Puts a `--capnp-…` option, given as `value`, in the place of `flag`, of which it is another name.
Status takeOther(Arguments& arguments, std::string_view flag, std::string_view other,
                 std::optional<std::string> value) {
  if (!value) return {};
  if (arguments.has(flag)) {
    return {Code::kInvalidArgument,
            std::string(flag) + " and " + std::string(other) + " mean the same; keep one of them"};
  }
  arguments.flags[std::string(flag)] = std::move(*value);
  return {};
}

Result<config::Config> configOf(Arguments arguments) {
  const config::CapnpOptions& capnp = arguments.capnp;
  std::optional<std::string> tls_off;
  if (capnp.disable_tls) tls_off = "off";
  for (const Status& taken :
       {takeOther(arguments, "--key", "--capnp-secret-key-file", capnp.secret_key_file),
        takeOther(arguments, "--listen", "--capnp-listen-address", capnp.listen_address),
        takeOther(arguments, "--advertise", "--capnp-public-address", capnp.public_address),
        takeOther(arguments, "--tls", "--capnp-disable-tls", tls_off)}) {
    if (!taken.ok()) return taken;
  }
  auto flag = [&](std::string_view name, std::string_view usual) {
    return arguments.get(name).value_or(std::string(usual));
  };
  std::string tls = flag("--tls", "on");
  std::string links = flag("--links", "perPeer");
  Result<std::optional<std::string>> public_id = publicIdOf(flag("--id", "derived"));
  if (!public_id) return public_id.status();
  if (Status s = oneOf("--tls", tls, "on", "off"); !s.ok()) return s;
  if (Status s = oneOf("--links", links, "perPeer", "shared"); !s.ok()) return s;

  config::App app;
  app.address = arguments.operands[0];
  app.links = links == "shared" ? config::App::Links::kShared : config::App::Links::kPerPeer;
  config::Export e;
  e.name = flag("--name", "main");
  e.public_id = *public_id;
  e.cap_file = flag("--cap-file", "");
  e.app = app;
  config::Config config;
  config.key_file = flag("--key", "");
  config.listen = {{flag("--listen", "tcp:127.0.0.1:7000"), tls == "on"}};
  config.advertise = flag("--advertise", "");
  config.app = app;
  config.exports = {e};
  return checkConfig(config);
}

int run(const Arguments& arguments) {
  Result<config::Config> config = configOf(arguments);
  if (!config) return complain(config.status());
  if (arguments.has("--print-config")) return print(config::printConfig(*config));
  bool follows_key = config::advertisesTls(*config) || !config->exports[0].public_id;
  if (config->key_file.empty() && follows_key) {
    std::fputs(
        "vatmesh: the key is ephemeral, so the URI ends with this process; "
        "--key FILE makes it last\n",
        stderr);
  }
  return becomeSidecar(*config, {"--print-uris"});
}

}  // namespace

const Command kExpose{
    "expose",
    "ADDRESS",
    1,
    "Offer the server at ADDRESS under a URI",
    "Runs a sidecar for an unchanged Cap'n Proto server, until it is interrupted. Prints the URI\n"
    "when peers can use it; the URI is a secret: whoever has it may use the server.\n"
    "ADDRESS is tcp:HOST:PORT, unix:PATH or unix-abstract:NAME.\n"
    "\nexample:\n"
    "  vatmesh expose tcp:127.0.0.1:5000 --key vat.key --listen tcp:0.0.0.0:7000 \\\n"
    "      --advertise tcp:calc.example.com:7000\n",
    kFlags,
    run,
    CapnpFlags::kYes};

}  // namespace vatmesh::deploy
