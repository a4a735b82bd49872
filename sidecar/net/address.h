// SPDX-License-Identifier: Apache-2.0
//
// Address is where something listens, in the words of the configuration: `tcp:HOST:PORT`,
// `tcp:[::1]:PORT`, `unix:PATH`, `unix-abstract:NAME`. Nothing is resolved here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rpc/base/status.h"

namespace vatmesh::net {

class Address {
 public:
  enum class Kind : uint8_t { kTcp, kUnix, kUnixAbstract };

  static Address tcp(std::string host, uint16_t port);
  static Address unixPath(std::string path);
  static Address unixAbstract(std::string name);

  // kInvalidArgument with what would be right. Accepts what `toString` writes.
  static Result<Address> parse(std::string_view text);
  std::string toString() const;

  Kind kind() const { return kind_; }
  bool isTcp() const { return kind_ == Kind::kTcp; }
  const std::string& host() const { return text_; }  // kTcp: without brackets
  uint16_t port() const { return port_; }            // kTcp
  const std::string& path() const { return text_; }  // kUnix
  const std::string& name() const { return text_; }  // kUnixAbstract

  // Reachable from this host alone: 127.0.0.0/8, ::1, localhost, and every Unix socket.
  bool isLoopback() const;
  // Every interface: 0.0.0.0 or ::, which nobody can dial.
  bool isWildcard() const;

  Address withPort(uint16_t port) const;

  bool operator==(const Address&) const = default;

 private:
  Address(Kind kind, std::string text, uint16_t port)
      : kind_(kind), text_(std::move(text)), port_(port) {}

  Kind kind_;
  std::string text_;
  uint16_t port_;
};

}  // namespace vatmesh::net
