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

ContentForm refused(const char* why) {
  ContentForm form;
  form.kind = ContentForm::Kind::kRefused;
  form.why = why;
  return form;
}

// A near pointer that stands in segment 0: it moves, so its offset changes.
ContentForm rebased(const InMessage& message, const Payload& payload) {
  const uint64_t word = payload.content_word;
  ContentForm form;
  if (pointerKind(word) == PointerKind::kStruct && structWords(word) == 0) {
    form.word = kEmptyStructWord;
    return form;
  }
  const Object object = resolve(MessageWords(message), word, payload.content_at);
  if (object.shape == Object::Shape::kMalformed) return refused("content lies outside the message");
  form.kind = ContentForm::Kind::kRebase;
  form.word = word;
  form.target = object.at.offset;
  return form;
}

// A near pointer in another segment: it stays, and becomes the landing pad of a far pointer.
ContentForm padded(const InMessage& message, const Payload& payload) {
  const WordAt at = payload.content_at;
  const Object object = resolve(MessageWords(message), payload.content_word, at);
  if (object.shape == Object::Shape::kMalformed || at.offset > kLargestFarOffset) {
    return refused("content lies outside the message");
  }
  ContentForm form;
  form.word = farWord(at);
  form.keep = at;
  form.keep_words = 1;
  return form;
}

ContentForm copiedFar(const InMessage& message, const Payload& payload) {
  const Object object = resolve(MessageWords(message), payload.content_word, payload.content_at);
  if (object.shape == Object::Shape::kMalformed) return refused("content lies outside the message");
  if (object.pad == WordAt{0, 0}) return refused("content is reached through the root pointer");
  ContentForm form;
  form.word = payload.content_word;
  form.keep = object.pad;
  form.keep_words = object.pad_words;
  return form;
}

}  // namespace

ContentForm contentForm(const InMessage& message, const Payload& payload) {
  const uint64_t word = payload.content_word;
  ContentForm form;
  if (!payload.present || !payload.has_content || word == 0) return form;
  switch (pointerKind(word)) {
    case PointerKind::kStruct:
    case PointerKind::kList:
      return payload.content_at.segment == 0 ? rebased(message, payload) : padded(message, payload);
    case PointerKind::kFar:
      return copiedFar(message, payload);
    case PointerKind::kOther:
      if (isCapability(word)) form.word = word;
      return form;
  }
  return form;
}

uint64_t contentPointer(const ContentForm& form, uint64_t offset) {
  if (form.kind != ContentForm::Kind::kRebase) return form.word;
  return withOffset(form.word, int64_t{form.target} - static_cast<int64_t>(offset + 1));
}

Status checkContent(const InMessage& message, const Payload& payload) {
  const ContentForm form = contentForm(message, payload);
  if (form.kind != ContentForm::Kind::kRefused) return Status();
  return Status(Code::kFailed, std::string("can't forward: ") + form.why);
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
  if (message.empty()) return;
  const ContentForm form = contentForm(message, envelope.payload);
  // Runs may overlap what has to stay, so that is put back afterwards.
  const std::span<uint64_t> first = message.segment(0);
  const uint64_t root = first.empty() ? 0 : first[0];
  std::array<uint64_t, 2> kept{};
  uint64_t* keep =
      form.keep_words == 0 ? nullptr : message.segment(form.keep.segment).data() + form.keep.offset;
  for (uint32_t i = 0; i < form.keep_words; ++i) kept[i] = keep[i];
  for (const Envelope::Run& run : envelope.consumed) {
    std::ranges::fill(message.segment(run.at.segment).subspan(run.at.offset, run.words), 0);
  }
  if (!first.empty()) first[0] = root;
  for (uint32_t i = 0; i < form.keep_words; ++i) keep[i] = kept[i];
}

namespace {

// Fills Payload at `at`: the re-emitted content pointer and the new capability table.
void writePayload(EnvelopeWriter& writer, const FrameBuilder& builder, uint64_t* at,
                  const Payload& payload, std::span<const OutDescriptor> descriptors) {
  uint64_t* written = writer.addStruct(at, 0, 2);
  const ContentForm form = contentForm(builder.source(), payload);
  VATMESH_DCHECK(form.kind != ContentForm::Kind::kRefused);
  written[0] = contentPointer(form, builder.tailOffset() + writer.indexOf(&written[0]));
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
