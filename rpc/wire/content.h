// SPDX-License-Identifier: Apache-2.0
//
// How the content pointer of a received payload goes on: the table of forward.h. Internal to
// rpc/wire.
#pragma once

#include <cstdint>

#include "rpc/wire/envelope.h"
#include "rpc/wire/message.h"
#include "rpc/wire/pointer.h"

namespace vatmesh::wire {

// The pointer to write at word `offset` of segment 0. Precondition: checkContent was ok.
inline uint64_t contentPointer(const Payload& payload, uint64_t offset) {
  const uint64_t word = payload.content_word;
  if (word == 0) return 0;
  switch (pointerKind(word)) {
    case PointerKind::kStruct:
    case PointerKind::kList: {
      if (payload.content_at.segment != 0) return farWord(payload.content_at);
      if (pointerKind(word) == PointerKind::kStruct && structWords(word) == 0) {
        return kEmptyStructWord;
      }
      // Both count from the word behind the pointer.
      const int64_t moved = static_cast<int64_t>(offset) - payload.content_at.offset;
      return withOffset(word, nearOffset(word) - moved);
    }
    case PointerKind::kFar:
      return word;
    case PointerKind::kOther:
      break;
  }
  return isCapability(word) ? word : 0;
}

// Words of the old message that contentPointer() relies on: a landing pad.
struct KeptWords {
  WordAt at;
  uint32_t words = 0;
};
KeptWords keptWords(const InMessage& message, const Payload& payload);

}  // namespace vatmesh::wire
