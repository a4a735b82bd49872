// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <limits>

#include "sidecar/config/load_parts.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::config {
namespace {

constexpr std::array<std::string_view, 8> kKeys{"dial",  "run",       "fd",     "accept",
                                                "links", "interface", "packed", "allowUids"};
constexpr std::array<std::string_view, 4> kKinds{"dial", "run", "fd", "accept"};
constexpr std::string_view kForms =
    "write an address, or a map with one of dial, run, fd or accept";

// The one of dial, run, fd and accept that stands there.
const Node* findKind(Context& context, const Section& section, const std::string& name,
                     std::string_view& kind) {
  const Node* found = nullptr;
  for (std::string_view candidate : kKinds) {
    const Node* node = section.find(candidate);
    if (!node) continue;
    if (found) {
      context.error(node->place,
                    name + " has both " + std::string(kind) + " and " + std::string(candidate),
                    "keep one of dial, run, fd and accept");
      return nullptr;
    }
    found = node;
    kind = candidate;
  }
  if (!found)
    context.error(section.place(), name + " doesn't say where the application is", kForms);
  return found;
}

std::optional<std::vector<std::string>> readCommand(Context& context, const Node& node) {
  constexpr std::string_view kExample = "write a list, as in [./server, --port, 5000]";
  if (node.kind != Node::Kind::kList || node.items.empty()) {
    context.error(node.place, "run needs a command and its arguments", kExample);
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (const Node& item : node.items) {
    if (item.kind != Node::Kind::kScalar || item.text.find('\0') != std::string::npos) {
      context.error(item.place, "an argument must be a text", kExample);
      return std::nullopt;
    }
    out.push_back(item.text);
  }
  if (out[0].empty() || out[0].ends_with('/')) {
    context.error(node.items[0].place, quote(out[0]) + " is no command", kExample);
    return std::nullopt;
  }
  // Without a slash the command is looked up in PATH.
  if (out[0].find('/') != std::string::npos) out[0] = context.absolute(out[0]);
  return out;
}

bool readDial(Context& context, const Node& node, App& app) {
  auto address = readAddress(context, node);
  if (!address) return false;
  if (address->starts_with("tcp:") && address->ends_with(":0")) {
    context.error(node.place, quote(*address) + " can't be dialled",
                  "write the port on which the application listens");
    return false;
  }
  app.kind = App::Kind::kDial;
  app.address = std::move(*address);
  return true;
}

bool readAccept(Context& context, const Node& node, App& app) {
  auto socket = readLocalSocket(context, node, "accept");
  if (!socket) return false;
  app.kind = App::Kind::kAccept;
  app.links = App::Links::kShared;
  app.address = std::move(socket->address);
  app.allow = std::move(socket->allow);
  return true;
}

bool readKind(Context& context, std::string_view kind, const Node& node, App& app) {
  if (kind == "dial") return readDial(context, node, app);
  if (kind == "accept") return readAccept(context, node, app);
  app.links = App::Links::kShared;
  if (kind == "run") {
    auto command = readCommand(context, node);
    if (!command) return false;
    app.kind = App::Kind::kRun;
    app.command = std::move(*command);
    return true;
  }
  constexpr uint64_t kFirstFree = 3;  // behind the standard three
  auto fd = readCount(context, node, kFirstFree, 65535);
  if (!fd) return false;
  app.kind = App::Kind::kFd;
  app.fd = static_cast<int>(*fd);
  return true;
}

void readLinks(Context& context, const Section& section, const std::string& name, App& app) {
  constexpr std::array<std::string_view, 2> kLinks{"perPeer", "shared"};
  const Node* node = section.find("links");
  if (!node) return;
  auto choice = readChoice(context, *node, kLinks);
  if (!choice) return;
  if (app.kind != App::Kind::kDial) {
    context.error(node->place, name + " has one connection only, so there is nothing to choose",
                  "leave links out, or use dial");
    return;
  }
  app.links = *choice == 0 ? App::Links::kPerPeer : App::Links::kShared;
}

void readInterface(Context& context, const Section& section, App& app) {
  constexpr std::array<std::string_view, 2> kInterfaces{"plain", "application"};
  const Node* node = section.find("interface");
  if (!node) return;
  auto choice = readChoice(context, *node, kInterfaces);
  if (choice == size_t{1}) app.interface = App::Interface::kApplication;
}

void readAllow(Context& context, const Section& section, App& app) {
  const Node* node = section.find("allowUids");
  if (!node) return;
  auto allow = readAllowUids(context, *node);
  if (!allow) return;
  if (app.kind != App::Kind::kAccept) {
    context.error(node->place, "only an application that dials in has a user to check",
                  "leave allowUids out, or use accept");
  } else if (app.address.starts_with("tcp:")) {
    context.error(node->place, "a TCP socket doesn't know its callers' users",
                  "use a unix: or unix-abstract: address, or leave allowUids out");
  } else {
    app.allow = std::move(*allow);
  }
}

}  // namespace

std::optional<App> readApp(Context& context, const Node& node, const std::string& name) {
  App app;
  if (node.kind == Node::Kind::kScalar) {
    if (!readDial(context, node, app)) return std::nullopt;
    return app;
  }
  if (node.kind != Node::Kind::kMap) {
    context.error(node.place, name + " is neither an address nor a map", kForms);
    return std::nullopt;
  }
  if (const Node* handoff = node.find("handoff")) {
    context.error(handoff->place, "handoff comes with a later version",
                  "use dial, run, fd or accept");
    return std::nullopt;
  }
  Section section(context, node, name, kKeys);
  std::string_view kind;
  const Node* value = findKind(context, section, name, kind);
  if (!value || !readKind(context, kind, *value, app)) return std::nullopt;
  readLinks(context, section, name, app);
  readInterface(context, section, app);
  if (const Node* packed = section.find("packed")) readPacked(context, *packed);
  readAllow(context, section, app);
  return app;
}

}  // namespace vatmesh::config
