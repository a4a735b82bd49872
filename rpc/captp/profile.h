// SPDX-License-Identifier: Apache-2.0
//
// Profile says what the other end of a link can take (captp-engine 1.11, peers 4). The default is
// what every living peer takes: no `yourself`, no Unimplemented for a Call, exactly one Finish.
#pragma once

#include <cstdint>

namespace vatmesh::captp {

// Who is at the other end.
enum class LinkKind : uint8_t {
  kPeer,    // another vat
  kApp,     // our application; our side asks it
  kClient,  // a local program on an import's socket or on `control`
  kPlugin,  // a store
};
inline constexpr int kLinkKinds = 4;

struct Profile {
  uint64_t max_message_words = (8ull << 20) - 1;  // largest frame that every stock peer accepts
  uint32_t max_segments = 511;                    // stock C++ ends its connection on 512
  // It takes `yourself` and takeFromOtherQuestion: a call that comes straight back to it is sent as
  // a tail call (R-T4). C++ and OCaml do; Go fails such calls and Rust never returns them.
  bool tail_calls = false;
};

}  // namespace vatmesh::captp
