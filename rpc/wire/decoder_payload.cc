// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/decoder.h"

namespace vatmesh::wire {

bool Decoder::openAnyStruct(uint64_t word, WordAt at, StructView& out) {
  const Object object = resolve(words_, word, at);
  out = {};
  if (object.shape == Object::Shape::kNull) return true;
  if (object.shape != Object::Shape::kStruct) return false;
  out.words = message_.segment(object.at.segment).data() + object.at.offset;
  out.at = object.at;
  out.data_words = structDataWords(object.tag);
  out.pointers = structPointers(object.tag);
  if (recording_) {
    if (object.pad_words != 0) consume(object.pad, object.pad_words);
    consume(object.at, out.data_words + out.pointers);
  }
  return true;
}

bool Decoder::openList(uint64_t word, WordAt at, ListView& out) {
  const Object object = resolve(words_, word, at);
  out = {};
  if (object.shape == Object::Shape::kNull) return true;
  if (object.shape != Object::Shape::kList) return false;
  const uint32_t count = listCount(object.tag);
  if (listSize(object.tag) != kCompositeList) {
    if (recording_ && object.pad_words != 0) consume(object.pad, object.pad_words);
    return count == 0;
  }
  if (recording_) {
    if (object.pad_words != 0) consume(object.pad, object.pad_words);
    consume(object.at, count + 1);
  }
  const uint64_t* words = message_.segment(object.at.segment).data() + object.at.offset;
  const uint64_t tag = words[0];
  const uint32_t elements = static_cast<uint32_t>(tag) >> 2;
  out = {words + 1,
         {object.at.segment, object.at.offset + 1},
         elements,
         structDataWords(tag),
         structPointers(tag)};
  return pointerKind(tag) == PointerKind::kStruct && uint64_t{elements} * structWords(tag) <= count;
}

void Decoder::endRun() {
  if (run_words_ == 0) return;
  const WordAt end{static_cast<uint32_t>(run_end_ >> 32), static_cast<uint32_t>(run_end_)};
  out_.consumed.push_back({{end.segment, end.offset - run_words_}, run_words_});
  run_words_ = 0;
}

void Decoder::beginRun(WordAt at, uint32_t words) {
  endRun();
  run_words_ = words;
}

bool Decoder::readTarget(uint64_t word, WordAt at) {
  StructView target;
  if (!openStruct(word, at, target)) return fail("malformed target");
  switch (target.data16(32)) {
    case 0:
      out_.target.kind = Target::Kind::kImportedCap;
      out_.target.id = target.data32(0);
      return true;
    case 1:
      out_.target.kind = Target::Kind::kPromisedAnswer;
      return readPromisedAnswer(target.pointer(0), target.pointerAt(0), out_.target.id,
                                out_.target.path);
    default:
      out_.target.kind = Target::Kind::kUnknown;
      return true;
  }
}

bool Decoder::readPromisedAnswer(uint64_t word, WordAt at, uint32_t& id, PathSlice& path) {
  StructView promised;
  if (!openStruct(word, at, promised)) return fail("malformed promised answer");
  id = promised.data32(0);
  readPath(promised.pointer(0), promised.pointerAt(0), path);
  return true;
}

void Decoder::readPath(uint64_t word, WordAt at, PathSlice& path) {
  const size_t begin = out_.steps.size();
  path.begin = static_cast<uint32_t>(begin);
  if (word == 0) return;
  ListView ops;
  path.ok = openList(word, at, ops) && appendSteps(ops);
  if (!path.ok) out_.steps.resize(begin);
  path.size = static_cast<uint16_t>(out_.steps.size() - begin);
}

bool Decoder::appendSteps(const ListView& ops) {
  // Many descriptors may share one list, so the bound holds for all paths together.
  if (ops.count > kMaxPathSteps || ops.count > limits_.max_steps - ops_) return false;
  ops_ += ops.count;
  for (uint32_t i = 0; i < ops.count; ++i) {
    const StructView op = ops[i];
    const uint16_t tag = op.data16(0);
    if (tag == 1) {
      out_.steps.push_back(op.data16(16));
    } else if (tag != 0) {
      return false;
    }
  }
  return true;
}

bool Decoder::readPayload(uint64_t word, WordAt at) {
  if (word == 0) return true;
  StructView payload;
  if (!openStruct(word, at, payload)) return fail("malformed payload");
  out_.payload.present = true;
  out_.payload.has_content = payload.pointers > 0;
  if (out_.payload.has_content) {
    out_.payload.content_at = payload.pointerAt(0);
    out_.payload.content_word = payload.pointer(0);
  }
  return readCapTable(payload.pointer(1), payload.pointerAt(1));
}

bool Decoder::readCapTable(uint64_t word, WordAt at) {
  if (word == 0) return true;
  ListView table;
  if (!openList(word, at, table)) return fail("malformed capability table");
  if (table.count > limits_.max_descriptors) return fail("capability table is too large");
  for (uint32_t i = 0; i < table.count; ++i) {
    if (!readDescriptor(table[i], out_.descriptors.emplace_back())) return false;
  }
  return true;
}

bool Decoder::readDescriptor(const StructView& element, Descriptor& out) {
  const uint16_t tag = element.data16(0);
  if (tag > static_cast<uint16_t>(DescriptorKind::kThirdPartyHosted)) {
    out.unknown = true;
    return true;
  }
  out.kind = static_cast<DescriptorKind>(tag);
  switch (out.kind) {
    case DescriptorKind::kNone:
      return true;
    case DescriptorKind::kReceiverAnswer:
      return readPromisedAnswer(element.pointer(0), element.pointerAt(0), out.id, out.path);
    case DescriptorKind::kThirdPartyHosted: {
      StructView third;
      if (!openStruct(element.pointer(0), element.pointerAt(0), third)) {
        return fail("malformed third-party descriptor");
      }
      out.id = third.data32(0);
      return true;
    }
    default:
      out.id = element.data32(32);
      return true;
  }
}

}  // namespace vatmesh::wire
