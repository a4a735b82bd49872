// SPDX-License-Identifier: Apache-2.0
//
// The zero-copy writer: a received Call or Return goes on to another link with a completely new
// envelope, written as extra words at the end of segment 0, and word 0 (the root) pointing to it.
// The content pointer is re-emitted there; payload bytes are neither copied nor changed, and
// capability indices stay valid because the new capability table has the order and size of the old
// one.
//
// The content pointer, by what the old word is (design 4.3):
//   null, capability, far, double-far   copied as it is (a pad at word 0 of segment 0: refused)
//   near, standing in segment 0         same kind and sizes, offset recomputed and checked against
//                                       the original segment; a zero-sized struct gets offset -1
//   near, standing in segment k != 0    far pointer to the old word, its landing pad
//   other with nonzero reserved bits    null
//   any that leads outside the message  refused by checkContent
//   no Payload                          Payload with null content
//
// What a hostile payload can do is read the new envelope, which holds the destination's own ids
// only (rule Z of the design; tests/rpc/wire/forward_hostile_test.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rpc/base/status.h"
#include "rpc/wire/envelope.h"
#include "rpc/wire/frame.h"
#include "rpc/wire/message.h"

namespace vatmesh::wire {

// One entry of the new capability table, in the destination link's ids. Never kThirdPartyHosted,
// which nobody asks us to write yet.
struct OutDescriptor {
  DescriptorKind kind = DescriptorKind::kNone;
  uint32_t id = 0;
  std::span<const uint16_t> path;  // kReceiverAnswer; must stay valid during the call
};

struct OutTarget {
  Target::Kind kind = Target::Kind::kImportedCap;
  uint32_t id = 0;
  std::span<const uint16_t> path;
};

struct OutCall {
  uint32_t question_id = 0;
  OutTarget target;
  uint64_t interface_id = 0;
  uint16_t method_id = 0;
  SendResultsTo send_results_to =
      SendResultsTo::kCaller;  // kYourself only where the profile allows it
  bool no_promise_pipelining = false;
};

struct OutReturn {
  uint32_t answer_id = 0;
  bool no_finish_needed = false;
};

struct OutLimits {
  uint64_t max_words =
      (8ull << 20) - 1;  // of all segments together, the smallest that a peer takes
  uint32_t max_segments = 512;
  uint32_t max_envelope_words = 8192;
  uint32_t max_steps = 4096;
};

// Whether the content root lies inside the original bounds and the pointer can be re-emitted (rule
// Z3). Not ok: kFailed, and that call gets an exception.
Status checkContent(const InMessage& message, const Payload& payload);

// Whether the frame that forwarding would make fits `limits`, computed before anything is counted
// or written. `paths` is how many of target and descriptors are promised answers (with or without
// steps), `steps` the number of their steps together. The result is the same for a Call and a
// Return. Not ok: kFailed with the sizes in the text.
Status checkSize(const InMessage& message, size_t descriptors, size_t paths, size_t steps,
                 const OutLimits& limits);

// Zeroes the words of the old envelope, but word 0 and what still serves as the content pointer or
// a landing pad. Afterwards `message` holds nothing but its payload; Payload stays valid.
void scrub(InMessage& message, const Envelope& envelope);

// Precondition of both: the message was scrubbed, checkContent and checkSize were ok.
FrameRef forwardCall(FramePool& pool, InMessage&& message, const Payload& payload,
                     const OutCall& call, std::span<const OutDescriptor> descriptors);
FrameRef forwardReturn(FramePool& pool, InMessage&& message, const Payload& payload,
                       const OutReturn& fields, std::span<const OutDescriptor> descriptors);

}  // namespace vatmesh::wire
