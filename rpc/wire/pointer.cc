// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/pointer.h"

namespace vatmesh::wire {

uint64_t listWords(uint64_t word) {
  // Bits of an element by size code; the composite one counts words already.
  static constexpr uint8_t kBits[] = {0, 1, 8, 16, 32, 64, 64, 64};
  const uint64_t words = (uint64_t{listCount(word)} * kBits[listSize(word)] + 63) / 64;
  return words + (listSize(word) == kCompositeList ? 1 : 0);
}

}  // namespace vatmesh::wire
