// SPDX-License-Identifier: Apache-2.0
#include "sidecar/config/section.h"

#include <algorithm>
#include <array>
#include <limits>

#include "rpc/sturdy/uri.h"
#include "sidecar/config/scalar.h"
#include "sidecar/net/address.h"

namespace vatmesh::config {
namespace {

std::string_view kindName(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return "a single value";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
  }
  return "something else";
}

std::string unknownKey(const std::string& key, std::string_view section,
                       std::span<const std::string_view> known) {
  std::string out = "unknown key " + quote(key);
  if (!section.empty()) out += " in " + std::string(section);
  std::string_view near = nearest(key, known);
  if (!near.empty()) return out + "; did you mean " + quote(near) + "?";
  return out + "; known are " + listOf(known);
}

// Notes what is there instead of a scalar.
bool isScalar(Context& context, const Node& node, std::string_view expected) {
  if (node.kind == Node::Kind::kScalar) return true;
  context.error(node.place, std::string(kindName(node)) + " stands here", expected);
  return false;
}

}  // namespace

void Context::error(Place place, std::string_view what, std::string_view remedy) {
  errors.push_back({place, std::string(what) + "; " + std::string(remedy)});
}

std::string Context::absolute(std::string_view path) const {
  if (path.starts_with('/')) return std::string(path);
  while (path.starts_with("./")) path.remove_prefix(2);
  std::string_view slash = base_folder.ends_with('/') ? "" : "/";
  return base_folder + std::string(slash) + std::string(path);
}

std::string listOf(std::span<const std::string_view> words) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

Section::Section(Context& context, const Node& node, std::string name,
                 std::span<const std::string_view> known)
    : node_(node) {
  // A key without a value is an empty map.
  if (node.kind == Node::Kind::kNull) return;
  if (node.kind != Node::Kind::kMap) {
    ok_ = false;
    context.error(node.place,
                  std::string(kindName(node)) + " stands here where " +
                      (name.empty() ? "the configuration" : name) + " is a map",
                  "its keys are " + listOf(known));
    return;
  }
  for (const Node::Entry& entry : node.entries) {
    bool is_known = std::find(known.begin(), known.end(), entry.key) != known.end();
    if (!is_known) context.error(entry.place, unknownKey(entry.key, name, known));
  }
}

Place Section::place(std::string_view key) const {
  const Node* value = find(key);
  return value ? value->place : node_.place;
}

std::optional<std::string> readText(Context& context, const Node& node, std::string_view example) {
  if (!isScalar(context, node, "write " + std::string(example))) return std::nullopt;
  if (node.text.empty()) {
    context.error(node.place, "an empty text stands here", "write " + std::string(example));
    return std::nullopt;
  }
  if (node.text.find('\0') != std::string::npos) {
    context.error(node.place, "a NUL character stands here", "write " + std::string(example));
    return std::nullopt;
  }
  return node.text;
}

std::optional<std::string> readPath(Context& context, const Node& node) {
  auto text = readText(context, node, "the path of a file");
  if (!text) return std::nullopt;
  if (sturdy::looksLikeUri(*text)) {
    context.error(node.place, quote(*text) + " is a URI", "write the path of a file");
    return std::nullopt;
  }
  if (text->ends_with('/')) {
    context.error(node.place, quote(*text) + " is the path of a folder",
                  "write the path of a file");
    return std::nullopt;
  }
  return context.absolute(*text);
}

std::optional<Duration> readDuration(Context& context, const Node& node) {
  constexpr std::string_view kExample = "write a number with its unit, as in 250ms, 30s, 10m or 1h";
  if (!isScalar(context, node, kExample)) return std::nullopt;
  auto duration = parseDuration(node.text);
  if (!duration) {
    context.error(node.place, quote(node.text) + " is no duration", kExample);
    return std::nullopt;
  }
  if (*duration == Duration::zero()) {
    context.error(node.place, "a duration of zero can't be kept", "write at least 1ms");
    return std::nullopt;
  }
  return duration;
}

std::optional<uint64_t> readSize(Context& context, const Node& node) {
  constexpr std::string_view kExample = "write a number with its unit, as in 64KiB, 64MiB or 1GiB";
  if (!isScalar(context, node, kExample)) return std::nullopt;
  auto size = parseSize(node.text);
  if (!size) {
    context.error(node.place, quote(node.text) + " is no size", kExample);
    return std::nullopt;
  }
  constexpr uint64_t kLeast = 1024;
  if (*size < kLeast) {
    context.error(node.place, quote(node.text) + " is too small", "write at least 1KiB");
    return std::nullopt;
  }
  return size;
}

std::optional<uint64_t> readCount(Context& context, const Node& node, uint64_t min, uint64_t max) {
  std::string range =
      "write a plain number from " + std::to_string(min) + " to " + std::to_string(max);
  if (!isScalar(context, node, range)) return std::nullopt;
  auto count = parseCount(node.text);
  if (!count || *count < min || *count > max) {
    context.error(node.place, quote(node.text) + " is no number for this key", range);
    return std::nullopt;
  }
  return count;
}

std::optional<size_t> readChoice(Context& context, const Node& node,
                                 std::span<const std::string_view> words) {
  if (!isScalar(context, node, "write " + listOf(words))) return std::nullopt;
  for (size_t i = 0; i < words.size(); ++i) {
    if (node.text == words[i]) return i;
  }
  std::string_view near = nearest(node.text, words);
  std::string remedy =
      near.empty() ? "write " + listOf(words) : "did you mean " + quote(near) + "?";
  context.error(node.place, quote(node.text) + " is not known here", remedy);
  return std::nullopt;
}

std::optional<TlsVersion> readTlsVersion(Context& context, const Node& node) {
  constexpr std::array<std::string_view, 2> kVersions{"1.2", "1.3"};
  auto choice = readChoice(context, node, kVersions);
  if (!choice) return std::nullopt;
  return *choice == 0 ? TlsVersion::k1_2 : TlsVersion::k1_3;
}

void readPacked(Context& context, const Node& node) {
  constexpr std::array<std::string_view, 2> kWords{"false", "true"};
  auto choice = readChoice(context, node, kWords);
  if (choice && *choice == 1) {
    context.error(node.place, "packed encoding is not supported yet", "write false");
  }
}

std::optional<AllowUids> readAllowUids(Context& context, const Node& node) {
  AllowUids out;
  if (node.kind == Node::Kind::kScalar && node.text == "any") {
    out.any = true;
    return out;
  }
  if (node.kind != Node::Kind::kList) {
    context.error(node.place, std::string(kindName(node)) + " stands here",
                  "write a list of user ids, as in [1000], or any");
    return std::nullopt;
  }
  for (const Node& item : node.items) {
    auto uid = readCount(context, item, 0, std::numeric_limits<uint32_t>::max() - 1);
    if (uid) out.uids.push_back(static_cast<uint32_t>(*uid));
  }
  return out;
}

namespace {

constexpr std::string_view kAddressForms =
    "write tcp:HOST:PORT, tcp:[IPV6]:PORT, unix:PATH or unix-abstract:NAME";

// sun_path has 108 bytes, and a path ends with a NUL.
constexpr size_t kMaxSocketPath = 107;

// What net::Address would show as it stands: a secret, or characters that forge a line.
bool isUnspeakable(std::string_view text) {
  return text.find("://") != std::string_view::npos || sturdy::looksLikeUri(text) ||
         std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// The path of a Unix socket made absolute, and whether it can be one.
std::optional<net::Address> readSocketPath(Context& context, const Node& node,
                                           const net::Address& address) {
  net::Address out = net::Address::unixPath(context.absolute(address.path()));
  if (out.path().ends_with('/')) {
    context.error(node.place, quote(node.text) + " names a folder", "write the path of a socket");
    return std::nullopt;
  }
  if (out.path().size() > kMaxSocketPath) {
    context.error(node.place,
                  quote(out.path()) + " is longer than the 107 bytes that a socket's path may have",
                  "choose a shorter one");
    return std::nullopt;
  }
  return out;
}

}  // namespace

std::optional<std::string> readAddress(Context& context, const Node& node) {
  if (!isScalar(context, node, kAddressForms)) return std::nullopt;
  if (isUnspeakable(node.text)) {
    context.error(node.place, quote(node.text) + " is no address", kAddressForms);
    return std::nullopt;
  }
  Result<net::Address> address = net::Address::parse(node.text);
  if (!address) {
    context.error(node.place, address.status().message());
    return std::nullopt;
  }
  if (address->kind() != net::Address::Kind::kUnix) return address->toString();
  auto path = readSocketPath(context, node, *address);
  if (!path) return std::nullopt;
  return path->toString();
}

namespace {

std::optional<LocalSocket> readLongSocket(Context& context, const Node& node,
                                          std::string_view name) {
  constexpr std::array<std::string_view, 2> kKeys{"address", "allowUids"};
  Section section(context, node, std::string(name), kKeys);
  LocalSocket out;
  const Node* address = section.find("address");
  if (!address) {
    context.error(section.place(), std::string(name) + " has no address",
                  "add \"address\", as in {address: unix:run/name.sock}");
    return std::nullopt;
  }
  auto text = readAddress(context, *address);
  if (const Node* uids = section.find("allowUids")) {
    out.allow = readAllowUids(context, *uids).value_or(AllowUids{});
    if (text && text->starts_with("tcp:")) {
      context.error(uids->place, "a TCP socket doesn't know its callers' users",
                    "use a unix: or unix-abstract: address, or leave allowUids out");
    }
  }
  if (!text) return std::nullopt;
  out.address = std::move(*text);
  return out;
}

}  // namespace

std::optional<LocalSocket> readLocalSocket(Context& context, const Node& node,
                                           std::string_view name) {
  std::optional<LocalSocket> out;
  if (node.kind == Node::Kind::kMap) {
    out = readLongSocket(context, node, name);
  } else if (auto address = readAddress(context, node)) {
    out = LocalSocket{std::move(*address), {}};
  }
  if (!out || !out->address.starts_with("tcp:")) return out;
  Result<net::Address> parsed = net::Address::parse(out->address);
  if (!parsed || !parsed->isLoopback()) {
    Place place = node.find("address") ? node.find("address")->place : node.place;
    context.error(place, quote(out->address) + " could be reached from other hosts",
                  "write a unix: or unix-abstract: address, or TCP on 127.0.0.1, [::1] or "
                  "localhost");
    return std::nullopt;
  }
  context.warnings.push_back(std::string(name) + ": every user of this host may use " +
                             out->address + "; a unix: address keeps others out");
  return out;
}

}  // namespace vatmesh::config
