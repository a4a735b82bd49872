// SPDX-License-Identifier: Apache-2.0
//
// Any message as one readable line, for test failures and traces. Object ids and payload bytes are
// never printed.
//
//   Call q=3 -> import 0 0x9f…/2 caps=[senderHosted 4, none]
#pragma once

#include <string>

#include "rpc/wire/envelope.h"
#include "rpc/wire/frame.h"
#include "rpc/wire/message.h"

namespace vatmesh::wire {

std::string describe(const Envelope& envelope);
// Decodes first; a message that can't be decoded prints as "unreadable: why".
std::string describe(const InMessage& message);
std::string describe(const Frame& frame);

// A copy of the frame's bytes as a received message, the way a peer would see it. For tests.
InMessage toMessage(const Frame& frame, BufferPool& pool);

}  // namespace vatmesh::wire
