// SPDX-License-Identifier: Apache-2.0
#include "sidecar/config/load.h"

#include <algorithm>
#include <array>

#include "rpc/sturdy/identity.h"
#include "sidecar/config/load_parts.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::config {
namespace {

constexpr std::array<std::string_view, 15> kKeys{
    "key",   "fingerprint", "listen",   "advertise", "app",   "exports", "imports", "control",
    "admin", "tcp",         "timeouts", "limits",    "store", "log",     "debug"};

// More would only hide the first.
constexpr size_t kMaxErrors = 100;

void readKey(Context& context, const Section& top, Config& config) {
  const Node* node = top.find("key");
  if (!node) return;
  if (node->kind == Node::Kind::kScalar && node->text == "ephemeral" && !node->quoted) return;
  config.key_file = readPath(context, *node).value_or("");
}

void readFingerprint(Context& context, const Section& top, Config& config) {
  const Node* node = top.find("fingerprint");
  if (!node) return;
  auto text = readText(context, *node, "a fingerprint, as `vatmesh key show` prints it");
  if (!text) return;
  Result<std::string> digest = sturdy::parseFingerprint(*text);
  if (!digest) {
    context.error(node->place, quote(*text) + " is " + digest.status().message());
    return;
  }
  config.fingerprint = *digest;
}

void readStore(Context& context, const Section& top, Config& config) {
  constexpr std::string_view kForms = "none, memory, files:DIR or sqlite:FILE";
  const Node* node = top.find("store");
  if (!node) return;
  if (node->kind == Node::Kind::kMap) {
    context.error(node->place, "store plugins come with a later version",
                  "write " + std::string(kForms));
    return;
  }
  auto text = readText(context, *node, kForms);
  if (!text) return;
  Result<store::StoreSpec> spec = store::parseStoreSpec(*text);
  if (!spec) {
    context.error(node->place, quote(*text) + " " + spec.status().message());
    return;
  }
  config.store = *std::move(spec);
  if (config.store.durable()) config.store.path = context.absolute(config.store.path);
}

void readLog(Context& context, const Node& node, Log& log) {
  constexpr std::array<std::string_view, 2> kLogKeys{"level", "format"};
  constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warning", "error"};
  constexpr std::array<std::string_view, 2> kFormats{"text", "json"};
  Section section(context, node, "log", kLogKeys);
  if (const Node* level = section.find("level")) {
    if (auto choice = readChoice(context, *level, kLevels)) {
      log.level = logLevelFromName(kLevels[*choice]).value_or(LogLevel::kInfo);
    }
  }
  if (const Node* format = section.find("format")) {
    auto choice = readChoice(context, *format, kFormats);
    log.format = choice == size_t{1} ? LogFormat::kJson : LogFormat::kText;
  }
}

void readDebug(Context& context, const Node& node, Debug& debug) {
  constexpr std::array<std::string_view, 3> kDebugKeys{"journal", "payloads", "limit"};
  constexpr std::array<std::string_view, 2> kBool{"false", "true"};
  constexpr uint64_t kSmallestJournal = 64 << 10;
  Section section(context, node, "debug", kDebugKeys);
  if (const Node* journal = section.find("journal")) {
    debug.journal = readPath(context, *journal).value_or("");
  } else if (section.ok()) {
    context.error(section.place(), "debug has no journal",
                  "add journal: FILE, where the vat's inputs are recorded, or leave debug out");
  }
  if (const Node* payloads = section.find("payloads")) {
    debug.payloads = readChoice(context, *payloads, kBool) == size_t{1};
  }
  if (const Node* limit = section.find("limit")) {
    debug.limit = readSize(context, *limit).value_or(debug.limit);
    if (debug.limit < kSmallestJournal) {
      context.error(limit->place, quote(limit->text) + " is too small for a journal",
                    "write at least 64KiB");
    }
  }
}

void readAdmin(Context& context, const Section& top, Config& config) {
  const Node* node = top.find("admin");
  if (!node) return;
  auto address = readAddress(context, *node);
  if (!address) return;
  if (!address->starts_with("tcp:")) {
    context.error(node->place, quote(*address) + " can't serve HTTP probes",
                  "write tcp:HOST:PORT, as in tcp:0.0.0.0:9900");
    return;
  }
  config.admin = std::move(*address);
}

Config readAll(Context& context, const Node& root, std::optional<uint64_t> memory_limit) {
  Config config;
  Section top(context, root, "", kKeys);
  readKey(context, top, config);
  readFingerprint(context, top, config);
  if (const Node* node = top.find("listen")) readListen(context, *node, config);
  if (const Node* node = top.find("advertise")) {
    config.advertise = readAddress(context, *node).value_or("");
  }
  if (const Node* node = top.find("app")) config.app = readApp(context, *node, "app");
  if (const Node* node = top.find("exports")) readExports(context, *node, config.app, config);
  if (const Node* node = top.find("imports")) readImports(context, *node, config);
  if (const Node* node = top.find("control")) {
    config.control = readLocalSocket(context, *node, "control");
  }
  readAdmin(context, top, config);
  if (const Node* node = top.find("tcp")) readTcp(context, *node, config.tcp);
  if (const Node* node = top.find("timeouts")) readTimeouts(context, *node, config.timeouts);
  readLimits(context, top.find("limits"), memory_limit, config.limits);
  readStore(context, top, config);
  if (const Node* node = top.find("log")) readLog(context, *node, config.log);
  if (const Node* node = top.find("debug")) readDebug(context, *node, config.debug);
  return config;
}

std::vector<std::string> printErrors(const std::string& file_name, std::vector<Diagnostic> errors) {
  std::stable_sort(errors.begin(), errors.end(),
                   [](const Diagnostic& a, const Diagnostic& b) { return a.place < b.place; });
  std::vector<std::string> out;
  for (const Diagnostic& error : errors) {
    if (out.size() == kMaxErrors) {
      out.push_back(file_name + ": " + std::to_string(errors.size() - kMaxErrors) +
                    " more errors; mend the first ones and try again");
      break;
    }
    if (error.place.line == 0) {
      out.push_back("command line: " + error.text);
      continue;
    }
    out.push_back(file_name + ":" + std::to_string(error.place.line) + ":" +
                  std::to_string(error.place.column) + ": " + error.text);
  }
  return out;
}

}  // namespace

Loaded load(const Source& source) {
  Loaded out;
  Context context;
  context.base_folder = source.base_folder;
  if (source.text.size() > kMaxConfigSize) {
    context.error({1, 1}, "the file is larger than 1MiB", "a configuration is a few kilobytes");
    out.errors = printErrors(source.file_name, std::move(context.errors));
    return out;
  }
  Tree tree = parseYaml(source.text);
  context.errors = std::move(tree.errors);
  if (context.errors.empty()) {
    applyCapnpOptions(source.options, source.options_folder, tree.root);
    Config config = readAll(context, tree.root, source.memory_limit);
    if (tree.root.kind == Node::Kind::kMap || tree.root.kind == Node::Kind::kNull) {
      checkTogether(context, tree.root, config);
    }
    config.warnings = std::move(context.warnings);
    if (context.errors.empty()) out.config = std::move(config);
  }
  out.errors = printErrors(source.file_name, std::move(context.errors));
  return out;
}

const Listener* advertisedListener(const Config& config) {
  for (const Listener& listener : config.listen) {
    if (listener.tls) return &listener;
  }
  return config.listen.empty() ? nullptr : &config.listen.front();
}

bool advertisesTls(const Config& config) {
  const Listener* listener = advertisedListener(config);
  return listener && listener->tls;
}

}  // namespace vatmesh::config
