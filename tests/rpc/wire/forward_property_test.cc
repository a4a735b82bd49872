// SPDX-License-Identifier: Apache-2.0
//
// What arrives is what was sent, for any segmentation of the message and any aliasing inside its
// payload. Messages are made and judged by the stock library (captp-engine scenario 107).
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "rpc/wire/forward.h"
#include "rpc/wire/image.h"
#include "tests/rpc/wire/judge.h"

namespace vatmesh::wire {
namespace {

using test::Hooks;
using test::Judge;
using test::Random;
using test::Segments;
using test::segmentsOf;

constexpr uint32_t kOldId = 0xc0ffee11;  // every id that the original envelope holds
constexpr OutLimits kNoLimits{1u << 28, 1u << 20, 1u << 20, 1u << 20};

struct Sample {
  Segments segments;
  bool is_call = false;
};

void fillDescriptors(capnp::List<capnp::rpc::CapDescriptor>::Builder table, Random& random) {
  for (auto entry : table) {
    switch (random() % 4) {
      case 0:
        break;
      case 1:
        entry.setSenderHosted(kOldId);
        break;
      case 2:
        entry.setReceiverHosted(kOldId);
        break;
      default: {
        auto answer = entry.initReceiverAnswer();
        answer.setQuestionId(kOldId);
        if (random() % 2) answer.initTransform(2)[1].setGetPointerField(5);
      }
    }
  }
}

void fillPayload(capnp::rpc::Payload::Builder payload, Random& random, const Hooks& hooks) {
  size_t used = 0;
  const auto table = [&] {
    if (random() % 4 != 0) fillDescriptors(payload.initCapTable(random() % 5), random);
  };
  const bool table_first = random() % 2;
  if (table_first) table();
  switch (random() % 10) {
    case 0:
      break;
    case 8:
    case 9: {
      // What is made before its place often ends behind a double far pointer.
      auto orphan =
          capnp::Orphanage::getForMessageContaining(payload).newOrphan<capnp::rpc::Exception>();
      orphan.get().setReason("made elsewhere");
      payload.getContent().adopt(kj::mv(orphan));
      break;
    }
    case 1:
      payload.getContent().setAs<capnp::Capability>(hooks.client(used++));
      break;
    case 2:
      payload.getContent().initAsAnyStruct(0, 0);
      break;
    default:
      test::fillRandom(payload.getContent(), random, hooks, used, 0);
  }
  if (!table_first) table();
}

capnp::Orphan<capnp::rpc::Payload> makePayload(capnp::rpc::Message::Builder root, Random& random,
                                               const Hooks& hooks) {
  auto orphan = capnp::Orphanage::getForMessageContaining(root).newOrphan<capnp::rpc::Payload>();
  fillPayload(orphan.get(), random, hooks);
  return orphan;
}

Sample randomSample(Random& random, const Hooks& hooks, uint32_t least) {
  static constexpr uint32_t kSpreads[] = {0, 1, 2, 5, 20, 1000};
  test::RandomBuilder builder(random, least, kSpreads[random() % 6]);
  capnp::BuilderCapabilityTable table;
  auto root = table.imbue(builder.getRoot<capnp::AnyPointer>()).initAs<capnp::rpc::Message>();
  Sample sample;
  sample.is_call = random() % 2;
  if (sample.is_call) {
    auto call = root.initCall();
    call.setQuestionId(kOldId);
    call.setInterfaceId(kOldId);
    if (random() % 2) {
      call.initTarget().setImportedCap(kOldId);
    } else {
      auto answer = call.initTarget().initPromisedAnswer();
      answer.setQuestionId(kOldId);
      answer.initTransform(1)[0].setGetPointerField(3);
    }
    if (random() % 16) call.adoptParams(makePayload(root, random, hooks));
  } else {
    auto ret = root.initReturn();
    ret.setAnswerId(kOldId);
    if (random() % 16) ret.adoptResults(makePayload(root, random, hooks));
  }
  sample.segments = builder.segments();
  return sample;
}

// Where the pointers of a one-segment payload stand, found from the one at `at`.
void collectPointers(const std::vector<uint64_t>& words, uint32_t at, std::vector<uint32_t>& out) {
  out.push_back(at);
  const uint64_t word = words[at];
  if (word == 0 || (word & 2) != 0) return;
  auto target = static_cast<uint32_t>(at + 1 + nearOffset(word));
  uint64_t shape = word;
  uint32_t count = 1;
  if (pointerKind(word) == PointerKind::kList) {
    if (listSize(word) == kCompositeList) {
      shape = words[target++];
      count = static_cast<uint32_t>(shape) >> 2;
    } else {
      shape = structWord(0, 0, listSize(word) == 6 ? 1 : 0);
      count = listCount(word);
    }
  }
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t first = target + i * structWords(shape) + structDataWords(shape);
    for (uint32_t j = 0; j < structPointers(shape); ++j) collectPointers(words, first + j, out);
  }
}

// Lets null pointers of the payload lead to objects that others lead to already. Only in one
// segment and only ahead, so that what is compared stays finite. Returns how many there are.
int addAliases(Sample& sample, Random& random) {
  if (sample.segments.size() != 1) return 0;
  BufferPool pool;
  const InMessage message = test::makeMessage(pool, sample.segments);
  const Payload payload = test::decoded(message).payload;
  if (!payload.has_content) return 0;
  auto& words = sample.segments[0];
  std::vector<uint32_t> pointers;
  collectPointers(words, payload.content_at.offset, pointers);
  int added = 0;
  for (const uint32_t at : pointers) {
    const uint32_t from = pointers[random() % pointers.size()];
    if (words[at] != 0 || words[from] == 0 || (words[from] & 2) != 0) continue;
    const int64_t target = int64_t{from} + 1 + nearOffset(words[from]);
    if (target <= at) continue;
    words[at] = withOffset(words[from], target - (at + 1));
    ++added;
  }
  return added;
}

const char* formName(const Payload& payload) {
  if (!payload.present) return "no payload";
  const uint64_t word = payload.content_word;
  if (word == 0) return "null";
  if (isCapability(word)) return "capability";
  if (pointerKind(word) == PointerKind::kFar) return isDoubleFar(word) ? "double far" : "far";
  if (payload.content_at.segment != 0) return "near elsewhere";
  if (pointerKind(word) == PointerKind::kStruct && structWords(word) == 0) return "empty struct";
  return pointerKind(word) == PointerKind::kStruct ? "struct" : "list";
}

// The new envelope, with paths that stay valid.
struct NewIds {
  std::vector<uint16_t> path{7, 0, 65535};
  OutCall call;
  OutReturn ret;
  std::vector<OutDescriptor> descriptors;
};

NewIds randomIds(Random& random, size_t descriptors) {
  NewIds ids;
  ids.call.question_id = random();
  ids.call.interface_id = uint64_t{random()} << 32 | random();
  ids.call.method_id = static_cast<uint16_t>(random());
  ids.call.target.id = random();
  if (random() % 2) {
    ids.call.target.kind = Target::Kind::kPromisedAnswer;
    if (random() % 2) ids.call.target.path = ids.path;
  }
  if (random() % 2) ids.call.send_results_to = SendResultsTo::kYourself;
  ids.ret.answer_id = random();
  for (size_t i = 0; i < descriptors; ++i) {
    OutDescriptor out{static_cast<DescriptorKind>(random() % 5), random(), {}};
    if (random() % 2) out.path = ids.path;
    ids.descriptors.push_back(out);
  }
  return ids;
}

void expectPath(capnp::rpc::PromisedAnswer::Reader answer, uint32_t id,
                std::span<const uint16_t> path) {
  EXPECT_EQ(answer.getQuestionId(), id);
  ASSERT_EQ(answer.getTransform().size(), path.size());
  for (uint32_t i = 0; i < path.size(); ++i) {
    EXPECT_EQ(answer.getTransform()[i].getGetPointerField(), path[i]);
  }
}

void expectDescriptor(capnp::rpc::CapDescriptor::Reader got, const OutDescriptor& want) {
  ASSERT_EQ(static_cast<uint16_t>(got.which()), static_cast<uint16_t>(want.kind));
  switch (want.kind) {
    case DescriptorKind::kSenderHosted:
      EXPECT_EQ(got.getSenderHosted(), want.id);
      break;
    case DescriptorKind::kSenderPromise:
      EXPECT_EQ(got.getSenderPromise(), want.id);
      break;
    case DescriptorKind::kReceiverHosted:
      EXPECT_EQ(got.getReceiverHosted(), want.id);
      break;
    case DescriptorKind::kReceiverAnswer:
      expectPath(got.getReceiverAnswer(), want.id, want.path);
      break;
    default:
      break;
  }
}

void expectEnvelope(Judge& judge, bool is_call, const NewIds& ids) {
  const auto message = judge.message();
  if (is_call) {
    ASSERT_TRUE(message.isCall());
    const auto call = message.getCall();
    EXPECT_EQ(call.getQuestionId(), ids.call.question_id);
    EXPECT_EQ(call.getInterfaceId(), ids.call.interface_id);
    EXPECT_EQ(call.getMethodId(), ids.call.method_id);
    EXPECT_EQ(call.getSendResultsTo().isYourself(),
              ids.call.send_results_to == SendResultsTo::kYourself);
    if (ids.call.target.kind == Target::Kind::kImportedCap) {
      ASSERT_TRUE(call.getTarget().isImportedCap());
      EXPECT_EQ(call.getTarget().getImportedCap(), ids.call.target.id);
    } else {
      ASSERT_TRUE(call.getTarget().isPromisedAnswer());
      expectPath(call.getTarget().getPromisedAnswer(), ids.call.target.id, ids.call.target.path);
    }
  } else {
    ASSERT_TRUE(message.isReturn());
    EXPECT_EQ(message.getReturn().getAnswerId(), ids.ret.answer_id);
    EXPECT_FALSE(message.getReturn().getReleaseParamCaps());
    ASSERT_TRUE(message.getReturn().isResults());
  }
  const auto table = judge.payload().getCapTable();
  ASSERT_EQ(table.size(), ids.descriptors.size());
  for (uint32_t i = 0; i < table.size(); ++i) expectDescriptor(table[i], ids.descriptors[i]);
}

void expectNoOldIds(const Frame& frame) {
  for (const auto& segment : segmentsOf(frame)) {
    for (const uint64_t word : segment) {
      EXPECT_NE(static_cast<uint32_t>(word), kOldId);
      EXPECT_NE(highHalf(word), kOldId);
    }
  }
}

void expectSameWalks(Judge& judge, const Frame& frame,
                     const std::vector<std::vector<uint16_t>>& paths,
                     const std::vector<std::optional<uint32_t>>& before, const Hooks& hooks) {
  for (size_t i = 0; i < paths.size(); ++i) {
    const auto judged = test::judgedCapability(judge.content(), paths[i], hooks);
    EXPECT_EQ(capabilityAt(frame, paths[i]), judged);
    EXPECT_EQ(before[i], judged) << "on the scrubbed message";
  }
}

class ForwardProperty : public testing::Test {
 protected:
  // Forwards `sample` and lets the judge look at it.
  void check(const Sample& sample, Random& random) {
    InMessage message = test::makeMessage(buffers_, sample.segments);
    const Envelope envelope = test::decoded(message);
    ++forms_[formName(envelope.payload)];
    ASSERT_TRUE(checkContent(message, envelope.payload).ok());
    scrub(message, envelope);
    std::vector<std::vector<uint16_t>> paths{{}};
    std::vector<std::optional<uint32_t>> walked;
    for (int i = 0; i < 20; ++i) {
      auto& path = paths.emplace_back(1 + random() % 3);
      for (auto& step : path) step = static_cast<uint16_t>(random() % 4);
    }
    for (const auto& path : paths) {
      walked.push_back(capabilityAt(message, envelope.payload, path));
      if (walked.back()) ++found_;
    }

    const NewIds ids = randomIds(random, envelope.descriptors.size());
    size_t answers = 0;
    size_t steps = 0;
    const auto count = [&](bool answer, size_t size) {
      answers += answer;
      steps += answer ? size : 0;
    };
    count(ids.call.target.kind == Target::Kind::kPromisedAnswer, ids.call.target.path.size());
    for (const auto& entry : ids.descriptors) {
      count(entry.kind == DescriptorKind::kReceiverAnswer, entry.path.size());
    }
    OutLimits limits = kNoLimits;
    ASSERT_TRUE(checkSize(message, ids.descriptors.size(), answers, steps, limits).ok());
    const size_t words_before = message.sizeWords();
    const FrameRef frame =
        sample.is_call
            ? forwardCall(frames_, std::move(message), envelope.payload, ids.call, ids.descriptors)
            : forwardReturn(frames_, std::move(message), envelope.payload, ids.ret,
                            ids.descriptors);

    // The bytes on the wire are the words of the frame, and checkSize promised enough of them.
    const Segments image = segmentsOf(*frame);
    ASSERT_EQ(test::bytesOf(*frame), test::frameBytes(image));
    ASSERT_EQ(frame->sizeBytes(), test::frameBytes(image).size());
    ASSERT_EQ(frame->segmentCount(), sample.segments.size());
    size_t words = 0;
    for (const auto& segment : image) words += segment.size();
    limits.max_words = words - 1;
    const InMessage same_size = test::makeMessage(buffers_, sample.segments);
    ASSERT_EQ(same_size.sizeWords(), words_before);
    EXPECT_FALSE(checkSize(same_size, ids.descriptors.size(), answers, steps, limits).ok());

    Judge original(sample.segments, hooks_);
    Judge arrived(image, hooks_);
    expectEnvelope(arrived, sample.is_call, ids);
    EXPECT_EQ(test::difference(original.content(), arrived.content(), hooks_), "");
    expectNoOldIds(*frame);
    expectSameWalks(arrived, *frame, paths, walked, hooks_);
  }

  Hooks hooks_{40};
  BufferPool buffers_;
  FramePool frames_;
  std::map<std::string, int> forms_;
  int found_ = 0;
};

TEST_F(ForwardProperty, WhatArrivesIsWhatWasSentForAnySegmentation) {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    check(randomSample(random, hooks_, 1), random);
    if (HasFailure()) break;
  }
  for (const char* form : {"no payload", "null", "capability", "far", "double far",
                           "near elsewhere", "empty struct", "struct", "list"}) {
    EXPECT_GE(forms_[form], 20) << "hardly tried: " << form;
  }
  EXPECT_GE(found_, 500) << "hardly any capability was walked to";
}

TEST_F(ForwardProperty, WhatArrivesIsWhatWasSentWhenThePayloadAliasesItself) {
  int aliased = 0;
  for (uint32_t seed = 0; seed < 6000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Sample sample = randomSample(random, hooks_, 2000);
    if (addAliases(sample, random) == 0) continue;
    ++aliased;
    check(sample, random);
    if (HasFailure()) break;
  }
  EXPECT_GE(aliased, 200);
}

}  // namespace
}  // namespace vatmesh::wire
