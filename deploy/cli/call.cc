// SPDX-License-Identifier: Apache-2.0
//
// vatmesh call URI|CAPFILE [Interface.method [ARGUMENTS]]
//
// What can be wrong with the words is found before anything is dialled.
#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

#include <capnp/message.h>
#include <kj/exception.h>

#include "deploy/cli/call_text.h"
#include "deploy/cli/command.h"
#include "deploy/cli/progress.h"
#include "deploy/cli/remote_object.h"
#include "deploy/cli/result_path.h"
#include "deploy/cli/schema_file.h"
#include "deploy/cli/sidecar_child.h"
#include "deploy/cli/uri_source.h"
#include "rpc/sturdy/uri.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::deploy {
namespace {

constexpr size_t kMaxArguments = 64 << 20;

constexpr std::array<Flag, 6> kFlags{{
    {"--schema", "FILE", "the .capnp file that declares Interface"},
    {"--import-path", "DIR[:DIR…]", "where imports that start with / are looked for"},
    {"--save", "", "print a URI for the capability in the results, or for the object itself"},
    {"--save-field", "NAME", "which one, when the results have several, as in item or box.item"},
    {"--key", "FILE", "the key we show to the peer, made when there is none (default: a new one)"},
    {"--timeout", "TIME", "how long all of it may take, as in 500ms or 2m (default: 60s)"},
}};

// What libcapnp logs by itself is for its developers.
class SilentLog : public kj::ExceptionCallback {
 public:
  void logMessage(kj::LogSeverity, const char*, int, int, kj::String&&) override {}
};

// What the words ask for, checked as far as that goes without the peer.
struct Request {
  sturdy::SturdyUri uri;
  std::string where;  // for the texts
  std::string key_file;
  Duration timeout{};
  bool save = false;
  std::unique_ptr<SchemaFile> schema;  // null: no method is called
  SchemaFile::Method method;
  std::string arguments;
  RemoteObject::Path save_path;
};

Result<sturdy::SturdyUri> uriOf(const std::string& argument) {
  Result<std::string> text = uriText(argument);
  if (!text) return text.status();
  Result<sturdy::SturdyUri> uri = sturdy::parseStrictUri(*text);
  if (!uri && !sturdy::looksLikeUri(argument)) return uri.status().withContext(argument);
  return uri;
}

Result<std::string> argumentsOf(const std::string& word) {
  return word == "-" ? readFile("/dev/stdin", kMaxArguments) : Result<std::string>(word);
}

std::vector<std::string> foldersOf(const std::string& list) {
  std::vector<std::string> folders;
  std::istringstream stream(list);
  for (std::string folder; std::getline(stream, folder, ':');) {
    if (!folder.empty()) folders.push_back(folder);
  }
  return folders;
}

// Reads the schema, and checks method, arguments and what is to be saved against it.
Status readMethod(const Arguments& words, Request& request) {
  if (!words.has("--schema")) {
    return {Code::kInvalidArgument,
            "--schema is missing; name the .capnp file that declares the interface"};
  }
  Result<std::unique_ptr<SchemaFile>> schema =
      SchemaFile::parse(*words.get("--schema"), foldersOf(words.get("--import-path").value_or("")));
  if (!schema) return schema.status();
  request.schema = std::move(*schema);
  Result<SchemaFile::Method> method = request.schema->method(words.operands[1]);
  if (!method) return method.status();
  request.method = *method;
  if (words.operands.size() > 2) {
    Result<std::string> arguments = argumentsOf(words.operands[2]);
    if (!arguments) return arguments.status();
    request.arguments = std::move(*arguments);
  }
  capnp::MallocMessageBuilder trial;
  Status status =
      readStruct(request.arguments,
                 trial.initRoot<capnp::DynamicStruct>(request.method.method.getParamType()));
  if (!status.ok() || !request.save) return status;
  Result<RemoteObject::Path> path =
      capabilityPath(request.method.method.getResultType(), words.get("--save-field"));
  if (!path) return path.status();
  request.save_path = std::move(*path);
  return Status();
}

Status readRequest(const Arguments& words, Request& request) {
  const std::string timeout = words.get("--timeout").value_or("60s");
  std::optional<Duration> duration = config::parseDuration(timeout);
  if (!duration || *duration == Duration::zero()) {
    return {Code::kInvalidArgument,
            "--timeout " + config::quote(timeout) + " is no time; write one as 500ms, 30s or 2m"};
  }
  request.timeout = *duration;
  request.key_file = words.get("--key").value_or("");
  if (Status status = checkPath(request.key_file); !status.ok()) return status;
  request.save = words.has("--save") || words.has("--save-field");
  const bool calls = words.operands.size() > 1;
  if (!calls && (!request.save || words.has("--save-field"))) {
    return {Code::kInvalidArgument,
            "something is missing; write Interface.method, or --save alone"};
  }
  Result<sturdy::SturdyUri> uri = uriOf(words.operands[0]);
  if (!uri) return uri.status();
  request.uri = std::move(*uri);
  request.where = sturdy::printLocation(request.uri.location);
  return calls ? readMethod(words, request) : Status();
}

// An answer is an answer, whatever it says; only a peer that is gone can't be reached.
int complainOfCall(const Status& status) {
  const bool gone = status.code() == Code::kDisconnected || status.code() == Code::kTimeout;
  return complain(status.message(), gone ? kUnreachable : kAnsweredByError);
}

// Whether our sidecar says of the peer that one of the two refused the other: an exception has no
// code that would tell.
bool tellsOfRefusal(std::string_view text) {
  constexpr std::array<std::string_view, 6> kRefusals{" showed key ",      "showed no certificate",
                                                      "refused our key",   "wants a certificate",
                                                      "permission denied", "not permitted"};
  return std::any_of(kRefusals.begin(), kRefusals.end(), [text](std::string_view refusal) {
    return text.find(refusal) != std::string_view::npos;
  });
}

int complainOfConnection(const Status& status) {
  constexpr std::string_view kUnknownId = "Unknown persistent service ID";
  if (status.message() == kUnknownId) {
    return complain(
        std::string(kUnknownId) +
            "\nvatmesh: the vat has nothing under this id (any more): it was taken back, "
            "has expired, was made anew, or is sealed for a key that --key should name; ask its "
            "owner for a new URI",
        kRefused);
  }
  // The sidecar's own errors begin with the name of an import, which the user never gave.
  const std::string prefix = std::string("import ") + SidecarChild::kImport + ": ";
  if (!status.message().starts_with(prefix)) return complain(status);
  const std::string text = status.message().substr(prefix.size());
  const bool refused = status.code() == Code::kFailed && tellsOfRefusal(text);
  return complain(text, refused ? kRefused : exitCodeOf(status.code()));
}

int perform(const Request& request, RemoteObject& object) {
  std::string text;
  Status status;
  if (request.schema) {
    status = object.call(
        request.method,
        [&](capnp::DynamicStruct::Builder out) { return readStruct(request.arguments, out); },
        [&](capnp::DynamicStruct::Reader results) {
          Result<std::string> printed = printStruct(results);
          if (printed) text = *printed + "\n";
          return printed.ok() ? Status() : printed.status();
        });
    if (!status.ok()) return complainOfCall(status);
  }
  if (!request.save) return print(text);
  Result<std::string> uri = request.schema ? object.save(request.save_path) : object.save();
  if (!uri) return complainOfCall(uri.status());
  return print(*uri + "\n");
}

int run(const Arguments& words) {
  const SilentLog silence;
  Request request;
  if (Status status = readRequest(words, request); !status.ok()) return complain(status);
  Progress progress;
  Result<std::unique_ptr<SidecarChild>> sidecar =
      SidecarChild::start(request.uri, request.key_file);
  if (!sidecar) return complain(sidecar.status());
  Result<event::Fd> socket = (*sidecar)->connect();
  if (!socket) return complain(socket.status());
  RemoteObject object(std::move(*socket), request.timeout, progress);
  if (Status status = object.reach(request.where); !status.ok()) {
    return complainOfConnection(status);
  }
  return perform(request, object);
}

}  // namespace

const Command kCall{
    "call",
    "URI|CAPFILE [Interface.method [ARGUMENTS]]",
    1,
    "Call a method by hand",
    "Connects to the vat of the URI, calls the method, and prints its results. ARGUMENTS and\n"
    "results are Cap'n Proto text, (field = value, …); without ARGUMENTS all fields have their\n"
    "defaults, and - reads them from standard input. Capabilities in results are shown by their\n"
    "interface, as <Value>.\n"
    "--save asks the capability in the results for a URI by which it can be found again, and\n"
    "prints that alone; without a method it asks the object itself. The URI is a secret. Only\n"
    "objects that implement Persistent can be saved; with the same --key, one has the same URI\n"
    "each time.\n"
    "Prefer a cap file to a URI: arguments of a process are visible to everyone on the host.\n"
    "\nexample:\n"
    "  vatmesh call calculator.cap --schema calculator.capnp Calculator.evaluate \\\n"
    "      '(expression = (number = 42))'\n"
    "  vatmesh call shop.cap --schema shop.capnp --save Shop.order '(item = \"tea\")' > order.cap\n"
    "  vatmesh call order.cap --schema shop.capnp Order.state\n",
    kFlags,
    run,
    CapnpFlags::kNo,
    2};

}  // namespace vatmesh::deploy
