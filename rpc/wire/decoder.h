// SPDX-License-Identifier: Apache-2.0
//
// Decoder reads one message into an Envelope: what decode() of envelope.h runs. Internal to
// rpc/wire; split over envelope.cc (the kinds), decoder_payload.cc (targets, capability tables,
// paths) and decoder_text.cc (exceptions, object ids).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "rpc/base/status.h"
#include "rpc/wire/envelope.h"
#include "rpc/wire/message.h"
#include "rpc/wire/pointer.h"

namespace vatmesh::wire {

// A struct inside one segment; sections that are too short read as zeroes.
struct StructView {
  const uint64_t* words = nullptr;
  WordAt at;
  uint32_t data_words = 0;
  uint32_t pointers = 0;

  uint64_t data(uint32_t word) const { return word < data_words ? words[word] : 0; }
  uint16_t data16(uint32_t bit) const { return static_cast<uint16_t>(data(bit / 64) >> bit % 64); }
  uint32_t data32(uint32_t bit) const { return static_cast<uint32_t>(data(bit / 64) >> bit % 64); }
  bool flag(uint32_t bit) const { return (data(bit / 64) >> bit % 64 & 1) != 0; }

  uint64_t pointer(uint32_t index) const {
    return index < pointers ? words[data_words + index] : 0;
  }
  // Where pointer `index` stands; no meaning when there is none.
  WordAt pointerAt(uint32_t index) const { return {at.segment, at.offset + data_words + index}; }
};

// A composite list inside one segment, or an empty list.
struct ListView {
  const uint64_t* words = nullptr;  // of the first element
  WordAt at;
  uint32_t count = 0;
  uint32_t data_words = 0;  // of each element
  uint32_t pointers = 0;

  StructView operator[](uint32_t index) const {
    const uint32_t begin = index * (data_words + pointers);
    return {words + begin, {at.segment, at.offset + begin}, data_words, pointers};
  }
};

class Decoder {
 public:
  Decoder(const InMessage& message, const EnvelopeLimits& limits, Envelope& out)
      : message_(message),
        words_(message),
        limits_(limits),
        out_(out),
        first_(message.empty() ? std::span<const uint64_t>() : message.segment(0)),
        consumable_(message.sizeWords()) {}

  Status run();

 private:
  // Each returns false after it set error_.
  bool readMessage(const StructView& message);
  bool readCall(const StructView& call);
  bool readReturn(const StructView& ret);
  bool readResolve(const StructView& resolve);
  bool readDisembargo(const StructView& disembargo);
  bool readUnimplemented(const StructView& message);
  void readInner(const StructView& inner);
  void readInnerResolve(const StructView& resolve);

  // decoder_payload.cc
  bool readTarget(uint64_t word, WordAt at);
  bool readPayload(uint64_t word, WordAt at);
  bool readCapTable(uint64_t word, WordAt at);
  bool readDescriptor(const StructView& element, Descriptor& out);
  bool readPromisedAnswer(uint64_t word, WordAt at, uint32_t& id, PathSlice& path);
  void readPath(uint64_t word, WordAt at, PathSlice& path);
  bool appendSteps(const ListView& ops);

  // decoder_text.cc. Never fail: what can't be read is told in the fields.
  void readException(uint64_t word, WordAt at);
  void readText(uint64_t word, WordAt at, std::string_view what, std::string& out);
  void readObjectId(uint64_t word, WordAt at);

  // False when `word` leads to no struct; a null pointer gives an empty one. No error_ is set.
  bool openStruct(uint64_t word, WordAt at, StructView& out) {
    // Nearly all envelopes consist of near pointers in segment 0, inside its bounds.
    if (pointerKind(word) == PointerKind::kStruct && at.segment == 0) {
      const auto begin = static_cast<uint64_t>(int64_t{at.offset} + 1 + nearOffset(word));
      const uint32_t size = structWords(word);
      if (size != 0 && begin <= first_.size() && size <= first_.size() - begin) {
        const auto offset = static_cast<uint32_t>(begin);
        out = {first_.data() + begin, {0, offset}, structDataWords(word), structPointers(word)};
        if (recording_) consume(out.at, size);
        return true;
      }
    }
    return openAnyStruct(word, at, out);
  }
  bool openAnyStruct(uint64_t word, WordAt at, StructView& out);
  // False when `word` leads to no composite list; null and lists of no elements give an empty one.
  bool openList(uint64_t word, WordAt at, ListView& out);
  // The bytes of a byte list; false for anything else but null, which gives none.
  bool openBytes(uint64_t word, WordAt at, std::string_view& out);
  // Records decoded words. Not more than the message has: objects that overlap come from a hostile
  // sender, and would make the scrub as slow as they are many.
  void consume(WordAt at, uint32_t words) {
    if (words > consumable_) return;
    consumable_ -= words;
    // Envelopes are mostly written in one go.
    if (packed(at) == run_end_) {
      run_words_ += words;
    } else {
      beginRun(at, words);
    }
    run_end_ = packed(at) + words;
  }
  static uint64_t packed(WordAt at) { return uint64_t{at.segment} << 32 | at.offset; }
  void beginRun(WordAt at, uint32_t words);
  void endRun();
  bool fail(const char* error) {
    error_ = error;
    return false;
  }

  const InMessage& message_;
  MessageWords words_;
  const EnvelopeLimits& limits_;
  Envelope& out_;
  std::span<const uint64_t> first_;  // segment 0
  uint32_t ops_ = 0;                 // read so far, of all paths
  uint64_t consumable_;              // words that may still be recorded as consumed
  uint64_t run_end_ = 0;             // where the last of them end; they are not in the envelope yet
  uint32_t run_words_ = 0;           // how many they are
  bool recording_ = false;           // whether consumed words are of interest
  const char* error_ = nullptr;
};

}  // namespace vatmesh::wire
