// SPDX-License-Identifier: Apache-2.0
//
// SturdyUri is a sturdy ref as text: capnp://sha-256:DIGEST@HOST:PORT/ID, or over a Unix socket
// capnp://sha-256:DIGEST@/SOCKET/PATH/ID, or with `insecure` in place of the digest.
// The id is a secret: logs get `redactedUri`, never `printUri`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "rpc/base/status.h"

namespace vatmesh::sturdy {

struct TcpLocation {
  std::string host;   // a name or an address; IPv6 without brackets; never resolved here
  uint64_t port = 0;  // wider than a port, since parseUri reads what the OCaml network reads

  bool operator==(const TcpLocation&) const = default;
};

struct UnixLocation {
  std::string path;  // as it stands in the URI: the network doesn't percent-decode it

  bool operator==(const UnixLocation&) const = default;
};

using Location = std::variant<TcpLocation, UnixLocation>;

struct SturdyUri {
  Location location;
  // Raw bytes of the SHA-256 of the peer's public key. Other lengths than 32 parse and never match.
  // With `secure` false there is none, and no TLS.
  std::string digest;
  bool secure = true;
  std::string id;  // raw bytes; secret; empty: the vat's plain bootstrap

  bool operator==(const SturdyUri&) const = default;
};

// parseUri reads `text` as leniently as the OCaml network does: ports above 65535, digests of any
// length, sloppy base64, a query that is ignored. For what peers and files give. Errors are
// kInvalidArgument and never show the text itself.
Result<SturdyUri> parseUri(std::string_view text);

// checkUri says what is unwise or useless in a URI that parseUri took: port out of range, a digest
// that isn't 32 bytes, a Unix path that is relative or that some reader would take for another.
// For what users write in configuration and at `vatmesh uri check`.
Status checkUri(const SturdyUri& uri);

// parseStrictUri is parseUri, then checkUri, and the text must be the one that printUri writes.
Result<SturdyUri> parseStrictUri(std::string_view text);

// printUri writes the URI with its secret id.
std::string printUri(const SturdyUri& uri);

// printAddress writes the URI without its id: where the vat is and who it is.
std::string printAddress(const SturdyUri& uri);

// printLocation writes `tcp:HOST:PORT` (IPv6 in brackets) or `unix:PATH`, the form that the
// configuration uses and that net::Address parses.
std::string printLocation(const Location& location);

// redactedUri is for logs: location, first characters of the fingerprint, first characters of the
// digest of the id.
std::string redactedUri(const SturdyUri& uri);

// looksLikeUri tells a URI from a path where either may stand. A misspelt one (another scheme,
// none, a blank or a quote in front) is a URI too: taken for a path it would be shown, with its
// secret. What starts with "/", "./" or "../" is a path.
bool looksLikeUri(std::string_view text);

}  // namespace vatmesh::sturdy
