// SPDX-License-Identifier: Apache-2.0
//
// The template behind pointer.h, included by it only.
#pragma once

#include "rpc/wire/pointer.h"

namespace vatmesh::wire {

namespace pointer_internal {

// The object that `tag` describes, beginning at word `begin` (any value) of `segment`.
template <class Words>
inline bool place(const Words& words, uint64_t tag, uint32_t segment, int64_t begin,
                  Object& object) {
  const bool is_struct = pointerKind(tag) == PointerKind::kStruct;
  const uint64_t size = is_struct ? structWords(tag) : listWords(tag);
  object.tag = tag;
  object.shape = is_struct ? Object::Shape::kStruct : Object::Shape::kList;
  if (is_struct && size == 0) {
    object.at = {segment, 0};
    return true;
  }
  const uint64_t limit = words.size(segment);
  if (begin < 0 || static_cast<uint64_t>(begin) > limit ||
      size > limit - static_cast<uint64_t>(begin)) {
    return false;
  }
  object.at = {segment, static_cast<uint32_t>(begin)};
  return true;
}

inline bool isNear(uint64_t word) {
  return (word & 2) == 0;
}

template <class Words>
bool resolveFar(const Words& words, uint64_t word, Object& object) {
  const uint32_t segment = highHalf(word);
  const uint32_t offset = farOffset(word);
  const uint32_t pad_words = isDoubleFar(word) ? 2 : 1;
  if (segment >= words.segments() || offset + uint64_t{pad_words} > words.size(segment)) {
    return false;
  }
  object.pad = {segment, offset};
  object.pad_words = pad_words;
  const uint64_t first = words.word(object.pad);
  if (pad_words == 1) {
    if (isCapability(first)) {
      object.shape = Object::Shape::kCapability;
      object.tag = first;
      return true;
    }
    return isNear(first) &&
           place(words, first, segment, int64_t{offset} + 1 + nearOffset(first), object);
  }
  const uint64_t tag = words.word({segment, offset + 1});
  if (pointerKind(first) != PointerKind::kFar || isDoubleFar(first) || !isNear(tag)) return false;
  const uint32_t target = highHalf(first);
  return target < words.segments() && place(words, tag, target, farOffset(first), object);
}

}  // namespace pointer_internal

template <class Words>
inline Object resolve(const Words& words, uint64_t word, WordAt at) {
  Object object;
  bool ok = true;
  if (word == 0) {
    object.shape = Object::Shape::kNull;
  } else if (pointer_internal::isNear(word)) {
    const int64_t begin = int64_t{at.offset} + 1 + nearOffset(word);
    ok = pointer_internal::place(words, word, at.segment, begin, object);
  } else if (pointerKind(word) == PointerKind::kFar) {
    ok = pointer_internal::resolveFar(words, word, object);
  } else if (isCapability(word)) {
    object.shape = Object::Shape::kCapability;
    object.tag = word;
  } else {
    ok = false;
  }
  if (!ok) object.shape = Object::Shape::kMalformed;
  return object;
}

}  // namespace vatmesh::wire
