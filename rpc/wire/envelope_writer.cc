// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/envelope_writer.h"

#include <cstring>

#include "rpc/base/check.h"
#include "rpc/wire/pointer.h"

namespace vatmesh::wire {

namespace words {

size_t path(std::span<const uint16_t> path) {
  return kPromisedAnswer + (path.empty() ? 0 : 1 + path.size());
}

size_t target(const OutTarget& target) {
  return kTarget + (target.kind == Target::Kind::kPromisedAnswer ? path(target.path) : 0);
}

size_t descriptor(const OutDescriptor& descriptor) {
  return kDescriptor +
         (descriptor.kind == DescriptorKind::kReceiverAnswer ? path(descriptor.path) : 0);
}

size_t capTable(std::span<const OutDescriptor> descriptors) {
  if (descriptors.empty()) return 0;
  size_t total = 1;
  for (const OutDescriptor& entry : descriptors) total += descriptor(entry);
  return total;
}

size_t text(std::string_view text) {
  return text.empty() ? 0 : (text.size() + 1 + 7) / 8;
}

}  // namespace words

uint64_t* EnvelopeWriter::take(size_t words) {
  VATMESH_CHECK(words <= static_cast<size_t>(end_ - next_));
  uint64_t* taken = next_;
  next_ += words;
  return taken;
}

uint64_t* EnvelopeWriter::addStruct(uint64_t* at, uint16_t data_words, uint16_t pointers) {
  uint64_t* added = take(size_t{data_words} + pointers);
  *at = structWord(added - (at + 1), data_words, pointers);
  return added;
}

uint64_t* EnvelopeWriter::message(MessageKind kind, uint16_t data_words, uint16_t pointers) {
  uint64_t* message = take(words::kMessage);
  message[0] = static_cast<uint16_t>(kind);
  return addStruct(&message[1], data_words, pointers);
}

uint64_t* EnvelopeWriter::call(const OutCall& call) {
  uint64_t* written = message(MessageKind::kCall, 3, 3);
  written[0] = uint64_t{call.question_id} | uint64_t{call.method_id} << 32 |
               uint64_t{static_cast<uint16_t>(call.send_results_to)} << 48;
  written[1] = call.interface_id;
  written[2] = uint64_t{call.no_promise_pipelining} << 1;
  target(&written[3], call.target);
  return &written[4];
}

uint64_t* EnvelopeWriter::results(const OutReturn& fields) {
  uint64_t* written = message(MessageKind::kReturn, 2, 1);
  written[0] = returnWord(fields.answer_id, ReturnKind::kResults, fields.no_finish_needed);
  return &written[2];
}

uint64_t returnWord(uint32_t answer_id, ReturnKind kind, bool no_finish_needed) {
  // releaseParamCaps is stored inverted; we always say false (R-RC5).
  return uint64_t{answer_id} | uint64_t{1} << 32 | uint64_t{no_finish_needed} << 33 |
         uint64_t{static_cast<uint16_t>(kind)} << 48;
}

void EnvelopeWriter::abort(uint16_t type, std::string_view reason) {
  uint64_t* message = take(words::kMessage);
  message[0] = static_cast<uint16_t>(MessageKind::kAbort);
  exception(&message[1], type, reason, {});
}

void EnvelopeWriter::target(uint64_t* at, const OutTarget& target) {
  uint64_t* written = addStruct(at, 1, 1);
  if (target.kind == Target::Kind::kPromisedAnswer) {
    written[0] = uint64_t{1} << 32;
    promisedAnswer(&written[1], target.id, target.path);
  } else {
    written[0] = target.id;
  }
}

void EnvelopeWriter::promisedAnswer(uint64_t* at, uint32_t id, std::span<const uint16_t> path) {
  uint64_t* written = addStruct(at, 1, 1);
  written[0] = id;
  if (path.empty()) return;
  uint64_t* list = take(1 + path.size());
  const auto count = static_cast<uint32_t>(path.size());
  written[1] = listWord(list - (&written[1] + 1), kCompositeList, count);
  *list++ = structWord(count, 1, 0);
  for (const uint16_t field : path) *list++ = 1 | uint64_t{field} << 16;
}

void EnvelopeWriter::fillDescriptor(uint64_t* element, const OutDescriptor& descriptor) {
  VATMESH_DCHECK(descriptor.kind != DescriptorKind::kThirdPartyHosted);
  element[0] = static_cast<uint16_t>(descriptor.kind);
  if (descriptor.kind == DescriptorKind::kReceiverAnswer) {
    promisedAnswer(&element[1], descriptor.id, descriptor.path);
  } else if (descriptor.kind != DescriptorKind::kNone) {
    element[0] |= uint64_t{descriptor.id} << 32;
  }
}

void EnvelopeWriter::descriptor(uint64_t* at, const OutDescriptor& descriptor) {
  fillDescriptor(addStruct(at, 1, 1), descriptor);
}

void EnvelopeWriter::capTable(uint64_t* at, std::span<const OutDescriptor> descriptors) {
  if (descriptors.empty()) return;
  const auto count = static_cast<uint32_t>(descriptors.size());
  uint64_t* list = take(1 + size_t{count} * words::kDescriptor);
  *at = listWord(list - (at + 1), kCompositeList, count * uint32_t{words::kDescriptor});
  *list++ = structWord(count, 1, 1);
  for (const OutDescriptor& entry : descriptors) {
    fillDescriptor(list, entry);
    list += words::kDescriptor;
  }
}

void EnvelopeWriter::text(uint64_t* at, std::string_view text) {
  if (text.empty()) return;
  uint64_t* bytes = take(words::text(text));
  *at = listWord(bytes - (at + 1), kByteList, static_cast<uint32_t>(text.size() + 1));
  std::memcpy(bytes, text.data(), text.size());
}

void EnvelopeWriter::exception(uint64_t* at, uint16_t type, std::string_view reason,
                               std::string_view trace) {
  uint64_t* exception = addStruct(at, 1, 2);
  exception[0] = uint64_t{type} << 32;
  text(&exception[1], reason);
  text(&exception[2], trace);
}

}  // namespace vatmesh::wire
