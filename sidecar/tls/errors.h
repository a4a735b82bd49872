// SPDX-License-Identifier: Apache-2.0
//
// TLS errors as one readable Status. Every failing call into BoringSSL ends here, so its error
// queue is empty before the next one.
#pragma once

#include <string_view>

#include "rpc/base/status.h"

namespace vatmesh::tls {

enum class Role : uint8_t { kClient, kServer };

// Empties the error queue; its first error, explained. `fallback` when the queue is empty.
Status takeError(std::string_view fallback);

// The peer's first bytes are no TLS record.
Status plaintextPeer(Role role);

// The connection ended during the handshake; `heard` tells whether the peer had sent anything.
Status endedInHandshake(Role role, bool heard);

}  // namespace vatmesh::tls
