// SPDX-License-Identifier: Apache-2.0
//
// Envelope is the rpc.capnp part of a received message as plain values. decode() reads and checks
// all of it before anything acts on it; the payload's content is not looked at, but for the word
// that points to it. Layout and tolerance: captp-engine 3.1, 3.6; peers 4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rpc/base/status.h"
#include "rpc/wire/message.h"

namespace vatmesh::wire {

enum class MessageKind : uint16_t {
  kUnimplemented = 0,
  kAbort = 1,
  kCall = 2,
  kReturn = 3,
  kFinish = 4,
  kResolve = 5,
  kRelease = 6,
  kObsoleteSave = 7,
  kBootstrap = 8,
  kObsoleteDelete = 9,
  kProvide = 10,
  kAccept = 11,
  kJoin = 12,
  kDisembargo = 13,
  kThirdPartyAnswer = 14,
};

enum class ReturnKind : uint16_t {
  kResults = 0,
  kException = 1,
  kCanceled = 2,
  kResultsSentElsewhere = 3,
  kTakeFromOtherQuestion = 4,
  kAwaitFromThirdParty = 5,
};

enum class SendResultsTo : uint16_t { kCaller = 0, kYourself = 1, kThirdParty = 2 };

enum class DescriptorKind : uint16_t {
  kNone = 0,
  kSenderHosted = 1,
  kSenderPromise = 2,
  kReceiverHosted = 3,
  kReceiverAnswer = 4,
  kThirdPartyHosted = 5,  // `id` is the vine
};

enum class DisembargoKind : uint16_t { kSenderLoopback = 0, kReceiverLoopback = 1, kAccept = 2 };

// A path of pointer-field indices; noops are dropped while decoding. `begin` and `size` select from
// Envelope::steps. A path that can't be followed (unknown op, more than kMaxPathSteps operations,
// malformed, out of EnvelopeLimits::max_steps) is not ok and empty: what uses it fails, not the
// link.
inline constexpr size_t kMaxPathSteps = 64;
struct PathSlice {
  uint32_t begin = 0;
  uint16_t size = 0;
  bool ok = true;
};

struct Target {
  enum class Kind : uint8_t { kImportedCap, kPromisedAnswer, kUnknown };
  Kind kind = Kind::kImportedCap;
  uint32_t id = 0;  // export id of the receiver, or its answer id
  PathSlice path;
};

struct Descriptor {
  DescriptorKind kind = DescriptorKind::kNone;  // kNone also for an unknown tag, see `unknown`
  bool unknown = false;
  uint32_t id = 0;
  PathSlice path;
};

// Where the application's content hangs. The forward writer needs nothing else of the payload.
struct Payload {
  bool present = false;      // false: no Payload struct at all (Go's empty results)
  bool has_content = false;  // the struct has a pointer for content
  WordAt content_at;         // of the content pointer word
  uint64_t content_word = 0;
};

struct Exception {
  uint16_t type = 0;
  std::string reason;  // cut at kMaxExceptionText, valid to send anywhere
  std::string trace;   // likewise
};
inline constexpr size_t kMaxExceptionText = 4096;  // bytes (captp-engine 0.1.2)

// The fields of fixed size. Those that the kind doesn't have are left at their defaults.
struct EnvelopeValues {
  MessageKind kind{};
  uint16_t raw_kind = 0;  // the tag as read; kinds unknown to us keep it here
  bool known = true;      // false: an unknown union tag, only raw_kind holds

  uint32_t id = 0;  // question, answer, promise, import or embargo id, by kind
  // Call
  uint64_t interface_id = 0;
  uint16_t method_id = 0;
  SendResultsTo send_results_to{};
  bool send_results_unknown = false;
  bool no_promise_pipelining = false;
  bool only_promise_pipeline = false;
  // Call, Disembargo
  Target target;
  // Return
  ReturnKind return_kind{};
  bool return_unknown = false;
  bool release_param_caps = true;
  bool no_finish_needed = false;
  uint32_t take_from = 0;  // takeFromOtherQuestion: an answer id of the receiver
  // Finish
  bool release_result_caps = true;
  bool early_cancellation_workaround = true;
  // Release
  uint32_t count = 0;
  // Resolve: descriptors[0] unless is_exception or resolve_unknown
  bool is_exception = false;
  bool resolve_unknown = false;
  // Disembargo
  DisembargoKind disembargo_kind{};
  bool disembargo_unknown = false;
  // Call, Return.results
  Payload payload;
  // Bootstrap: whether there is an object id pointer, and whether it is a byte list of a bearable
  // size
  bool has_object_id = false;
  bool object_id_readable = true;
  // Unimplemented: what the peer didn't understand, decoded as far as its first level goes
  bool inner_readable = false;
  MessageKind inner_kind{};
  uint16_t inner_raw_kind = 0;
  uint32_t inner_id = 0;  // its question, promise or embargo id
  bool inner_resolve_has_descriptor = false;
  Descriptor inner_resolve;  // without a path
  DisembargoKind inner_disembargo{};
};

// Reused from message to message so that its vectors keep their memory.
struct Envelope : EnvelopeValues {
  std::vector<Descriptor> descriptors;
  std::vector<uint16_t> steps;  // of all paths
  // Return.exception, Resolve.exception, Abort
  Exception exception;
  // Bootstrap: the object id, from Text (without its NUL) or Data alike (captp-engine 0.1.13)
  std::string object_id;

  // Words decoded from a Call or Return that no longer serve, for the scrub of forward.h. Content
  // and landing pads that still serve may be among them.
  struct Run {
    WordAt at;
    uint32_t words;
  };
  std::vector<Run> consumed;

  std::span<const uint16_t> path(const PathSlice& slice) const {
    return {steps.data() + slice.begin, slice.size};
  }
};
inline constexpr size_t kMaxObjectId = 64 * 1024;  // bytes

struct EnvelopeLimits {
  uint32_t max_descriptors = 65536;  // above: kProtocol. The engine's own bound (1024) is lower
  uint32_t max_steps =
      4096;  // operations of all paths together, noops too; paths beyond are not ok
};

// Decodes `message` into `out`. kProtocol when the envelope can't be read at all (link scope); what
// concerns one call only is told in the fields (`path.ok`, `unknown`, ...). Malformed exceptions
// become a text of our own, bytes that are no UTF-8 and NULs in texts become '?'. Null pointers
// read as structs of defaults, as everywhere in Cap'n Proto; only the root has to be there. Never
// throws, never reads outside the segments.
Status decode(const InMessage& message, const EnvelopeLimits& limits, Envelope& out);

}  // namespace vatmesh::wire
