// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace vatmesh::net {

namespace {

constexpr std::string_view kTcp = "tcp:";
constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kAbstract = "unix-abstract:";

// What sockaddr_un has room for, less the NUL before an abstract name.
constexpr size_t kMaxAbstractName = 107;

Status invalid(std::string_view text, std::string_view problem) {
  return Status(Code::kInvalidArgument,
                "address \"" + std::string(text) + "\": " + std::string(problem));
}

std::optional<uint16_t> parsePort(std::string_view text) {
  unsigned value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value > 65535) {
    return std::nullopt;
  }
  return static_cast<uint16_t>(value);
}

bool isIpv4(const std::string& host) {
  in_addr address;
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1;
}

std::optional<in6_addr> parseIpv6(const std::string& host) {
  in6_addr address;
  // A zone (fe80::1%eth0) is for the system to check.
  const std::string digits = host.substr(0, host.find('%'));
  if (::inet_pton(AF_INET6, digits.c_str(), &address) != 1) return std::nullopt;
  return address;
}

bool looksNumeric(std::string_view host) {
  return std::all_of(host.begin(), host.end(),
                     [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

bool isHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

Result<Address> parseTcp(std::string_view text, std::string_view rest) {
  constexpr std::string_view kForm = "write tcp:HOST:PORT, with IPv6 as tcp:[::1]:PORT";
  std::string host;
  std::string_view port_text;
  if (rest.starts_with('[')) {
    const size_t close = rest.find("]:");
    if (close == std::string_view::npos) return invalid(text, kForm);
    host = std::string(rest.substr(1, close - 1));
    port_text = rest.substr(close + 2);
    if (!parseIpv6(host)) return invalid(text, "what stands in the brackets is no IPv6 address");
  } else {
    const size_t colon = rest.rfind(':');
    if (colon == std::string_view::npos)
      return invalid(text, std::string("no port; ").append(kForm));
    host = std::string(rest.substr(0, colon));
    port_text = rest.substr(colon + 1);
    if (host.empty()) return invalid(text, "no host; for every interface write tcp:0.0.0.0:PORT");
    if (host.find(':') != std::string::npos) return invalid(text, kForm);
    if (!std::all_of(host.begin(), host.end(), isHostCharacter)) {
      return invalid(text, "a host has only letters, digits, dots, hyphens and underscores");
    }
    if (looksNumeric(host) && !isIpv4(host)) return invalid(text, "no IPv4 address");
  }
  const std::optional<uint16_t> port = parsePort(port_text);
  if (!port) return invalid(text, "a port is a number from 0 to 65535");
  return Address::tcp(std::move(host), *port);
}

Status withoutKind(std::string_view text) {
  if (text.starts_with('/') || text.starts_with('.')) {
    return invalid(text, "no kind; write unix:" + std::string(text));
  }
  if (text.starts_with('@')) {
    return invalid(text, "no kind; write unix-abstract:" + std::string(text.substr(1)));
  }
  if (parseTcp(text, text).ok()) return invalid(text, "no kind; write tcp:" + std::string(text));
  return invalid(text, "write tcp:HOST:PORT, unix:PATH or unix-abstract:NAME");
}

}  // namespace

Address Address::tcp(std::string host, uint16_t port) {
  return Address(Kind::kTcp, std::move(host), port);
}

Address Address::unixPath(std::string path) {
  return Address(Kind::kUnix, std::move(path), 0);
}

Address Address::unixAbstract(std::string name) {
  return Address(Kind::kUnixAbstract, std::move(name), 0);
}

Result<Address> Address::parse(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    return Status(Code::kInvalidArgument, "address contains a NUL byte; write it as text");
  }
  if (text.starts_with(kTcp)) return parseTcp(text, text.substr(kTcp.size()));
  if (text.starts_with(kUnix)) {
    const std::string_view path = text.substr(kUnix.size());
    if (path.empty()) return invalid(text, "no path; write unix:PATH");
    return unixPath(std::string(path));
  }
  if (text.starts_with(kAbstract)) {
    const std::string_view name = text.substr(kAbstract.size());
    if (name.empty()) return invalid(text, "no name; write unix-abstract:NAME");
    if (name.size() > kMaxAbstractName) return invalid(text, "the name has more than 107 bytes");
    return unixAbstract(std::string(name));
  }
  return withoutKind(text);
}

std::string Address::toString() const {
  switch (kind_) {
    case Kind::kUnix:
      return std::string(kUnix) + text_;
    case Kind::kUnixAbstract:
      return std::string(kAbstract) + text_;
    case Kind::kTcp:
      break;
  }
  const bool brackets = text_.find(':') != std::string::npos;
  return std::string(kTcp) + (brackets ? "[" + text_ + "]" : text_) + ":" + std::to_string(port_);
}

bool Address::isLoopback() const {
  if (!isTcp() || text_ == "localhost") return true;
  if (isIpv4(text_)) return text_.starts_with("127.");
  const std::optional<in6_addr> v6 = parseIpv6(text_);
  if (!v6) return false;
  return IN6_IS_ADDR_LOOPBACK(&*v6) || (IN6_IS_ADDR_V4MAPPED(&*v6) && v6->s6_addr[12] == 127);
}

bool Address::isWildcard() const {
  if (!isTcp()) return false;
  in_addr v4;
  if (::inet_pton(AF_INET, text_.c_str(), &v4) == 1) return v4.s_addr == 0;
  const std::optional<in6_addr> v6 = parseIpv6(text_);
  return v6 && IN6_IS_ADDR_UNSPECIFIED(&*v6);
}

Address Address::withPort(uint16_t port) const {
  return Address(kind_, text_, port);
}

}  // namespace vatmesh::net
