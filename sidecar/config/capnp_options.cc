// SPDX-License-Identifier: Apache-2.0
#include "sidecar/config/capnp_options.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "sidecar/config/scalar.h"

namespace vatmesh::config {
namespace {

constexpr std::string_view kPrefix = "--capnp-";
constexpr std::string_view kKey = "--capnp-secret-key-file";
constexpr std::string_view kListen = "--capnp-listen-address";
constexpr std::string_view kPublic = "--capnp-public-address";
constexpr std::string_view kNoTls = "--capnp-disable-tls";
constexpr std::array<std::string_view, 4> kNames{kKey, kListen, kPublic, kNoTls};
constexpr std::string_view kUnix = "unix:";

// Of what no file has.
constexpr Place kNowhere{.line = 0, .column = 0};

Status usage(std::string text) {
  return {Code::kInvalidArgument, std::move(text)};
}

std::optional<std::string>& valueOf(std::string_view name, CapnpOptions& options) {
  if (name == kKey) return options.secret_key_file;
  return name == kListen ? options.listen_address : options.public_address;
}

Node scalar(std::string text, bool quoted) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.place = kNowhere;
  node.text = std::move(text);
  node.quoted = quoted;
  return node;
}

// Sets `key` of a map, or of an empty document.
void set(Node& map, std::string_view key, Node value) {
  if (map.kind == Node::Kind::kNull) map.kind = Node::Kind::kMap;
  if (map.kind != Node::Kind::kMap) return;  // wrong anyway, which is told by whoever reads it
  const auto found = std::find_if(map.entries.begin(), map.entries.end(),
                                  [key](const Node::Entry& entry) { return entry.key == key; });
  if (found != map.entries.end()) {
    found->place = kNowhere;
    found->value = std::move(value);
  } else {
    map.entries.push_back({std::string(key), kNowhere, std::move(value)});
  }
}

std::string absolutePath(const std::string& path, const std::string& folder) {
  return (std::filesystem::path(folder) / path).lexically_normal();
}

std::string absoluteAddress(const std::string& address, const std::string& folder) {
  if (!address.starts_with(kUnix) || address.size() == kUnix.size()) return address;
  return std::string(kUnix) + absolutePath(address.substr(kUnix.size()), folder);
}

// Turns TLS off at one listener, short form or long.
void disableTls(Node& listener) {
  if (listener.kind == Node::Kind::kScalar) {
    Node map;
    map.kind = Node::Kind::kMap;
    map.place = listener.place;
    map.entries.push_back({"address", listener.place, std::move(listener)});
    listener = std::move(map);
  }
  set(listener, "tls", scalar("off", false));
  std::erase_if(listener.entries, [](const Node::Entry& entry) { return entry.key == "minTls"; });
}

void disableTlsEverywhere(Node& root) {
  for (Node::Entry& entry : root.entries) {
    if (entry.key != "listen") continue;
    if (entry.value.kind == Node::Kind::kList) {
      for (Node& listener : entry.value.items) disableTls(listener);
    } else {
      disableTls(entry.value);
    }
  }
}

}  // namespace

const std::string_view kCapnpOptionsHelp =
    "CAP'N PROTO OPTIONS, as programs of the OCaml library have them; the beginning of a name "
    "will\n"
    "do, as in --capnp-listen:\n"
    "  --capnp-secret-key-file PATH  the vat's key, made when there is none; empty: a new one at\n"
    "                                each start\n"
    "  --capnp-listen-address ADDR   where peers connect: tcp:HOST:PORT or unix:PATH\n"
    "  --capnp-public-address ADDR   the address in URIs (default: where we listen)\n"
    "  --capnp-disable-tls           no encryption and no identity for incoming connections\n";

bool looksLikeCapnpOption(std::string_view word) {
  return word.starts_with(kPrefix);
}

Result<std::string_view> capnpOptionName(std::string_view name) {
  std::vector<std::string_view> fitting;
  for (const std::string_view known : kNames) {
    if (name == known) return known;
    if (known.starts_with(name)) fitting.push_back(known);
  }
  if (fitting.size() == 1 && name.size() > kPrefix.size()) return fitting.front();
  std::string text = "unknown option " + quote(name);
  if (!fitting.empty()) text = quote(name) + " may be any of several options";
  return usage(text + "; there are --capnp-secret-key-file, --capnp-listen-address, " +
               "--capnp-public-address and --capnp-disable-tls");
}

Result<size_t> takeCapnpOption(std::span<const std::string> words, size_t at, CapnpOptions& out) {
  const std::string& word = words[at];
  const size_t equals = word.find('=');
  const bool has_value = equals != std::string::npos;
  const Result<std::string_view> name = capnpOptionName(word.substr(0, equals));
  if (!name.ok()) return name.status();
  const std::string shown(*name);
  const Status twice = usage(shown + " is given twice; keep one of them");
  if (*name == kNoTls) {
    if (has_value) return usage(shown + " takes no value");
    if (out.disable_tls) return twice;
    out.disable_tls = true;
    return at + 1;
  }
  std::optional<std::string>& value = valueOf(*name, out);
  if (value) return twice;
  if (has_value) {
    value = word.substr(equals + 1);
    return at + 1;
  }
  if (at + 1 == words.size()) return usage(shown + " needs a value");
  value = words[at + 1];
  return at + 2;
}

Status checkComplete(const CapnpOptions& options) {
  std::string_view missing;
  if (!options.listen_address) missing = kListen;
  if (!options.secret_key_file) missing = kKey;
  if (missing.empty()) return Status();
  return usage(std::string(missing) + " is missing; without --config it is required");
}

void applyCapnpOptions(const CapnpOptions& options, const std::string& folder, Node& root) {
  if (const auto& path = options.secret_key_file) {
    set(root, "key",
        path->empty() ? scalar("ephemeral", false) : scalar(absolutePath(*path, folder), true));
  }
  if (options.listen_address) {
    set(root, "listen", scalar(absoluteAddress(*options.listen_address, folder), true));
  }
  if (options.public_address) {
    set(root, "advertise", scalar(absoluteAddress(*options.public_address, folder), true));
  }
  if (options.disable_tls) disableTlsEverywhere(root);
}

}  // namespace vatmesh::config
