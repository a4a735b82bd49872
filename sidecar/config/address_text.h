// SPDX-License-Identifier: Apache-2.0
//
// The three forms of an address, checked as text: nothing is resolved, opened or bound here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rpc/base/status.h"

namespace vatmesh::config {

inline constexpr std::string_view kAddressForms =
    "tcp:HOST:PORT, tcp:[IPV6]:PORT, unix:PATH or unix-abstract:NAME";

struct AddressText {
  enum class Kind : uint8_t { kTcp, kUnix, kAbstract };

  Kind kind = Kind::kTcp;
  std::string name;   // host (IPv6 without brackets), path, or abstract name
  uint16_t port = 0;  // kTcp
};

// kInvalidArgument with "what is wrong; what would be right".
Result<AddressText> parseAddressText(std::string_view text);

// The canonical text; parses back to the same.
std::string printAddressText(const AddressText& address);

// A Unix path or abstract name must fit into a socket address.
Status checkSocketName(const AddressText& address);

// For texts that parse:
// listens on every interface: 0.0.0.0, [::] or *.
bool isWildcard(std::string_view text);
// can be reached from this host only: 127.0.0.0/8, [::1], localhost.
bool isLoopback(std::string_view text);

}  // namespace vatmesh::config
