// SPDX-License-Identifier: Apache-2.0
#include "sidecar/config/address_text.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <optional>

#include "sidecar/config/scalar.h"

namespace vatmesh::config {
namespace {

// sun_path has 108 bytes: a path ends with a NUL, an abstract name begins with one.
constexpr size_t kMaxSocketName = 107;

Status bad(std::string what, std::string_view remedy) {
  return {Code::kInvalidArgument, std::move(what) + "; " + std::string(remedy)};
}

std::optional<in6_addr> ipv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1 ? std::optional(address) : std::nullopt;
}

std::optional<in_addr> ipv4(const std::string& host) {
  in_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ? std::optional(address) : std::nullopt;
}

bool plainHost(std::string_view host) {
  constexpr std::string_view kCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
  return !host.empty() && host.size() <= 253 &&
         host.find_first_not_of(kCharacters) == std::string_view::npos;
}

// An address in digits and dots that isn't one, such as 127.0.1 or 256.1.1.1, is a slip: resolvers
// would take some of them for something else.
bool digitsAndDots(std::string_view host) {
  return host.find_first_not_of("0123456789.") == std::string_view::npos;
}

Result<AddressText> parseTcp(std::string_view text) {
  std::string whole = quote("tcp:" + std::string(text));
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.ends_with(']')) {
    return bad(whole + " has no port", "write tcp:HOST:PORT");
  }
  auto port = parseCount(text.substr(colon + 1));
  if (!port || *port > 65535) {
    return bad(whole + " has no valid port", "write a port from 0 to 65535");
  }
  AddressText out{AddressText::Kind::kTcp, std::string(text.substr(0, colon)),
                  static_cast<uint16_t>(*port)};
  if (out.name.starts_with('[') && out.name.ends_with(']')) {
    out.name = out.name.substr(1, out.name.size() - 2);
    if (!ipv6(out.name))
      return bad(whole + " has no IPv6 address in brackets", "write tcp:[::1]:PORT");
    return out;
  }
  if (out.name.empty())
    return bad(whole + " has no host", "write tcp:0.0.0.0:PORT for every interface");
  if (out.name.find(':') != std::string::npos) {
    return bad(whole + " has a host with colons", "write IPv6 in brackets, as in tcp:[::1]:PORT");
  }
  if (out.name == "*")
    return bad(whole + " has no host", "write tcp:0.0.0.0:PORT for every interface");
  if (!plainHost(out.name) || (digitsAndDots(out.name) && !ipv4(out.name))) {
    return bad(whole + " has no valid host", "write a name or an address");
  }
  return out;
}

}  // namespace

Result<AddressText> parseAddressText(std::string_view text) {
  constexpr std::string_view kTcp = "tcp:";
  constexpr std::string_view kUnix = "unix:";
  constexpr std::string_view kAbstract = "unix-abstract:";
  if (text.starts_with(kTcp)) return parseTcp(text.substr(kTcp.size()));
  AddressText out;
  if (text.starts_with(kUnix)) {
    out.kind = AddressText::Kind::kUnix;
    out.name = text.substr(kUnix.size());
  } else if (text.starts_with(kAbstract)) {
    out.kind = AddressText::Kind::kAbstract;
    out.name = text.substr(kAbstract.size());
  } else {
    return bad(quote(text) + " is no address", "write " + std::string(kAddressForms));
  }
  if (out.name.empty() || out.name.ends_with('/') || out.name.find('\0') != std::string::npos) {
    return bad(quote(text) + " names no socket", "write " + std::string(kAddressForms));
  }
  return out;
}

std::string printAddressText(const AddressText& address) {
  switch (address.kind) {
    case AddressText::Kind::kUnix:
      return "unix:" + address.name;
    case AddressText::Kind::kAbstract:
      return "unix-abstract:" + address.name;
    case AddressText::Kind::kTcp:
      break;
  }
  bool brackets = address.name.find(':') != std::string::npos;
  return "tcp:" + (brackets ? "[" + address.name + "]" : address.name) + ":" +
         std::to_string(address.port);
}

Status checkSocketName(const AddressText& address) {
  if (address.kind == AddressText::Kind::kTcp || address.name.size() <= kMaxSocketName) return {};
  return bad(quote(printAddressText(address)) + " is longer than the " +
                 std::to_string(kMaxSocketName) + " bytes that a socket's name may have",
             "choose a shorter path");
}

bool isWildcard(std::string_view text) {
  Result<AddressText> address = parseAddressText(text);
  if (!address || address->kind != AddressText::Kind::kTcp) return false;
  if (auto v4 = ipv4(address->name)) return v4->s_addr == INADDR_ANY;
  auto v6 = ipv6(address->name);
  return v6 && IN6_IS_ADDR_UNSPECIFIED(&*v6);
}

bool isLoopback(std::string_view text) {
  Result<AddressText> address = parseAddressText(text);
  if (!address || address->kind != AddressText::Kind::kTcp) return false;
  if (address->name == "localhost") return true;
  if (auto v4 = ipv4(address->name)) return (ntohl(v4->s_addr) >> 24) == 127;
  auto v6 = ipv6(address->name);
  return v6 && IN6_IS_ADDR_LOOPBACK(&*v6);
}

}  // namespace vatmesh::config
