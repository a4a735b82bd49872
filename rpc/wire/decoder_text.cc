// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/decoder.h"
#include "rpc/wire/text.h"

namespace vatmesh::wire {

bool Decoder::openBytes(uint64_t word, WordAt at, std::string_view& out) {
  const Object object = resolve(words_, word, at);
  out = {};
  if (object.shape == Object::Shape::kNull) return true;
  if (object.shape != Object::Shape::kList || listSize(object.tag) != kByteList) return false;
  const std::span<uint64_t> segment = message_.segment(object.at.segment);
  out = {reinterpret_cast<const char*>(segment.data() + object.at.offset), listCount(object.tag)};
  return true;
}

void Decoder::readText(uint64_t word, WordAt at, std::string_view what, std::string& out) {
  std::string_view bytes;
  if (!openBytes(word, at, bytes) || (!bytes.empty() && bytes.back() != '\0')) {
    out = what;
    return;
  }
  if (!bytes.empty()) bytes.remove_suffix(1);
  assignClean(out, bytes, kMaxExceptionText);
}

void Decoder::readException(uint64_t word, WordAt at) {
  StructView exception;
  if (!openStruct(word, at, exception)) {
    out_.exception.reason = "(the peer sent an unreadable exception)";
    return;
  }
  out_.exception.type = exception.data16(32);
  readText(exception.pointer(0), exception.pointerAt(0), "(the peer sent an unreadable reason)",
           out_.exception.reason);
  readText(exception.pointer(1), exception.pointerAt(1), "", out_.exception.trace);
}

void Decoder::readObjectId(uint64_t word, WordAt at) {
  std::string_view bytes;
  out_.has_object_id = word != 0;
  out_.object_id_readable = openBytes(word, at, bytes) && bytes.size() <= kMaxObjectId;
  if (!out_.object_id_readable) return;
  if (!bytes.empty() && bytes.back() == '\0') bytes.remove_suffix(1);
  out_.object_id = bytes;
}

}  // namespace vatmesh::wire
