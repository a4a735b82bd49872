// SPDX-License-Identifier: Apache-2.0
//
// Draft is a message that wire/build does not write: a built one, changed word by word before it is
// sent. Every built frame has one segment: root at 0, Message at 1 and 2, its body from 3 on.
//
//   Draft draft(wire::buildReturnResults(h.frames(), {call.id, false}, {}));
//   app.send(draft.releaseParamCaps().take());
#pragma once

#include <cstdint>
#include <vector>

#include "rpc/wire/envelope.h"
#include "rpc/wire/frame.h"
#include "rpc/wire/message.h"

namespace vatmesh::captp {

class Draft {
 public:
  explicit Draft(const wire::FrameRef& frame);

  // Word `index` of the message's body: data words, then pointers (captp-engine 3.1).
  uint64_t& body(size_t index) { return words_.at(3 + index); }

  // Any message
  Draft& kind(uint16_t tag);
  // Call
  Draft& onlyPromisePipeline();
  Draft& noPromisePipelining();
  Draft& sendResultsTo(uint16_t tag);
  // Return
  Draft& releaseParamCaps();
  Draft& noFinishNeeded();
  Draft& returnKind(uint16_t tag);
  // No Payload struct at all, as Go sends empty results.
  Draft& withoutPayload();
  // Call to an imported capability, or Return from buildReturnResults: the tag of a descriptor. One
  // written as receiverAnswer without a path becomes a readable thirdPartyHosted, whose vine is the
  // answer's id.
  Draft& descriptorTag(size_t index, uint16_t tag);
  // Return from buildReturnResults: pointer field `field` of the content.
  Draft& contentField(size_t field, uint64_t word);
  // Call: all receiverAnswers of the table are the first one's, whose path is in the message once.
  Draft& oneAnswer();
  // Call or Return: the content becomes a list of `words` zero words.
  Draft& content(size_t words);
  // Call or Return: the content pointer leads outside of the message.
  Draft& badContent();

  // The message, as often as it is wanted.
  wire::InMessage take() const;

 private:
  bool isReturn() const;
  size_t payload() const;
  size_t descriptors() const;

  std::vector<uint64_t> words_;
};

// A pointer word for contentField(): entry `index` of the capability table.
inline uint64_t capabilityField(uint32_t index) {
  return 3 | uint64_t{index} << 32;
}

}  // namespace vatmesh::captp
