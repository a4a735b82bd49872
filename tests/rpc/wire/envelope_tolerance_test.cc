// SPDX-License-Identifier: Apache-2.0
//
// Envelopes as no writer of ours makes them: shorter and longer structs, the habits of other
// implementations, unknown tags, and everything malformed.
#include <string>

#include <gtest/gtest.h>

#include "rpc/wire/envelope.h"
#include "rpc/wire/forward.h"
#include "tests/rpc/wire/messages.h"

namespace vatmesh::wire {
namespace {

using test::decoded;
using test::makeMessage;
using Words = std::vector<uint64_t>;

// Each places what it points to right behind the words so far.
constexpr uint64_t message(uint16_t kind) {
  return kind;
}

Status statusOf(const Words& words, EnvelopeLimits limits = {}) {
  BufferPool pool;
  Envelope envelope;
  return decode(makeMessage(pool, {words}), limits, envelope);
}

Envelope envelopeOf(const Words& words) {
  BufferPool pool;
  return decoded(makeMessage(pool, {words}));
}

// A Call whose Payload's capability table is `list` with `more` behind it.
Words callWithTable(uint64_t list, const Words& more) {
  Words words{structWord(0, 1, 1),
              message(2),
              structWord(0, 3, 3),
              0,
              0,
              0,
              0,
              structWord(1, 0, 2),
              0,
              0,
              list};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// A Call on answer 6 whose transform is `list` with `more` behind it.
Words callWithPath(uint64_t list, const Words& more) {
  Words words{structWord(0, 1, 1),
              message(2),
              structWord(0, 3, 3),
              0,
              0,
              0,
              structWord(2, 1, 1),
              0,
              0,
              uint64_t{1} << 32,
              structWord(0, 1, 1),
              6,
              list};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(Decode, ReadsMissingSectionsAsDefaults) {
  const Envelope call = envelopeOf({structWord(0, 1, 1), message(2), structWord(-1, 0, 0)});
  EXPECT_EQ(call.kind, MessageKind::kCall);
  EXPECT_EQ(call.id, 0u);
  EXPECT_EQ(call.target.kind, Target::Kind::kImportedCap);
  EXPECT_EQ(call.target.id, 0u);
  EXPECT_FALSE(call.payload.present);
  const Envelope ret = envelopeOf({structWord(0, 1, 1), message(3), structWord(0, 1, 0), 9});
  EXPECT_EQ(ret.id, 9u);
  EXPECT_TRUE(ret.release_param_caps);
  EXPECT_EQ(ret.return_kind, ReturnKind::kResults);
  EXPECT_FALSE(ret.payload.present);
  const Envelope finish = envelopeOf({structWord(0, 1, 1), message(4), 0});
  EXPECT_TRUE(finish.release_result_caps);
  EXPECT_TRUE(finish.early_cancellation_workaround);
  EXPECT_EQ(envelopeOf({structWord(0, 1, 0), message(6)}).kind, MessageKind::kRelease);
  EXPECT_EQ(envelopeOf({structWord(-1, 0, 0)}).kind, MessageKind::kUnimplemented);
}

TEST(Decode, ReadsLongerSectionsAndIgnoresTheRest) {
  const Envelope release = envelopeOf({structWord(0, 2, 2), message(6), 99, structWord(1, 3, 1), 77,
                                       5 | uint64_t{6} << 32, 88, 88, 0});
  EXPECT_EQ(release.id, 5u);
  EXPECT_EQ(release.count, 6u);
  // Elements of three data words and two pointers.
  const Envelope call =
      envelopeOf(callWithTable(listWord(0, 7, 10), {structWord(2, 3, 2), 1 | uint64_t{8} << 32, 9,
                                                    9, 0, 0, 3 | uint64_t{4} << 32, 9, 9, 0, 0}));
  ASSERT_EQ(call.descriptors.size(), 2u);
  EXPECT_EQ(call.descriptors[0].id, 8u);
  EXPECT_EQ(call.descriptors[1].kind, DescriptorKind::kReceiverHosted);
  EXPECT_EQ(call.descriptors[1].id, 4u);
}

TEST(Decode, TakesEmptyCapabilityTablesOfEveryForm) {
  EXPECT_TRUE(envelopeOf(callWithTable(0, {})).descriptors.empty());
  EXPECT_TRUE(
      envelopeOf(callWithTable(listWord(0, 7, 0), {structWord(0, 1, 1)})).descriptors.empty());
  EXPECT_TRUE(envelopeOf(callWithTable(listWord(0, 0, 0), {})).descriptors.empty());
  EXPECT_TRUE(envelopeOf(callWithTable(listWord(0, 6, 0), {})).descriptors.empty());
}

TEST(Decode, RefusesCapabilityTablesThatAreNoCompositeLists) {
  EXPECT_EQ(statusOf(callWithTable(listWord(0, 6, 1), {0})).code(), Code::kProtocol);
  EXPECT_EQ(statusOf(callWithTable(listWord(0, 5, 1), {1})).code(), Code::kProtocol);
  EXPECT_EQ(statusOf(callWithTable(structWord(0, 1, 1), {1, 0})).code(), Code::kProtocol);
  EXPECT_EQ(statusOf(callWithTable(capabilityWord(0), {})).code(), Code::kProtocol);
}

TEST(Decode, RefusesCapabilityTablesWhoseTagLies) {
  const uint64_t list = listWord(0, 7, 2);
  EXPECT_TRUE(statusOf(callWithTable(list, {structWord(1, 1, 1), 0, 0})).ok());
  EXPECT_EQ(statusOf(callWithTable(list, {structWord(2, 1, 1), 0, 0})).code(), Code::kProtocol);
  EXPECT_EQ(statusOf(callWithTable(list, {listWord(1, 7, 1), 0, 0})).code(), Code::kProtocol);
  EXPECT_EQ(statusOf(callWithTable(list, {structWord(1, 1, 1), 0})).code(), Code::kProtocol);
}

TEST(Decode, BoundsTheNumberOfDescriptorsAlsoWhenTheyHaveNoWords) {
  const auto table = [](int64_t count) {
    return callWithTable(listWord(0, 7, 0), {structWord(count, 0, 0)});
  };
  EXPECT_EQ(envelopeOf(table(1000)).descriptors.size(), 1000u);
  EXPECT_EQ(statusOf(table((1 << 29) - 1)).code(), Code::kProtocol);
  EXPECT_EQ(statusOf(table(11), {.max_descriptors = 10}).code(), Code::kProtocol);
}

TEST(Decode, KeepsUnknownDescriptorsInTheirPlace) {
  const Envelope call =
      envelopeOf(callWithTable(listWord(0, 7, 4), {structWord(2, 1, 1), 6 | uint64_t{8} << 32,
                                                   ~uint64_t{0}, 1 | uint64_t{4} << 32, 0}));
  ASSERT_EQ(call.descriptors.size(), 2u);
  EXPECT_TRUE(call.descriptors[0].unknown);
  EXPECT_EQ(call.descriptors[0].kind, DescriptorKind::kNone);
  EXPECT_EQ(call.descriptors[1].id, 4u);
}

TEST(Decode, TellsUnknownTags) {
  const Envelope unknown = envelopeOf({structWord(0, 1, 1), message(15), ~uint64_t{0}});
  EXPECT_FALSE(unknown.known);
  EXPECT_EQ(unknown.raw_kind, 15);
  const Envelope target = envelopeOf({structWord(0, 1, 1), message(2), structWord(0, 3, 3), 0, 0, 0,
                                      structWord(2, 1, 1), 0, 0, uint64_t{2} << 32, 0});
  EXPECT_EQ(target.target.kind, Target::Kind::kUnknown);
  EXPECT_TRUE(envelopeOf({structWord(0, 1, 1), message(2), structWord(0, 1, 0), uint64_t{3} << 48})
                  .send_results_unknown);
  EXPECT_TRUE(envelopeOf({structWord(0, 1, 1), message(3), structWord(0, 1, 0), uint64_t{6} << 48})
                  .return_unknown);
  EXPECT_TRUE(envelopeOf({structWord(0, 1, 1), message(5), structWord(0, 1, 0), uint64_t{2} << 32})
                  .resolve_unknown);
  EXPECT_TRUE(envelopeOf({structWord(0, 1, 1), message(13), structWord(0, 1, 0), uint64_t{3} << 32})
                  .disembargo_unknown);
}

TEST(Decode, RefusesMessagesWithoutARoot) {
  BufferPool pool;
  Envelope envelope;
  EXPECT_EQ(statusOf({0}).code(), Code::kProtocol);
  EXPECT_EQ(statusOf({}).code(), Code::kProtocol);
  EXPECT_EQ(decode(InMessage(), {}, envelope).code(), Code::kProtocol);
  EXPECT_EQ(decode(makeMessage(pool, {{}, {structWord(0, 0, 0)}}), {}, envelope).code(),
            Code::kProtocol);
  EXPECT_EQ(statusOf({listWord(0, 2, 8), 0}).code(), Code::kProtocol);
  EXPECT_EQ(statusOf({capabilityWord(0)}).code(), Code::kProtocol);
  EXPECT_EQ(statusOf({farWord({0, 0})}).code(), Code::kProtocol);
  EXPECT_EQ(statusOf({structWord(0, 1, 1), 2}).code(), Code::kProtocol);
}

TEST(Decode, RefusesPartsOfTheEnvelopeThatLieOutside) {
  const uint64_t outside = structWord(1000, 1, 1);
  EXPECT_EQ(statusOf({structWord(0, 1, 1), message(2), outside}).code(), Code::kProtocol);
  const auto call = [](uint64_t target, uint64_t params) {
    return Words{structWord(0, 1, 1), message(2), structWord(0, 0, 3), target, params, 0};
  };
  EXPECT_TRUE(statusOf(call(0, 0)).ok());
  EXPECT_EQ(statusOf(call(outside, 0)).code(), Code::kProtocol);
  EXPECT_EQ(statusOf(call(0, outside)).code(), Code::kProtocol);
  EXPECT_EQ(statusOf(call(0, listWord(-1, 0, 0))).code(), Code::kProtocol);
  EXPECT_EQ(statusOf(callWithTable(listWord(1000, 7, 2), {})).code(), Code::kProtocol);
  const uint64_t tag = structWord(1, 1, 1);
  EXPECT_EQ(statusOf(callWithTable(listWord(0, 7, 2), {tag, 4, outside})).code(), Code::kProtocol);
  EXPECT_EQ(statusOf(callWithTable(listWord(0, 7, 2), {tag, 5, outside})).code(), Code::kProtocol);
  EXPECT_TRUE(statusOf(callWithTable(listWord(0, 7, 2), {tag, 1, outside})).ok())
      << "a pointer that this kind doesn't have";
}

TEST(Decode, FollowsPathsOfUpTo64Operations) {
  const auto path = [](uint32_t count, uint64_t op) {
    Words more{structWord(count, 1, 0)};
    more.insert(more.end(), count, op);
    return envelopeOf(callWithPath(listWord(0, 7, count), more));
  };
  const uint64_t field = 1 | uint64_t{3} << 16;
  EXPECT_TRUE(path(64, field).target.path.ok);
  EXPECT_EQ(path(64, field).target.path.size, 64);
  EXPECT_EQ(path(64, field).target.id, 6u);
  EXPECT_FALSE(path(65, field).target.path.ok);
  EXPECT_EQ(path(65, field).target.path.size, 0);
  EXPECT_TRUE(path(64, 0).target.path.ok) << "noops";
  EXPECT_EQ(path(64, 0).target.path.size, 0);
  EXPECT_FALSE(path(65, 0).target.path.ok);
  EXPECT_FALSE(path(1, 2).target.path.ok) << "an unknown operation";
}

TEST(Decode, TakesAMalformedPathAsOneThatCannotBeFollowed) {
  EXPECT_TRUE(envelopeOf(callWithPath(0, {})).target.path.ok) << "absent";
  EXPECT_TRUE(envelopeOf(callWithPath(listWord(0, 7, 0), {structWord(0, 1, 0)})).target.path.ok);
  EXPECT_FALSE(envelopeOf(callWithPath(listWord(99, 7, 1), {})).target.path.ok);
  EXPECT_FALSE(envelopeOf(callWithPath(listWord(0, 5, 1), {1})).target.path.ok);
  EXPECT_FALSE(envelopeOf(callWithPath(structWord(0, 1, 0), {1})).target.path.ok);
  EXPECT_FALSE(
      envelopeOf(callWithPath(listWord(0, 7, 0), {structWord((1 << 29) - 1, 0, 0)})).target.path.ok)
      << "operations without words";
}

// `count` descriptors whose transform is one and the same list of `steps` steps and `spare` unused
// words.
Words sharedTransform(uint32_t count, uint32_t steps, uint32_t spare) {
  Words words = callWithTable(listWord(0, 7, count * 2), {structWord(count, 1, 1)});
  const auto answer = static_cast<int64_t>(words.size() + count * 2);
  for (uint32_t i = 0; i < count; ++i) {
    words.push_back(4);
    words.push_back(structWord(answer - static_cast<int64_t>(words.size() + 1), 1, 1));
  }
  words.push_back(6);
  words.push_back(listWord(0, 7, steps + spare));
  words.push_back(structWord(steps, 1, 0));
  words.insert(words.end(), steps + spare, 1);
  return words;
}

TEST(Decode, BoundsTheStepsOfAllPathsTogether) {
  const Envelope envelope = envelopeOf(sharedTransform(200, 64, 0));
  ASSERT_EQ(envelope.descriptors.size(), 200u);
  EXPECT_EQ(envelope.steps.size(), 4096u);
  EXPECT_TRUE(envelope.descriptors[63].path.ok);
  EXPECT_FALSE(envelope.descriptors[64].path.ok);
  EXPECT_EQ(envelope.descriptors[199].id, 6u);
}

TEST(Decode, RecordsNoMoreConsumedWordsThanTheMessageHas) {
  const Words words = sharedTransform(1000, 4, 100000);
  const Envelope envelope = envelopeOf(words);
  uint64_t consumed = 0;
  for (const auto& run : envelope.consumed) consumed += run.words;
  EXPECT_LE(consumed, words.size());
  EXPECT_GE(consumed, 100000u) << "once it is recorded";
}

TEST(Decode, GivesATextOfOursForUnreadableExceptions) {
  const auto exception = [](uint64_t pointer, const Words& more) {
    Words words{structWord(0, 1, 1), message(1), pointer};
    words.insert(words.end(), more.begin(), more.end());
    return envelopeOf(words).exception;
  };
  const uint64_t type = uint64_t{3} << 32;
  EXPECT_EQ(exception(0, {}).reason, "");
  EXPECT_NE(exception(structWord(500, 1, 2), {}).reason.find("unreadable"), std::string::npos);
  EXPECT_NE(
      exception(structWord(0, 1, 2), {type, listWord(500, 2, 9), 0}).reason.find("unreadable"),
      std::string::npos);
  EXPECT_EQ(exception(structWord(0, 1, 2), {type, listWord(500, 2, 9), 0}).type, 3);
  EXPECT_NE(exception(structWord(0, 1, 2), {type, listWord(1, 2, 2), 0, 0x6161})
                .reason.find("unreadable"),
            std::string::npos)
      << "no NUL at the end";
  EXPECT_EQ(exception(structWord(0, 1, 2), {type, listWord(1, 2, 3), 0, 0x00ff61}).reason, "a?");
  EXPECT_EQ(exception(structWord(0, 1, 2), {type, 0, listWord(0, 2, 2), 0x0061}).trace, "a");
}

TEST(Decode, CutsLongExceptionTexts) {
  Words words{structWord(0, 1, 1), message(1), structWord(0, 1, 1), 0, listWord(0, 2, 80001)};
  words.insert(words.end(), 10000, 0x6161616161616161);
  words.push_back(0);
  EXPECT_EQ(envelopeOf(words).exception.reason, std::string(kMaxExceptionText, 'a'));
}

TEST(Decode, DoesNotEndALinkForAnUnreadableEcho) {
  const Envelope outside = envelopeOf({structWord(0, 1, 1), message(0), structWord(500, 1, 1)});
  EXPECT_EQ(outside.kind, MessageKind::kUnimplemented);
  EXPECT_FALSE(outside.inner_readable);
  const Envelope body = envelopeOf(
      {structWord(0, 1, 1), message(0), structWord(0, 1, 1), message(5), structWord(500, 1, 1)});
  EXPECT_FALSE(body.inner_readable);
  EXPECT_EQ(body.inner_raw_kind, 5);
}

}  // namespace
}  // namespace vatmesh::wire
