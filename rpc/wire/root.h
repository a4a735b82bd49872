// SPDX-License-Identifier: Apache-2.0
//
// Messages whose root is the content itself: what a program writes and reads, and what a call made
// inside the vat brings or returns. They go on to a link with forward.h, like received ones.
#pragma once

#include <cstdint>
#include <span>

#include "rpc/wire/buffer.h"
#include "rpc/wire/envelope.h"
#include "rpc/wire/message.h"

namespace vatmesh::wire {

// A message with a copy of `segments`, the first of which begins with the root pointer. None, or an
// empty first one, give a message whose root is null.
InMessage messageOf(std::span<const std::span<const uint64_t>> segments, BufferPool& pool);
// The same words in a buffer of their own.
InMessage copyOf(const InMessage& message, BufferPool& pool);
// A message whose root is capability 0 of its table.
InMessage capabilityMessage(BufferPool& pool);

// Where the content of such a message hangs: at its root. Precondition: segment 0 is not empty.
Payload rootPayload(const InMessage& message);

// Makes the content the root of a received message, so that any reader finds it there. Afterwards
// rootPayload() tells where it is. Precondition: the message was scrubbed and checkContent was ok.
void makeRoot(InMessage& message, const Payload& payload);

}  // namespace vatmesh::wire
