// SPDX-License-Identifier: Apache-2.0
//
// Settings are the configuration's numbers in the types of those who need them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "rpc/base/instant.h"
#include "rpc/captp/limits.h"
#include "rpc/wire/frame_reader.h"
#include "sidecar/config/config.h"
#include "sidecar/net/credentials.h"
#include "sidecar/net/socket.h"

namespace vatmesh::link {

struct Settings {
  captp::Limits limits;  // of each link
  captp::VatLimits vat_limits;
  wire::FrameLimits frames;
  net::TcpOptions tcp;
  Duration connect{};      // to another vat
  Duration handshake{};    // of TLS, both directions
  Duration app_connect{};  // to the application
  // Bounds on what is accepted: links of all listeners, and handshakes in progress at each.
  size_t max_incoming = SIZE_MAX;
  size_t max_handshakes = 256;
};

Settings settingsOf(const config::Config& config);

net::AllowedUids allowedUids(const config::AllowUids& allow);

}  // namespace vatmesh::link
