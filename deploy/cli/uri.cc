// SPDX-License-Identifier: Apache-2.0
//
// vatmesh uri show|derive|check
#include "rpc/sturdy/uri.h"

#include <array>

#include "deploy/cli/command.h"
#include "deploy/cli/uri_source.h"
#include "rpc/sturdy/identity.h"
#include "rpc/sturdy/object_id.h"
#include "sidecar/config/scalar.h"
#include "sidecar/net/address.h"
#include "sidecar/tls/key_file.h"

namespace vatmesh::deploy {
namespace {

// In front of an error about a cap file stands its path.
Status inFile(const std::string& argument, const Status& status) {
  return sturdy::looksLikeUri(argument) ? status : status.withContext(argument);
}

std::string describeId(const std::string& id) {
  if (id.empty()) return "none (the vat's bootstrap)";
  return std::to_string(id.size()) + " bytes, digest " + sturdy::shortIdName(id) + "…";
}

int show(const Arguments& arguments) {
  const std::string& argument = arguments.operands[0];
  Result<std::string> text = uriText(argument);
  if (!text) return complain(text.status());
  Result<sturdy::SturdyUri> uri = sturdy::parseUri(*text);
  if (!uri) return complain(inFile(argument, uri.status()));
  std::string who = uri->secure ? sturdy::printFingerprint(uri->digest) : "insecure";
  // An empty digest prints as "insecure", which this URI isn't.
  if (uri->secure && uri->digest.empty()) who = "sha-256:";
  return print("location:    " + sturdy::printLocation(uri->location) + "\nfingerprint: " + who +
               "\nid:          " + describeId(uri->id) + "\n");
}

int check(const Arguments& arguments) {
  const std::string& argument = arguments.operands[0];
  Result<std::string> text = uriText(argument);
  if (!text) return complain(text.status());
  Result<sturdy::SturdyUri> uri = sturdy::parseStrictUri(*text);
  if (!uri) return complain(inFile(argument, uri.status()));
  return print("ok: " + sturdy::redactedUri(*uri) + "\n");
}

Result<sturdy::Location> locationOf(const std::string& text) {
  if (sturdy::looksLikeUri(text)) {
    return Status(Code::kInvalidArgument, "--address: " + config::quote(text) +
                                              " is a URI; write tcp:HOST:PORT or unix:PATH");
  }
  Result<net::Address> address = net::Address::parse(text);
  if (!address) return address.status().withContext("--address");
  switch (address->kind()) {
    case net::Address::Kind::kTcp:
      return sturdy::Location(sturdy::TcpLocation{address->host(), address->port()});
    case net::Address::Kind::kUnix:
      return sturdy::Location(sturdy::UnixLocation{address->path()});
    case net::Address::Kind::kUnixAbstract:
      break;
  }
  return Status(Code::kInvalidArgument,
                "--address: an abstract socket can't stand in a URI; write tcp: or unix:");
}

// The generation of a consumer's id.
Result<uint32_t> generationOf(const Arguments& arguments) {
  const std::optional<std::string> text = arguments.get("--generation");
  if (!text) return 1;
  if (!arguments.has("--consumer")) {
    return Status(Code::kInvalidArgument, "--generation is one of a consumer; add --consumer NAME");
  }
  const std::optional<uint64_t> number = config::parseCount(*text);
  if (number && *number > 0 && *number <= UINT32_MAX) return static_cast<uint32_t>(*number);
  return Status(Code::kInvalidArgument, "--generation " + config::quote(*text) +
                                            " is no generation; write a number from 1 on");
}

std::string idOf(const Arguments& arguments, uint32_t generation, const std::string& secret) {
  const std::string name = *arguments.get("--name");
  const std::optional<std::string> consumer = arguments.get("--consumer");
  return consumer ? sturdy::consumerId(secret, name, *consumer, generation)
                  : sturdy::derivedId(secret, name);
}

int derive(const Arguments& arguments) {
  for (const char* flag : {"--key", "--name", "--address"}) {
    if (!arguments.has(flag)) {
      return complain(std::string(flag) + " is missing; see vatmesh uri derive --help", kUsage);
    }
  }
  std::string tls = arguments.get("--tls").value_or("on");
  if (tls != "on" && tls != "off") {
    return complain("--tls " + config::quote(tls) + " is not known; write on or off", kUsage);
  }
  Result<uint32_t> generation = generationOf(arguments);
  if (!generation) return complain(generation.status());
  Result<sturdy::Location> location = locationOf(*arguments.get("--address"));
  if (!location) return complain(location.status());
  if (Status status = checkPath(*arguments.get("--key")); !status.ok()) return complain(status);
  Result<tls::KeyPair> key = tls::readKeyFile(*arguments.get("--key"));
  if (!key) return complain(key.status());
  sturdy::SturdyUri uri;
  uri.location = *location;
  uri.secure = tls == "on";
  if (uri.secure) uri.digest = key->fingerprint();
  uri.id = idOf(arguments, *generation, sturdy::vatSecret(key->pem()));
  if (Status status = sturdy::checkUri(uri); !status.ok()) {
    return complain(status.withContext("--address"));
  }
  return print(sturdy::printUri(uri) + "\n");
}

constexpr std::array<Flag, 6> kDeriveFlags{{
    {"--key", "FILE", "the vat's key file"},
    {"--name", "NAME", "the name of the export"},
    {"--consumer", "NAME", "one of the export's consumers, who has an id of their own"},
    {"--generation", "N", "the consumer's generation (default: 1)"},
    {"--address", "ADDR", "the advertised address, tcp:HOST:PORT or unix:PATH"},
    {"--tls", "on|off", "off: a URI without the fingerprint, for a vat without TLS (default: on)"},
}};

}  // namespace

const Command kUriShow{
    "uri show",
    "URI|CAPFILE",
    1,
    "Print the parts of a URI without its secret",
    "The id is shown only as its length and the beginning of its digest, as logs name it.\n"
    "Prefer a cap file: arguments of a process are visible to everyone on the host.\n"
    "\nexample:\n"
    "  vatmesh uri show calculator.cap\n",
    {},
    show};

const Command kUriDerive{
    "uri derive",
    "",
    0,
    "Print the URI of an export that a vat will have",
    "Only the key, the export's name, its consumer if there is one, and the advertised address\n"
    "matter, so the URI is known before the vat runs. The id depends on the exact bytes of the "
    "key\n"
    "file. The URI is a secret: whoever has it may use the export.\n"
    "\nexample:\n"
    "  vatmesh uri derive --key vat.key --name calculator \\\n"
    "      --address tcp:calc.example.com:7000 > calculator.cap\n",
    kDeriveFlags,
    derive};

const Command kUriCheck{
    "uri check",
    "URI|CAPFILE",
    1,
    "Check that a URI is well formed and can work",
    "Refuses what lenient readers take: a port above 65535, a digest that isn't 32 bytes,\n"
    "needless escapes, a Unix path that some readers take for another one.\n"
    "\nexample:\n"
    "  vatmesh uri check calculator.cap\n",
    {},
    check};

}  // namespace vatmesh::deploy
