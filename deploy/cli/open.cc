// SPDX-License-Identifier: Apache-2.0
//
// vatmesh open URI|CAPFILE
#include <array>

#include "deploy/cli/command.h"
#include "deploy/cli/sidecar_program.h"
#include "rpc/sturdy/uri.h"
#include "sidecar/config/print.h"

namespace vatmesh::deploy {
namespace {

constexpr std::array<Flag, 3> kFlags{{
    {"--socket", "ADDR", "where local programs find the service; required"},
    {"--key", "FILE", "the key we show to the peer, made when there is none (default: a new one)"},
    {"--print-config", "", "print the configuration, with the URI, instead of running"},
}};

Result<config::Config> configOf(const Arguments& arguments) {
  auto socket = arguments.get("--socket");
  if (!socket) {
    return Status(Code::kInvalidArgument,
                  "--socket is missing; write --socket unix:PATH or --socket tcp:127.0.0.1:PORT");
  }
  config::Import import;
  import.name = "main";
  import.socket.address = *socket;
  const std::string& from = arguments.operands[0];
  if (sturdy::looksLikeUri(from)) {
    Result<sturdy::SturdyUri> uri = sturdy::parseStrictUri(from);
    if (!uri) return uri.status();
    import.uri = *uri;
  } else {
    import.cap_file = from;
  }
  config::Config config;
  config.key_file = arguments.get("--key").value_or("");
  config.imports = {import};
  return checkConfig(config);
}

int run(const Arguments& arguments) {
  Result<config::Config> config = configOf(arguments);
  if (!config) return complain(config.status());
  if (arguments.has("--print-config")) return print(config::printConfig(*config));
  return becomeSidecar(*config, {});
}

}  // namespace

const Command kOpen{
    "open",
    "URI|CAPFILE",
    1,
    "Make the service of a URI reachable at a local socket",
    "Runs a sidecar for unchanged Cap'n Proto clients, until it is interrupted. A cap file that\n"
    "doesn't exist yet is waited for. Prefer a cap file to a URI: arguments of a process are\n"
    "visible to everyone on the host.\n"
    "\nexample:\n"
    "  vatmesh open calculator.cap --socket unix:run/calculator.sock\n",
    kFlags,
    run};

}  // namespace vatmesh::deploy
