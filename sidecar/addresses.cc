// SPDX-License-Identifier: Apache-2.0
//
// The loader refuses what is plainly wrong; here only the bound ports are new.
#include "sidecar/addresses.h"

namespace vatmesh {
namespace {

Result<sturdy::Location> toLocation(const net::Address& address) {
  switch (address.kind()) {
    case net::Address::Kind::kTcp:
      if (address.isWildcard()) break;
      return sturdy::Location(sturdy::TcpLocation{address.host(), address.port()});
    case net::Address::Kind::kUnix:
      return sturdy::Location(sturdy::UnixLocation{address.path()});
    case net::Address::Kind::kUnixAbstract:
      break;
  }
  return Status(Code::kInvalidArgument, "nobody can dial " + address.toString() +
                                            ": say in `advertise` where others reach this vat");
}

}  // namespace

Result<sturdy::Location> advertisedLocation(const config::Config& config,
                                            const std::vector<net::Address>& bound) {
  const config::Listener* listener = config::advertisedListener(config);
  if (listener == nullptr) {
    return Status(Code::kInvalidArgument, "a cap file needs a listener: set `listen`");
  }
  const net::Address& bound_address = bound[static_cast<size_t>(listener - config.listen.data())];
  if (config.advertise.empty()) return toLocation(bound_address);
  Result<net::Address> address = net::Address::parse(config.advertise);
  if (!address.ok()) return address.status().withContext("advertise");
  if (address->isTcp() && address->port() == 0 && bound_address.isTcp()) {
    return toLocation(address->withPort(bound_address.port()));
  }
  return toLocation(*address);
}

}  // namespace vatmesh
