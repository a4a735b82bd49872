// SPDX-License-Identifier: Apache-2.0
//
// Messages that we write from scratch: everything but forwarded Calls and Returns with results.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "rpc/wire/envelope.h"
#include "rpc/wire/forward.h"
#include "rpc/wire/frame.h"

namespace vatmesh::wire {

// An empty `object_id` leaves the pointer null; otherwise it is written as Text, as the OCaml
// network does (ocaml-network 4).
FrameRef buildBootstrap(FramePool& pool, uint32_t question_id, std::string_view object_id);
FrameRef buildFinish(FramePool& pool, uint32_t question_id, bool release_result_caps,
                     bool early_cancellation_workaround);
FrameRef buildRelease(FramePool& pool, uint32_t import_id, uint32_t count);
FrameRef buildResolve(FramePool& pool, uint32_t promise_id, const OutDescriptor& descriptor);
FrameRef buildResolveException(FramePool& pool, uint32_t promise_id, uint16_t type,
                               std::string_view reason, std::string_view trace = {});
FrameRef buildDisembargo(FramePool& pool, DisembargoKind kind, uint32_t embargo_id,
                         const OutTarget& target);
FrameRef buildAbort(FramePool& pool, uint16_t type, std::string_view reason);
// Every Return says releaseParamCaps = false (R-RC5).
FrameRef buildReturnException(FramePool& pool, uint32_t answer_id, uint16_t type,
                              std::string_view reason, std::string_view trace = {});
FrameRef buildReturnCanceled(FramePool& pool, uint32_t answer_id);
FrameRef buildReturnElsewhere(FramePool& pool, uint32_t answer_id);
// A Return whose content is capability 0 of a one-entry table: the answer to a Bootstrap.
FrameRef buildReturnCapability(FramePool& pool, uint32_t answer_id,
                               const OutDescriptor& descriptor);
// Unimplemented around a message that we don't understand, as an echo of its words: the received
// segments unchanged, but for the root. Precondition: message.frameBytes() <= 64 KiB (R-E3).
FrameRef buildUnimplemented(FramePool& pool, InMessage&& message);

// A Call without parameters' content, for tests and local callers.
FrameRef buildCall(FramePool& pool, const OutCall& call,
                   std::span<const OutDescriptor> descriptors);
// A Return.results whose content is a struct with one capability pointer per descriptor, in order.
FrameRef buildReturnResults(FramePool& pool, const OutReturn& fields,
                            std::span<const OutDescriptor> descriptors);
FrameRef buildReturnTakeFrom(FramePool& pool, uint32_t answer_id, uint32_t other_question);

}  // namespace vatmesh::wire
