// SPDX-License-Identifier: Apache-2.0
//
// The skeleton of a message is a copy that the engine handles like the message itself, and that
// tells nothing of what applications say: the envelope, and of everything else the pointers alone.
// All other words are zero: parameters and results, texts, object ids, and what no level we speak
// knows. For journals.
#pragma once

#include <cstdint>
#include <vector>

#include "rpc/wire/envelope.h"
#include "rpc/wire/message.h"

namespace vatmesh::wire {

// As many words as `message` has, in the same segments. `envelope` is what decode() made of it; of
// a message that can't be decoded nothing but zeros is left. Looks at no word more than once or
// twice, however hostile the message.
std::vector<uint64_t> skeletonOf(const InMessage& message, const Envelope& envelope);

}  // namespace vatmesh::wire
