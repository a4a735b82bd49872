// SPDX-License-Identifier: Apache-2.0
#include "rpc/sturdy/uri.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "rpc/base/encoding.h"
#include "rpc/sturdy/identity.h"
#include "rpc/sturdy/object_id.h"
#include "rpc/sturdy/percent.h"

namespace vatmesh::sturdy {
namespace {

constexpr std::string_view kScheme = "capnp://";
constexpr std::string_view kForm =
    "a sturdy ref looks like capnp://sha-256:DIGEST@HOST:PORT/ID or capnp://insecure@HOST:PORT/ID";
constexpr size_t kDigestSize = 32;

// The pieces of a URI as a generic URI parser cuts it: views into the text, nothing decoded.
struct Pieces {
  std::optional<std::string_view> scheme;
  std::optional<std::string_view> user_info;
  std::string_view host;  // without the brackets of IPv6
  bool bracketed = false;
  std::optional<uint64_t> port;
  std::string_view path;
};

Status bad(std::string what) {
  return {Code::kInvalidArgument, std::move(what) + "; " + std::string(kForm)};
}

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// Hexadecimal groups, colons, and maybe a dotted tail. Whether it is an address is for whoever
// dials it; what matters here is that nothing else can stand in brackets.
bool looksLikeIpv6(std::string_view text) {
  return std::count(text.begin(), text.end(), ':') >= 2 &&
         text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
}

std::string_view take(std::string_view& text, size_t count) {
  std::string_view taken = text.substr(0, count);
  text.remove_prefix(taken.size());
  return taken;
}

void cutUserInfo(std::string_view& text, Pieces& out) {
  size_t length = 0;
  while (length < text.size()) {
    size_t step = text[length] == ':' ? 1 : bareOrEscaped(text.substr(length));
    if (step == 0) break;
    length += step;
  }
  if (length >= text.size() || text[length] != '@') return;
  out.user_info = take(text, length);
  take(text, 1);
}

void cutHost(std::string_view& text, Pieces& out) {
  if (text.starts_with('[')) {
    size_t end = text.find(']');
    if (end == std::string_view::npos || !looksLikeIpv6(text.substr(1, end - 1))) return;
    out.host = text.substr(1, end - 1);
    out.bracketed = true;
    take(text, end + 1);
    return;
  }
  size_t length = 0;
  while (size_t step = bareOrEscaped(text.substr(length))) length += step;
  out.host = take(text, length);
}

void cutPort(std::string_view& text, Pieces& out) {
  if (!text.starts_with(':')) return;
  take(text, 1);
  size_t length = 0;
  while (length < text.size() && digit(text[length])) ++length;
  std::string_view digits = take(text, length);
  int64_t port = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (!digits.empty() && error == std::errc()) out.port = static_cast<uint64_t>(port);
}

Pieces cut(std::string_view text) {
  Pieces out;
  text = text.substr(0, text.find('\n'));
  size_t colon = text.find_first_of(":/?#");
  if (colon != std::string_view::npos && text[colon] == ':') {
    out.scheme = take(text, colon);
    take(text, 1);
  }
  if (text.starts_with("//")) {
    take(text, 2);
    cutUserInfo(text, out);
    cutHost(text, out);
    cutPort(text, out);
  }
  out.path = text.substr(0, text.find_first_of("?#"));
  return out;
}

Status readScheme(const Pieces& pieces) {
  if (!pieces.scheme) return bad("no scheme");
  std::string scheme = percentDecode(*pieces.scheme);
  for (char& c : scheme) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return scheme == "capnp" ? Status() : bad("the scheme isn't capnp");
}

Status readAuth(const Pieces& pieces, SturdyUri& out) {
  if (!pieces.user_info) return bad("neither a fingerprint nor \"insecure\" stands before an '@'");
  size_t colon = pieces.user_info->find(':');
  std::string user = percentDecode(pieces.user_info->substr(0, colon));
  if (colon == std::string_view::npos) {
    if (user != "insecure") return bad("no digest follows the name of the hash");
    out.secure = false;
    return {};
  }
  if (user != "sha-256") return bad("the hash isn't sha-256");
  auto digest = base64UrlDecode(percentDecode(pieces.user_info->substr(colon + 1)));
  if (!digest) return bad("the digest isn't base64url");
  out.digest = std::move(*digest);
  return {};
}

// Where the vat is, and the text of the id that follows.
Status readPlace(const Pieces& pieces, SturdyUri& out, std::string& id_text) {
  std::string path = normalizePath(pieces.path);
  if (!pieces.host.empty()) {
    if (!pieces.port) return bad("no port");
    out.location = TcpLocation{percentDecode(pieces.host), *pieces.port};
    id_text = path.starts_with('/') ? path.substr(1) : path;
    return {};
  }
  if (pieces.port) return bad("a port without a host");
  size_t slash = path.rfind('/');
  out.location = UnixLocation{path.substr(0, slash)};
  if (slash != std::string::npos) id_text = path.substr(slash + 1);
  return {};
}

std::string printHost(const std::string& host) {
  if (looksLikeIpv6(host)) return "[" + host + "]";
  bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']' &&
                   looksLikeIpv6(std::string_view(host).substr(1, host.size() - 2));
  return bracketed ? host : percentEncodeHost(host);
}

std::string printWithId(const SturdyUri& uri, std::string_view id) {
  std::string out(kScheme);
  out += uri.secure ? "sha-256:" + base64UrlEncode(bytesOf(uri.digest)) : "insecure";
  out += '@';
  std::string id_text = base64UrlEncode(bytesOf(id));
  if (const auto* tcp = std::get_if<TcpLocation>(&uri.location)) {
    out += printHost(tcp->host) + ":" + std::to_string(tcp->port);
    return id_text.empty() ? out : out + "/" + id_text;
  }
  std::string path = normalizePath(std::get<UnixLocation>(uri.location).path + "/" + id_text);
  return out + (path.starts_with('/') ? "" : "/") + path;
}

Status checkTcp(const TcpLocation& tcp) {
  if (tcp.port == 0 || tcp.port > 65535) {
    return bad("port " + std::to_string(tcp.port) + " isn't between 1 and 65535");
  }
  constexpr std::string_view kHostCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
  if (!looksLikeIpv6(tcp.host) &&
      tcp.host.find_first_not_of(kHostCharacters) != std::string::npos) {
    return bad("the host is neither a name nor an address");
  }
  return {};
}

Status checkUnix(const UnixLocation& location) {
  if (!location.path.starts_with('/') || location.path.size() < 2) {
    return bad(
        "no socket path: the last part is taken as the id, so a Unix URI without one ends with a "
        "slash");
  }
  if (location.path.find('%') != std::string::npos) {
    return bad(
        "the socket path holds characters that readers see percent-encoded: choose a path "
        "of letters, digits and -._~!$&'()*+,;=:@");
  }
  return {};
}

}  // namespace

Result<SturdyUri> parseUri(std::string_view text) {
  Pieces pieces = cut(text);
  SturdyUri out;
  std::string id_text;
  if (Status status = readScheme(pieces); !status.ok()) return status;
  if (Status status = readAuth(pieces, out); !status.ok()) return status;
  if (Status status = readPlace(pieces, out, id_text); !status.ok()) return status;
  auto id = base64UrlDecode(id_text);
  if (!id) return bad("the id (what follows the last slash) isn't base64url");
  out.id = std::move(*id);
  return out;
}

Status checkUri(const SturdyUri& uri) {
  if (uri.secure && uri.digest.size() != kDigestSize) {
    return bad("the digest has " + std::to_string(uri.digest.size()) +
               " bytes where a SHA-256 has 32: was the URI cut off?");
  }
  if (const auto* tcp = std::get_if<TcpLocation>(&uri.location)) return checkTcp(*tcp);
  return checkUnix(std::get<UnixLocation>(uri.location));
}

Result<SturdyUri> parseStrictUri(std::string_view text) {
  Result<SturdyUri> uri = parseUri(text);
  if (!uri) return uri;
  if (Status status = checkUri(*uri); !status.ok()) return status;
  if (printUri(*uri) != text) {
    return bad(
        "not the plain spelling (padding, needless escapes, a slash without an id, capitals in the "
        "scheme, a query or a line end)");
  }
  return uri;
}

std::string printUri(const SturdyUri& uri) {
  return printWithId(uri, uri.id);
}

std::string printAddress(const SturdyUri& uri) {
  return printWithId(uri, "");
}

std::string printLocation(const Location& location) {
  if (const auto* tcp = std::get_if<TcpLocation>(&location)) {
    std::string host = looksLikeIpv6(tcp->host) ? "[" + tcp->host + "]" : tcp->host;
    return "tcp:" + host + ":" + std::to_string(tcp->port);
  }
  return "unix:" + std::get<UnixLocation>(location).path;
}

std::string redactedUri(const SturdyUri& uri) {
  std::string who = uri.secure ? "sha-256:" + shortFingerprint(uri.digest) + "…" : "insecure";
  std::string what = uri.id.empty() ? "bootstrap" : "id " + shortIdName(uri.id) + "…";
  return printLocation(uri.location) + " (" + who + ", " + what + ")";
}

bool looksLikeUri(std::string_view text) {
  if (text.starts_with('/') || text.starts_with("./") || text.starts_with("../")) return false;
  if (text.find("://") != std::string_view::npos) return true;
  size_t who = std::min(text.find("sha-256:"), text.find("insecure@"));
  return who != std::string_view::npos && text.find('@', who) != std::string_view::npos;
}

}  // namespace vatmesh::sturdy
