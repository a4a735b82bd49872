// SPDX-License-Identifier: Apache-2.0
//
// EnvelopeWriter fills the tail of a frame with envelope structs, one behind the other, and the
// sizes they need beforehand. Internal to rpc/wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "rpc/wire/envelope.h"
#include "rpc/wire/forward.h"

namespace vatmesh::wire {

// Words of each struct as we write it: data and pointers together.
namespace words {
inline constexpr size_t kMessage = 2;
inline constexpr size_t kBootstrap = 2;
inline constexpr size_t kCall = 6;
inline constexpr size_t kReturn = 3;
inline constexpr size_t kFinish = 1;
inline constexpr size_t kResolve = 2;
inline constexpr size_t kRelease = 1;
inline constexpr size_t kDisembargo = 2;
inline constexpr size_t kTarget = 2;
inline constexpr size_t kPayload = 2;
inline constexpr size_t kDescriptor = 2;
inline constexpr size_t kPromisedAnswer = 2;
inline constexpr size_t kException = 3;  // data, reason, trace

// What hangs on them.
size_t path(std::span<const uint16_t> path);
size_t target(const OutTarget& target);
size_t descriptor(const OutDescriptor& descriptor);
size_t capTable(std::span<const OutDescriptor> descriptors);
size_t text(std::string_view text);
}  // namespace words

// The first word of a Return.
uint64_t returnWord(uint32_t answer_id, ReturnKind kind, bool no_finish_needed);

class EnvelopeWriter {
 public:
  // Writes into `tail`, whose words are zero and just as many as will be used.
  explicit EnvelopeWriter(std::span<uint64_t> tail)
      : begin_(tail.data()), next_(tail.data()), end_(tail.data() + tail.size()) {}

  // A Message of `kind`, and its body of the given sections. Returns the body.
  uint64_t* message(MessageKind kind, uint16_t data_words, uint16_t pointers);
  // The Message and body of a Call with its target, and of a Return.results. Returned is the body's
  // pointer to its Payload.
  uint64_t* call(const OutCall& call);
  uint64_t* results(const OutReturn& fields);
  // A whole Abort.
  void abort(uint16_t type, std::string_view reason);
  // Each sets the pointer `at` and adds what it points to.
  uint64_t* addStruct(uint64_t* at, uint16_t data_words, uint16_t pointers);
  void target(uint64_t* at, const OutTarget& target);
  void descriptor(uint64_t* at, const OutDescriptor& descriptor);
  void capTable(uint64_t* at, std::span<const OutDescriptor> descriptors);
  // An empty text leaves the pointer null.
  void text(uint64_t* at, std::string_view text);
  void exception(uint64_t* at, uint16_t type, std::string_view reason, std::string_view trace);

  // Index in the tail of a word that was added.
  size_t indexOf(const uint64_t* word) const { return static_cast<size_t>(word - begin_); }
  // Whether all of the tail has been used.
  bool full() const { return next_ == end_; }

 private:
  uint64_t* take(size_t words);
  void promisedAnswer(uint64_t* at, uint32_t id, std::span<const uint16_t> path);
  void fillDescriptor(uint64_t* element, const OutDescriptor& descriptor);

  uint64_t* begin_;
  uint64_t* next_;
  uint64_t* end_;
};

}  // namespace vatmesh::wire
