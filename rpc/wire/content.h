// SPDX-License-Identifier: Apache-2.0
//
// How the content pointer of a received payload goes on: the table of forward.h as a value.
// Internal to rpc/wire.
#pragma once

#include <cstdint>

#include "rpc/wire/envelope.h"
#include "rpc/wire/message.h"

namespace vatmesh::wire {

struct ContentForm {
  enum class Kind : uint8_t {
    kCopy,     // `word` as it is
    kRebase,   // `word` with the offset that leads to `target` in segment 0
    kRefused,  // `why`
  };
  Kind kind = Kind::kCopy;
  uint64_t word = 0;
  uint32_t target = 0;
  const char* why = "";
  // Words of the old message that the new pointer relies on: a landing pad.
  WordAt keep;
  uint32_t keep_words = 0;
};

// The bounds are those of `message` as it was received. Same result before and after scrub().
ContentForm contentForm(const InMessage& message, const Payload& payload);

// The pointer to write at word `offset` of segment 0; null for one that is refused.
uint64_t contentPointer(const ContentForm& form, uint64_t offset);

}  // namespace vatmesh::wire
