// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/skeleton.h"

#include <algorithm>
#include <utility>

#include "rpc/wire/pointer.h"

namespace vatmesh::wire {
namespace {

constexpr unsigned kPointerList = 6;

// How deep structs lie whose data the envelope consists of: 1 is the Message itself.
struct Depths {
  uint32_t structs;
  uint32_t lists;  // of structs
};

Depths depthsOf(const Envelope& envelope) {
  if (!envelope.known) return {2, 0};
  switch (envelope.kind) {
    case MessageKind::kReturn:  // an exception has its type in 3; the rest is what decode() noted
      return {envelope.return_kind == ReturnKind::kException ? 3u : 2u, 0};
    case MessageKind::kResolve:     // descriptor 3, promised answer 4, its path 5
    case MessageKind::kDisembargo:  // target 3, likewise
      return {4, 5};
    case MessageKind::kUnimplemented: {  // one more than what it echoes
      bool resolve = envelope.inner_readable && envelope.inner_kind == MessageKind::kResolve;
      return {resolve ? 4u : 3u, 0};
    }
    default:
      return {2, 0};
  }
}

class Skeleton {
 public:
  Skeleton(const InMessage& message, const Envelope& envelope)
      : message_(message),
        words_(message),
        depths_(depthsOf(envelope)),
        out_(message.sizeWords()),
        budget_(message.sizeWords() * 2 + 1) {
    uint32_t begin = 0;
    for (uint32_t i = 0; i < message.segmentCount(); ++i) {
      begins_.push_back(begin);
      begin += static_cast<uint32_t>(message.segment(i).size());
    }
    for (const Envelope::Run& run : envelope.consumed) copy(run.at, run.words);
    if (!message.segment(0).empty()) todo_.push_back({{0, 0}, 0});
    while (!todo_.empty()) {
      Todo next = todo_.back();
      todo_.pop_back();
      follow(next.pointer, next.depth);
    }
  }

  std::vector<uint64_t> take() { return std::move(out_); }

 private:
  struct Todo {
    WordAt pointer;
    uint32_t depth;  // of the struct that it stands in
  };

  void copy(WordAt at, uint64_t words) {
    auto from = message_.segment(at.segment).subspan(at.offset, words);
    std::ranges::copy(from, out_.begin() + begins_[at.segment] + at.offset);
  }

  void follow(WordAt pointer, uint32_t depth) {
    uint64_t word = words_.word(pointer);
    Object object = resolve(words_, word, pointer);
    if (object.shape == Object::Shape::kMalformed) return;
    copy(pointer, 1);
    if (object.pad_words > 0) copy(object.pad, object.pad_words);
    if (object.shape == Object::Shape::kStruct) {
      if (!spend(structWords(object.tag))) return;
      members(object.at, structDataWords(object.tag), structPointers(object.tag), depth + 1,
              depth + 1 <= depths_.structs);
    } else if (object.shape == Object::Shape::kList) {
      list(object, depth + 1);
    }
  }

  void list(const Object& object, uint32_t depth) {
    uint64_t size = listWords(object.tag);
    if (listSize(object.tag) == kPointerList) {
      if (spend(size)) members(object.at, 0, static_cast<uint32_t>(size), depth, false);
    } else if (listSize(object.tag) == kCompositeList && spend(size)) {
      copy(object.at, 1);
      uint64_t tag = words_.word(object.at);
      uint64_t count = static_cast<uint32_t>(tag) >> 2;
      if (structWords(tag) == 0) return;
      WordAt at{object.at.segment, object.at.offset + 1};
      for (uint64_t i = 0; i < count && (i + 1) * structWords(tag) < size; ++i) {
        members(at, structDataWords(tag), structPointers(tag), depth,
                depth <= depths_.structs || depth == depths_.lists);
        at.offset += structWords(tag);
      }
    }
  }

  void members(WordAt at, uint32_t data, uint32_t pointers, uint32_t depth, bool with_data) {
    if (with_data) copy(at, data);
    for (uint32_t i = 0; i < pointers; ++i) {
      WordAt pointer{at.segment, at.offset + data + i};
      if (words_.word(pointer) != 0) todo_.push_back({pointer, depth});
    }
  }

  bool spend(uint64_t words) {
    if (words > budget_) return false;
    budget_ -= words;
    return true;
  }

  const InMessage& message_;
  MessageWords words_;
  Depths depths_;
  std::vector<uint64_t> out_;
  std::vector<uint32_t> begins_;  // of segments in out_
  std::vector<Todo> todo_;
  uint64_t budget_;  // words that may still be looked at: objects may overlap
};

}  // namespace

std::vector<uint64_t> skeletonOf(const InMessage& message, const Envelope& envelope) {
  return Skeleton(message, envelope).take();
}

}  // namespace vatmesh::wire
