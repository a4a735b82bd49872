// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/image.h"

#include "rpc/wire/pointer.h"

namespace vatmesh::wire {

namespace {

class FrameWords {
 public:
  explicit FrameWords(const Frame& frame) : frame_(frame) {}
  uint32_t segments() const { return frame_.segmentCount(); }
  uint64_t size(uint32_t segment) const { return frame_.segmentWords(segment); }
  uint64_t word(WordAt at) const { return frame_.word(at.segment, at.offset); }

 private:
  const Frame& frame_;
};

// A pointer and where it stands.
struct Pointer {
  uint64_t word = 0;
  WordAt at;
};

// Goes from struct to struct; null once something was no struct.
template <class Words>
class Walk {
 public:
  Walk(const Words& words, Pointer from) : words_(words), here_(from) {}

  // To pointer `index` of the struct that the current pointer leads to.
  void step(uint16_t index) {
    const Object object = resolve(words_, here_.word, here_.at);
    if (object.shape != Object::Shape::kStruct || index >= structPointers(object.tag)) {
      here_ = {};
      return;
    }
    here_.at = {object.at.segment, object.at.offset + structDataWords(object.tag) + index};
    here_.word = words_.word(here_.at);
  }

  // A data word of the struct that the current pointer leads to.
  uint64_t data(uint32_t index) const {
    const Object object = resolve(words_, here_.word, here_.at);
    if (object.shape != Object::Shape::kStruct || index >= structDataWords(object.tag)) return 0;
    return words_.word({object.at.segment, object.at.offset + index});
  }

  // Only a capability pointer that stands here itself: one behind a far pointer is odd.
  std::optional<uint32_t> capability() const {
    if (!isCapability(here_.word)) return std::nullopt;
    return highHalf(here_.word);
  }

 private:
  const Words& words_;
  Pointer here_;
};

template <class Words>
std::optional<uint32_t> follow(Walk<Words> walk, std::span<const uint16_t> path) {
  if (path.size() > kMaxPathSteps) return std::nullopt;
  for (const uint16_t field : path) walk.step(field);
  return walk.capability();
}

}  // namespace

std::optional<uint32_t> capabilityAt(const Frame& frame, std::span<const uint16_t> path) {
  if (frame.segmentCount() == 0 || frame.segmentWords(0) == 0) return std::nullopt;
  const FrameWords words(frame);
  Walk<FrameWords> walk(words, {words.word({0, 0}), {0, 0}});
  const auto kind = static_cast<MessageKind>(static_cast<uint16_t>(walk.data(0)));
  if (kind == MessageKind::kCall) {
    walk.step(0);
    walk.step(1);
  } else if (kind == MessageKind::kReturn) {
    walk.step(0);
    const auto tag = static_cast<ReturnKind>(static_cast<uint16_t>(walk.data(0) >> 48));
    if (tag != ReturnKind::kResults) return std::nullopt;
    walk.step(0);
  } else {
    return std::nullopt;
  }
  walk.step(0);
  return follow(walk, path);
}

std::optional<uint32_t> capabilityAt(const InMessage& message, const Payload& payload,
                                     std::span<const uint16_t> path) {
  if (!payload.present || !payload.has_content) return std::nullopt;
  const MessageWords words(message);
  return follow(Walk<MessageWords>(words, {payload.content_word, payload.content_at}), path);
}

}  // namespace vatmesh::wire
