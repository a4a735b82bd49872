// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/forward.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "rpc/base/check.h"
#include "rpc/wire/content.h"
#include "rpc/wire/envelope_writer.h"
#include "rpc/wire/frame_builder.h"
#include "rpc/wire/pointer.h"

namespace vatmesh::wire {

namespace {

// Near offsets have 30 signed bits, far ones 29: no segment that we make comes close to either.
constexpr uint64_t kLargestMessageWords = 1u << 28;

// Why the content pointer can't go on; null when it can.
const char* contentProblem(const InMessage& message, const Payload& payload) {
  const uint64_t word = payload.content_word;
  if (word == 0 || pointerKind(word) == PointerKind::kOther) return nullptr;
  const Object object = resolve(MessageWords(message), word, payload.content_at);
  if (object.shape == Object::Shape::kMalformed) return "content lies outside the message";
  if (object.pad_words != 0 && object.pad == WordAt{0, 0}) {
    return "content is reached through the root pointer";
  }
  // As a landing pad the old pointer has to be within reach.
  if (payload.content_at.offset > kLargestFarOffset) return "content lies too far away";
  return nullptr;
}

}  // namespace

KeptWords keptWords(const InMessage& message, const Payload& payload) {
  const uint64_t word = payload.content_word;
  switch (pointerKind(word)) {
    case PointerKind::kStruct:
    case PointerKind::kList:
      if (word == 0 || payload.content_at.segment == 0) return {};
      return {payload.content_at, 1};
    case PointerKind::kFar: {
      const Object object = resolve(MessageWords(message), word, payload.content_at);
      return {object.pad, object.pad_words};
    }
    case PointerKind::kOther:
      break;
  }
  return {};
}

Status checkContent(const InMessage& message, const Payload& payload) {
  const char* problem = contentProblem(message, payload);
  return problem ? Status(Code::kFailed, std::string("can't forward: ") + problem) : Status();
}

Status checkSize(const InMessage& message, size_t descriptors, size_t paths, size_t steps,
                 const OutLimits& limits) {
  // Of Call and Return, the Call's structs are the larger.
  const uint64_t envelope = words::kMessage + words::kCall + words::kTarget + words::kPayload + 1 +
                            uint64_t{descriptors} * words::kDescriptor +
                            uint64_t{paths} * (words::kPromisedAnswer + 1) + steps;
  const uint64_t total = message.sizeWords() + envelope;
  const auto refuse = [](const char* what, uint64_t size, uint64_t limit) {
    return Status(Code::kFailed, std::string("can't forward: ") + std::to_string(size) + " " +
                                     what + ", limit is " + std::to_string(limit));
  };
  if (steps > limits.max_steps) return refuse("path steps", steps, limits.max_steps);
  if (envelope > limits.max_envelope_words) {
    return refuse("words of envelope", envelope, limits.max_envelope_words);
  }
  if (message.segmentCount() > limits.max_segments) {
    return refuse("segments", message.segmentCount(), limits.max_segments);
  }
  const uint64_t max_words = std::min(limits.max_words, kLargestMessageWords);
  if (total > max_words) return refuse("words", total, max_words);
  return Status();
}

void scrub(InMessage& message, const Envelope& envelope) {
  if (message.empty() || message.segment(0).empty()) return;
  const KeptWords kept = keptWords(message, envelope.payload);
  // Runs may overlap what has to stay, so that is put back afterwards.
  const uint64_t root = message.segment(0)[0];
  std::array<uint64_t, 2> saved{};
  uint64_t* keep =
      kept.words == 0 ? nullptr : message.segment(kept.at.segment).data() + kept.at.offset;
  for (uint32_t i = 0; i < kept.words; ++i) saved[i] = keep[i];
  for (const Envelope::Run& run : envelope.consumed) {
    std::ranges::fill(message.segment(run.at.segment).subspan(run.at.offset, run.words), 0);
  }
  message.segment(0)[0] = root;
  for (uint32_t i = 0; i < kept.words; ++i) keep[i] = saved[i];
}

namespace {

// Fills Payload at `at`: the re-emitted content pointer and the new capability table.
void writePayload(EnvelopeWriter& writer, const FrameBuilder& builder, uint64_t* at,
                  const Payload& payload, std::span<const OutDescriptor> descriptors) {
  VATMESH_DCHECK(contentProblem(builder.source(), payload) == nullptr);
  uint64_t* written = writer.addStruct(at, 0, 2);
  written[0] = contentPointer(payload, builder.tailOffset() + writer.indexOf(&written[0]));
  writer.capTable(&written[1], descriptors);
}

}  // namespace

FrameRef forwardCall(FramePool& pool, InMessage&& message, const Payload& payload,
                     const OutCall& call, std::span<const OutDescriptor> descriptors) {
  FrameBuilder builder(pool, std::move(message),
                       words::kMessage + words::kCall + words::target(call.target) +
                           words::kPayload + words::capTable(descriptors));
  EnvelopeWriter writer(builder.tail());
  writePayload(writer, builder, writer.call(call), payload, descriptors);
  VATMESH_DCHECK(writer.full());
  return builder.finish();
}

FrameRef forwardReturn(FramePool& pool, InMessage&& message, const Payload& payload,
                       const OutReturn& fields, std::span<const OutDescriptor> descriptors) {
  FrameBuilder builder(
      pool, std::move(message),
      words::kMessage + words::kReturn + words::kPayload + words::capTable(descriptors));
  EnvelopeWriter writer(builder.tail());
  writePayload(writer, builder, writer.results(fields), payload, descriptors);
  VATMESH_DCHECK(writer.full());
  return builder.finish();
}

}  // namespace vatmesh::wire
