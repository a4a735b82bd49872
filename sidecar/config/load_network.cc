// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <chrono>

#include "sidecar/config/load_parts.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::config {
namespace {

// What the kernel takes for TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT.
constexpr std::chrono::seconds kMaxKeepalive{32767};
constexpr uint64_t kMaxProbes = 127;

// With an empty address when that is wrong.
Listener readListener(Context& context, const Node& node) {
  constexpr std::array<std::string_view, 4> kKeys{"address", "tls", "minTls", "packed"};
  constexpr std::array<std::string_view, 2> kOnOff{"off", "on"};
  Listener out;
  if (node.kind != Node::Kind::kMap) {
    out.address = readAddress(context, node).value_or("");
    return out;
  }
  Section section(context, node, "listen", kKeys);
  const Node* address = section.find("address");
  if (!address) {
    context.error(section.place(), "this listener has no address",
                  "add \"address\", as in {address: tcp:0.0.0.0:7000}");
  } else {
    out.address = readAddress(context, *address).value_or("");
  }
  if (const Node* tls = section.find("tls")) {
    out.tls = readChoice(context, *tls, kOnOff) != size_t{0};
  }
  if (const Node* min_tls = section.find("minTls")) {
    out.min_tls = readTlsVersion(context, *min_tls).value_or(out.min_tls);
    if (!out.tls) {
      context.error(min_tls->place, "minTls means nothing with tls: off", "leave one of them out");
    }
  }
  if (const Node* packed = section.find("packed")) readPacked(context, *packed);
  return out;
}

void readKeepaliveTime(Context& context, const Section& section, std::string_view key,
                       Duration& out) {
  const Node* node = section.find(key);
  if (!node) return;
  auto duration = readDuration(context, *node);
  if (!duration) return;
  if (*duration % std::chrono::seconds(1) != Duration::zero() || *duration > kMaxKeepalive) {
    context.error(node->place, quote(node->text) + " can't be given to the kernel",
                  "write whole seconds from 1s to 32767s");
    return;
  }
  out = *duration;
}

void readKeepalive(Context& context, const Node& node, Tcp& tcp) {
  constexpr std::array<std::string_view, 3> kKeys{"after", "interval", "probes"};
  Section section(context, node, "tcp.keepalive", kKeys);
  readKeepaliveTime(context, section, "after", tcp.keepalive_after);
  readKeepaliveTime(context, section, "interval", tcp.keepalive_interval);
  if (const Node* probes = section.find("probes")) {
    auto count = readCount(context, *probes, 1, kMaxProbes);
    if (count) tcp.keepalive_probes = static_cast<uint32_t>(*count);
  }
}

void readTime(Context& context, const Section& section, std::string_view key, Duration& out) {
  if (const Node* node = section.find(key)) out = readDuration(context, *node).value_or(out);
}

}  // namespace

void readListen(Context& context, const Node& node, Config& config) {
  if (node.kind != Node::Kind::kList) {
    config.listen.push_back(readListener(context, node));
    return;
  }
  if (node.items.empty()) {
    context.error(node.place, "the list is empty", "write an address, or leave listen out");
  }
  for (const Node& item : node.items) config.listen.push_back(readListener(context, item));
}

void readTcp(Context& context, const Node& node, Tcp& tcp) {
  constexpr std::array<std::string_view, 3> kKeys{"keepalive", "userTimeout", "noDelay"};
  constexpr std::array<std::string_view, 2> kBool{"false", "true"};
  Section section(context, node, "tcp", kKeys);
  if (const Node* keepalive = section.find("keepalive")) readKeepalive(context, *keepalive, tcp);
  readTime(context, section, "userTimeout", tcp.user_timeout);
  if (const Node* no_delay = section.find("noDelay")) {
    tcp.no_delay = readChoice(context, *no_delay, kBool) != size_t{0};
  }
}

void readTimeouts(Context& context, const Node& node, Timeouts& timeouts) {
  constexpr std::array<std::string_view, 5> kKeys{"connect", "handshake", "appConnect", "stall",
                                                  "embargo"};
  Section section(context, node, "timeouts", kKeys);
  readTime(context, section, "connect", timeouts.connect);
  readTime(context, section, "handshake", timeouts.handshake);
  readTime(context, section, "appConnect", timeouts.app_connect);
  readTime(context, section, "stall", timeouts.stall);
  readTime(context, section, "embargo", timeouts.embargo);
}

}  // namespace vatmesh::config
