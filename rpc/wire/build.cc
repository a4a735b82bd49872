// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/build.h"

#include <utility>

#include "rpc/base/check.h"
#include "rpc/wire/content.h"
#include "rpc/wire/envelope_writer.h"
#include "rpc/wire/frame_builder.h"
#include "rpc/wire/pointer.h"
#include "rpc/wire/text.h"

namespace vatmesh::wire {

namespace {

// A frame of one segment and the writer for it.
class Building {
 public:
  Building(FramePool& pool, size_t words) : builder_(pool, words), writer_(builder_.tail()) {}

  EnvelopeWriter* operator->() { return &writer_; }
  FrameRef finish() {
    VATMESH_DCHECK(writer_.full());
    return builder_.finish();
  }

 private:
  FrameBuilder builder_;
  EnvelopeWriter writer_;
};

// An exception whose texts are bounded.
struct Texts {
  Texts(std::string_view full_reason, std::string_view full_trace)
      : reason(cutText(full_reason, kMaxExceptionText)),
        trace(cutText(full_trace, kMaxExceptionText)) {}

  size_t words() const { return words::kException + words::text(reason) + words::text(trace); }

  std::string_view reason;
  std::string_view trace;
};

FrameRef buildReturn(FramePool& pool, uint32_t answer_id, ReturnKind kind, uint32_t take_from) {
  Building building(pool, words::kMessage + words::kReturn);
  uint64_t* body = building->message(MessageKind::kReturn, 2, 1);
  body[0] = returnWord(answer_id, kind, false);
  body[1] = take_from;
  return building.finish();
}

}  // namespace

FrameRef buildBootstrap(FramePool& pool, uint32_t question_id, std::string_view object_id) {
  Building building(pool, words::kMessage + words::kBootstrap + words::text(object_id));
  uint64_t* body = building->message(MessageKind::kBootstrap, 1, 1);
  body[0] = question_id;
  building->text(&body[1], object_id);
  return building.finish();
}

FrameRef buildFinish(FramePool& pool, uint32_t question_id, bool release_result_caps,
                     bool early_cancellation_workaround) {
  Building building(pool, words::kMessage + words::kFinish);
  uint64_t* body = building->message(MessageKind::kFinish, 1, 0);
  // Both default to true and are stored inverted.
  body[0] = uint64_t{question_id} | uint64_t{!release_result_caps} << 32 |
            uint64_t{!early_cancellation_workaround} << 33;
  return building.finish();
}

FrameRef buildRelease(FramePool& pool, uint32_t import_id, uint32_t count) {
  Building building(pool, words::kMessage + words::kRelease);
  building->message(MessageKind::kRelease, 1, 0)[0] = uint64_t{import_id} | uint64_t{count} << 32;
  return building.finish();
}

FrameRef buildResolve(FramePool& pool, uint32_t promise_id, const OutDescriptor& descriptor) {
  Building building(pool, words::kMessage + words::kResolve + words::descriptor(descriptor));
  uint64_t* body = building->message(MessageKind::kResolve, 1, 1);
  body[0] = promise_id;
  building->descriptor(&body[1], descriptor);
  return building.finish();
}

FrameRef buildResolveException(FramePool& pool, uint32_t promise_id, uint16_t type,
                               std::string_view reason, std::string_view trace) {
  const Texts texts(reason, trace);
  Building building(pool, words::kMessage + words::kResolve + texts.words());
  uint64_t* body = building->message(MessageKind::kResolve, 1, 1);
  body[0] = uint64_t{promise_id} | uint64_t{1} << 32;
  building->exception(&body[1], type, texts.reason, texts.trace);
  return building.finish();
}

FrameRef buildDisembargo(FramePool& pool, DisembargoKind kind, uint32_t embargo_id,
                         const OutTarget& target) {
  Building building(pool, words::kMessage + words::kDisembargo + words::target(target));
  uint64_t* body = building->message(MessageKind::kDisembargo, 1, 1);
  body[0] = uint64_t{embargo_id} | uint64_t{static_cast<uint16_t>(kind)} << 32;
  building->target(&body[1], target);
  return building.finish();
}

FrameRef buildAbort(FramePool& pool, uint16_t type, std::string_view reason) {
  const Texts texts(reason, {});
  Building building(pool, words::kMessage + texts.words());
  building->abort(type, texts.reason);
  return building.finish();
}

FrameRef buildReturnException(FramePool& pool, uint32_t answer_id, uint16_t type,
                              std::string_view reason, std::string_view trace) {
  const Texts texts(reason, trace);
  Building building(pool, words::kMessage + words::kReturn + texts.words());
  uint64_t* body = building->message(MessageKind::kReturn, 2, 1);
  body[0] = returnWord(answer_id, ReturnKind::kException, false);
  building->exception(&body[2], type, texts.reason, texts.trace);
  return building.finish();
}

FrameRef buildReturnCanceled(FramePool& pool, uint32_t answer_id) {
  return buildReturn(pool, answer_id, ReturnKind::kCanceled, 0);
}

FrameRef buildReturnElsewhere(FramePool& pool, uint32_t answer_id) {
  return buildReturn(pool, answer_id, ReturnKind::kResultsSentElsewhere, 0);
}

FrameRef buildReturnTakeFrom(FramePool& pool, uint32_t answer_id, uint32_t other_question) {
  return buildReturn(pool, answer_id, ReturnKind::kTakeFromOtherQuestion, other_question);
}

FrameRef buildReturnCapability(FramePool& pool, uint32_t answer_id,
                               const OutDescriptor& descriptor) {
  const std::span<const OutDescriptor> table(&descriptor, 1);
  Building building(pool,
                    words::kMessage + words::kReturn + words::kPayload + words::capTable(table));
  uint64_t* payload = building->addStruct(building->results({.answer_id = answer_id}), 0, 2);
  payload[0] = capabilityWord(0);
  building->capTable(&payload[1], table);
  return building.finish();
}

FrameRef buildUnimplemented(FramePool& pool, InMessage&& message) {
  // The old root becomes the content of a new one, by the same rules as a forwarded payload.
  VATMESH_CHECK(!message.empty() && !message.segment(0).empty());
  Payload inner;
  inner.present = inner.has_content = true;
  inner.content_word = message.segment(0)[0];
  if (!checkContent(message, inner).ok()) inner.content_word = 0;
  FrameBuilder builder(pool, std::move(message), words::kMessage);
  builder.tail()[0] = static_cast<uint16_t>(MessageKind::kUnimplemented);
  builder.tail()[1] = contentPointer(inner, uint64_t{builder.tailOffset()} + 1);
  return builder.finish();
}

FrameRef buildCall(FramePool& pool, const OutCall& call,
                   std::span<const OutDescriptor> descriptors) {
  Building building(pool, words::kMessage + words::kCall + words::target(call.target) +
                              words::kPayload + words::capTable(descriptors));
  uint64_t* payload = building->addStruct(building->call(call), 0, 2);
  building->capTable(&payload[1], descriptors);
  return building.finish();
}

FrameRef buildReturnResults(FramePool& pool, const OutReturn& fields,
                            std::span<const OutDescriptor> descriptors) {
  VATMESH_CHECK(descriptors.size() <= UINT16_MAX);
  const auto count = static_cast<uint16_t>(descriptors.size());
  Building building(pool, words::kMessage + words::kReturn + words::kPayload + count +
                              words::capTable(descriptors));
  uint64_t* payload = building->addStruct(building->results(fields), 0, 2);
  uint64_t* content = building->addStruct(&payload[0], 0, count);
  if (count == 0) payload[0] = kEmptyStructWord;
  for (uint16_t i = 0; i < count; ++i) content[i] = capabilityWord(i);
  building->capTable(&payload[1], descriptors);
  return building.finish();
}

}  // namespace vatmesh::wire
