// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <filesystem>

#include "rpc/sturdy/object_id.h"
#include "sidecar/config/load_parts.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::config {
namespace {

constexpr std::array<std::string_view, 5> kExportKeys{"id", "capFile", "ref", "app", "consumers"};
constexpr std::array<std::string_view, 2> kConsumerKeys{"generation", "capFile"};
constexpr std::array<std::string_view, 5> kImportKeys{"uri", "socket", "onLoss", "minTls",
                                                      "packed"};
constexpr size_t kMaxName = 255;
constexpr uint64_t kMaxGeneration = UINT32_MAX;

// Names stand in logs and in metrics of our own making.
bool checkName(Context& context, const Node::Entry& entry) {
  bool printable = true;
  for (char c : entry.key) printable = printable && static_cast<unsigned char>(c) >= 0x20;
  if (!entry.key.empty() && entry.key.size() <= kMaxName && printable) return true;
  context.error(entry.place, quote(entry.key) + " can't be a name",
                "write 1 to 255 characters on one line");
  return false;
}

void readId(Context& context, const Node& node, Export& out) {
  constexpr std::string_view kExample = "write derived, or {public: TEXT}";
  constexpr std::array<std::string_view, 1> kIdKeys{"public"};
  if (node.kind == Node::Kind::kScalar && node.text == "derived") return;
  if (node.kind != Node::Kind::kMap) {
    std::string what = node.kind == Node::Kind::kScalar ? quote(node.text) : "this";
    context.error(node.place, what + " is no kind of id", kExample);
    return;
  }
  Section section(context, node, "id", kIdKeys);
  const Node* text = section.find("public");
  if (!text) {
    context.error(section.place(), "the id has no text", kExample);
  } else if (text->kind != Node::Kind::kScalar) {
    context.error(text->place, "a public id is a text", "write \"\" for the empty id");
  } else {
    out.public_id = sturdy::publicId(text->text);
  }
}

// The maps from names to things.
bool isNameMap(Context& context, const Node& node, std::string_view key, std::string_view example) {
  if (node.kind == Node::Kind::kMap || node.kind == Node::Kind::kNull) return true;
  context.error(node.place, std::string(key) + " is no map", "write " + std::string(example));
  return false;
}

// Beside the export's own: calculator.cap gives calculator.team-a.cap.
std::string capFileBeside(const std::string& cap_file, const std::string& consumer) {
  std::filesystem::path path(cap_file);
  const std::string extension = path.extension().string();
  return path.replace_extension().string() + "." + consumer + extension;
}

Consumer readConsumer(Context& context, const Node::Entry& entry, const Export& of) {
  Consumer out;
  out.name = entry.key;
  const std::string name = "exports." + of.name + ".consumers." + entry.key;
  Section section(context, entry.value, name, kConsumerKeys);
  if (const Node* generation = section.find("generation")) {
    out.generation = static_cast<uint32_t>(
        readCount(context, *generation, 1, kMaxGeneration).value_or(out.generation));
  }
  if (const Node* file = section.find("capFile")) {
    out.cap_file = readPath(context, *file).value_or("");
  } else if (of.cap_file.empty()) {
    return out;
  } else if (entry.key.find('/') == std::string::npos) {
    out.cap_file = capFileBeside(of.cap_file, entry.key);
  } else {
    context.error(entry.place, quote(entry.key) + " can't stand in the name of a file",
                  "add \"capFile\" to " + name);
  }
  return out;
}

Export readExport(Context& context, const Node::Entry& entry, const std::optional<App>& app) {
  Export out;
  out.name = entry.key;
  std::string name = "exports." + entry.key;
  Section section(context, entry.value, name, kExportKeys);
  if (const Node* id = section.find("id")) readId(context, *id, out);
  if (const Node* file = section.find("capFile")) {
    out.cap_file = readPath(context, *file).value_or("");
  }
  if (const Node* ref = section.find("ref")) {
    out.ref = readText(context, *ref, "the application's own name for the object");
  }
  const Node* consumers = section.find("consumers");
  if (consumers &&
      isNameMap(context, *consumers, name + ".consumers", "consumers: {team-a: {generation: 1}}")) {
    for (const Node::Entry& each : consumers->entries) {
      if (checkName(context, each)) out.consumers.push_back(readConsumer(context, each, out));
    }
  }
  const Node* own = section.find("app");
  std::optional<App> used = own ? readApp(context, *own, name + ".app") : app;
  if (used) out.app = std::move(*used);
  return out;
}

void readUri(Context& context, const Section& section, const std::string& name, Import& out) {
  const Node* node = section.find("uri");
  if (!node) {
    context.error(section.place(), name + " has no uri", "add the path of a cap file, or a URI");
    return;
  }
  auto text = readText(context, *node, "the path of a cap file, or a URI");
  if (!text) return;
  if (!sturdy::looksLikeUri(*text)) {
    out.cap_file = readPath(context, *node).value_or("");
    return;
  }
  Result<sturdy::SturdyUri> uri = sturdy::parseStrictUri(*text);
  if (!uri) {
    context.error(node->place, "malformed URI: " + uri.status().message());
    return;
  }
  out.uri = std::move(*uri);
}

void readOnLoss(Context& context, const Node& node) {
  constexpr std::array<std::string_view, 2> kWords{"close", "reconnect"};
  auto choice = readChoice(context, node, kWords);
  if (choice == size_t{1}) {
    context.error(node.place, "reconnect comes with a later version", "write close");
  }
}

Import readImport(Context& context, const Node::Entry& entry) {
  Import out;
  out.name = entry.key;
  std::string name = "imports." + entry.key;
  Section section(context, entry.value, name, kImportKeys);
  if (!section.ok()) return out;
  readUri(context, section, name, out);
  if (const Node* socket = section.find("socket")) {
    out.socket = readLocalSocket(context, *socket, name + ".socket").value_or(LocalSocket{});
  } else {
    context.error(
        section.place(), name + " has no socket",
        "add the address where local programs find it, as in unix:run/" + entry.key + ".sock");
  }
  if (const Node* on_loss = section.find("onLoss")) readOnLoss(context, *on_loss);
  if (const Node* min_tls = section.find("minTls")) {
    out.min_tls = readTlsVersion(context, *min_tls).value_or(out.min_tls);
  }
  if (const Node* packed = section.find("packed")) readPacked(context, *packed);
  return out;
}

}  // namespace

void readExports(Context& context, const Node& node, const std::optional<App>& app,
                 Config& config) {
  if (!isNameMap(context, node, "exports", "exports: {calculator: {capFile: calculator.cap}}")) {
    return;
  }
  for (const Node::Entry& entry : node.entries) {
    if (checkName(context, entry)) config.exports.push_back(readExport(context, entry, app));
  }
}

void readImports(Context& context, const Node& node, Config& config) {
  if (!isNameMap(context, node, "imports",
                 "imports: {calculator: {uri: calculator.cap, socket: unix:calculator.sock}}")) {
    return;
  }
  for (const Node::Entry& entry : node.entries) {
    if (checkName(context, entry)) config.imports.push_back(readImport(context, entry));
  }
}

}  // namespace vatmesh::config
