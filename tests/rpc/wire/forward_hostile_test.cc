// SPDX-License-Identifier: Apache-2.0
//
// Payloads that reach for the envelope (rule Z). What they can do is read the new one, which holds
// ids of the destination only; what they can't is to be taken for it, or to name a capability that
// is not in the table of their own message.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/rpc/wire/passing.h"

namespace vatmesh::wire {
namespace {

using test::Explorer;
using test::Hooks;
using test::Judge;
using test::kNewId;
using Words = std::vector<uint64_t>;

// A Call with two descriptors and a content struct of three pointers at words 13 to 15. The new
// envelope begins at word 21: Message, Call at 23, target at 29, Payload at 31, table at 33.
constexpr uint32_t kFirst = 13;
constexpr uint32_t kNewBegin = 21;
constexpr uint32_t kNewCall = 23;
constexpr uint32_t kNewTable = 33;
constexpr uint64_t kOldSecret = 0x5ec2e7;

Words hostileCall() {
  Words words{structWord(0, 1, 1),
              2,
              structWord(0, 3, 3),
              kOldSecret,
              0x1234,
              0,
              structWord(2, 1, 1),
              structWord(3, 0, 2),
              0,
              kOldSecret,
              0,
              structWord(1, 0, 3),
              listWord(3, 7, 4),
              0,
              0,
              0};
  words.insert(words.end(),
               {structWord(2, 1, 1), 3 | kOldSecret << 32, 0, 1 | kOldSecret << 32, 0});
  return words;
}

class ForwardHostile : public testing::Test {
 protected:
  // Passes `segments` on; the receiver must read exactly the new envelope. False: refused.
  bool pass(const test::Segments& segments) {
    Envelope envelope;
    frame_ = test::passOn(test::makeMessage(buffers_, segments), frames_, envelope);
    if (!frame_) return false;
    table_size_ = envelope.descriptors.size();
    EXPECT_EQ(describe(*frame_), test::expectedLine(envelope));
    hooks_ = std::make_unique<Hooks>(table_size_);
    judge_ = std::make_unique<Judge>(*frame_, *hooks_);
    const auto call = judge_->message().getCall();
    EXPECT_EQ(call.getQuestionId(), kNewId);
    EXPECT_EQ(call.getTarget().getImportedCap(), kNewId);
    EXPECT_EQ(call.getParams().getCapTable().size(), table_size_);
    explorer_ = std::make_unique<Explorer>(*hooks_);
    explorer_->explore(judge_->content());
    return true;
  }

  void expectNothingOfTheOldEnvelope() {
    for (const auto& segment : test::segmentsOf(*frame_)) {
      for (const uint64_t word : segment) {
        EXPECT_NE(word & 0xffffffff, kOldSecret);
        EXPECT_NE(word >> 32, kOldSecret);
      }
    }
  }

  BufferPool buffers_;
  FramePool frames_;
  FrameRef frame_;
  size_t table_size_ = 0;
  std::unique_ptr<Hooks> hooks_;
  std::unique_ptr<Judge> judge_;
  std::unique_ptr<Explorer> explorer_;
};

TEST_F(ForwardHostile, ReadsOnlyTheDestinationsIdsByAPointerPastTheOldEnd) {
  Words words = hostileCall();
  words[kFirst] = listWord(kNewBegin - kFirst - 1, 2, 17 * 8);
  ASSERT_TRUE(pass({words}));
  EXPECT_TRUE(explorer_->saw(kNewId | uint64_t{0} << 32)) << "the attack works as described";
  expectNothingOfTheOldEnvelope();
}

TEST_F(ForwardHostile, ReadsOnlyTheDestinationsIdsThroughTheRoot) {
  Words words = hostileCall();
  words[kFirst] = farWord({0, 0});
  ASSERT_TRUE(pass({words}));
  EXPECT_TRUE(explorer_->saw(kNewId)) << "the attack works as described";
  expectNothingOfTheOldEnvelope();
}

TEST_F(ForwardHostile, MakesNoCapabilityOfADescriptor) {
  // A struct whose pointer is a word of the new table: descriptor 3 looks like a capability pointer
  // with the id as its index.
  for (uint32_t at = kNewBegin; at < kNewTable + 5; ++at) {
    Words words = hostileCall();
    words[kFirst + 2] = structWord(at - (kFirst + 3), 0, 1);
    ASSERT_TRUE(pass({words}));
    EXPECT_EQ(explorer_->capabilities(), 0) << at;
    const uint16_t path[] = {2, 0};
    const auto index = capabilityAt(*frame_, path);
    EXPECT_TRUE(!index || *index >= table_size_) << "no index of the table, at " << at;
  }
}

TEST_F(ForwardHostile, RefusesAContentRootThatBecomesValidOnlyOnTheFinalImage) {
  for (uint32_t at = kNewBegin; at < kNewTable + 5; ++at) {
    Words words = hostileCall();
    words[11] = structWord(at - 12, 1, 0);
    EXPECT_FALSE(pass({words})) << at;
    words[11] = farWord({0, at});
    EXPECT_FALSE(pass({words})) << at;
    words[11] = listWord(at - 12, 2, 8);
    EXPECT_FALSE(pass({words})) << at;
  }
  Words words = hostileCall();
  words[11] = farWord({0, 0});
  EXPECT_FALSE(pass({words})) << "the root as a pad";
}

TEST_F(ForwardHostile, IsReadAsWrittenWhenTheTableOverlapsTheTarget) {
  // The capability table's only element is the words of the target struct.
  Words words = hostileCall();
  words[8] = structWord(1, 1, 1);  // Call's third pointer serves as the list's tag
  words[12] = listWord(-5, 7, 2);
  ASSERT_TRUE(pass({words}));
  EXPECT_EQ(table_size_, 1u);
}

TEST_F(ForwardHostile, CanDamageItselfOnlyWhenThePayloadOverlapsTheEnvelope) {
  // Content over every place of the old envelope.
  for (int64_t at = 0; at < 13; ++at) {
    for (const uint16_t pointers : std::initializer_list<uint16_t>{0, 3, 8}) {
      Words words = hostileCall();
      words[11] = structWord(at - 12, 2, pointers);
      if (pass({words})) expectNothingOfTheOldEnvelope();
    }
  }
  // Payload and Call are the same struct.
  Words words = hostileCall();
  words[7] = structWord(-5, 0, 6);
  if (pass({words})) expectNothingOfTheOldEnvelope();
}

TEST_F(ForwardHostile, StaysWithinTheTableFromAnotherSegment) {
  Words words = hostileCall();
  words[11] = farWord({1, 0});
  for (uint32_t at = 0; at < kNewTable + 5; ++at) {
    ASSERT_TRUE(pass(
        {words, {structWord(0, 0, 3), farWord({0, at}), farWord({0, at}) | 4, capabilityWord(2)}}));
    EXPECT_LE(explorer_->capabilities(), 40);
    expectNothingOfTheOldEnvelope();
  }
}

TEST_F(ForwardHostile, ReadsAnIndexOutsideTheTableAsNoCapability) {
  Words words = hostileCall();
  words[kFirst] = capabilityWord(1);
  words[kFirst + 1] = capabilityWord(2);
  words[kFirst + 2] = capabilityWord(0xffffffff);
  ASSERT_TRUE(pass({words}));
  EXPECT_EQ(explorer_->capabilities(), 1);
}

TEST_F(ForwardHostile, SurvivesAnOffsetThatWrapsAround) {
  for (const int64_t offset : {int64_t{-(1 << 29)}, int64_t{(1 << 29) - 1}}) {
    Words words = hostileCall();
    words[11] = structWord(offset, 1, 0);
    EXPECT_FALSE(pass({words}));
    words[11] = structWord(offset, 0, 0);
    EXPECT_TRUE(pass({words}));
    words[11] = structWord(1, 0, 3);
    words[kFirst] = structWord(offset, 1, 1);
    EXPECT_TRUE(pass({words}));
  }
}

// The call's id as a constant, so that the layout above is checked too.
TEST_F(ForwardHostile, UsesTheLayoutThatTheseTestsAssume) {
  ASSERT_TRUE(pass({hostileCall()}));
  EXPECT_EQ(frame_->word(0, kNewCall), kNewId);
  EXPECT_EQ(frame_->word(0, kNewTable), structWord(2, 1, 1));
}

}  // namespace
}  // namespace vatmesh::wire
