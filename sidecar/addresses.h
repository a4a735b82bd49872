// SPDX-License-Identifier: Apache-2.0
//
// Which place the vat's URIs name.
#pragma once

#include <vector>

#include "rpc/base/status.h"
#include "rpc/sturdy/uri.h"
#include "sidecar/config/config.h"
#include "sidecar/net/address.h"

namespace vatmesh {

// advertisedLocation returns the place that goes into URIs: `advertise`, else the address of the
// first listener with TLS, else of the first. A port 0 becomes the bound one. `bound` holds the
// listeners' addresses in the order of the configuration. kInvalidArgument when nobody can dial it.
Result<sturdy::Location> advertisedLocation(const config::Config& config,
                                            const std::vector<net::Address>& bound);

}  // namespace vatmesh
