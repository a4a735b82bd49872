// SPDX-License-Identifier: Apache-2.0
#include "rpc/wire/pointer.h"

#include <gtest/gtest.h>

#include "tests/rpc/wire/messages.h"

namespace vatmesh::wire {
namespace {

using Shape = Object::Shape;

// Resolves word 1 of segment 0; segment 0 has 4 words and segment 1 as many as given.
Object resolved(uint64_t word, std::vector<uint64_t> second = {0, 0, 0, 0}) {
  BufferPool pool;
  const InMessage message = test::makeMessage(pool, {{0, word, 0, 0}, std::move(second)});
  return resolve(MessageWords(message), word, {0, 1});
}

TEST(Resolve, ReadsANullPointerAsNull) {
  EXPECT_EQ(resolved(0).shape, Shape::kNull);
}

TEST(Resolve, FollowsNearPointersInsideTheSegmentOnly) {
  EXPECT_EQ(resolved(structWord(0, 1, 1)).at, (WordAt{0, 2}));
  EXPECT_EQ(resolved(structWord(0, 1, 1)).shape, Shape::kStruct);
  EXPECT_EQ(resolved(structWord(0, 2, 1)).shape, Shape::kMalformed) << "ends outside";
  EXPECT_EQ(resolved(structWord(2, 1, 0)).shape, Shape::kMalformed) << "begins at the end";
  EXPECT_EQ(resolved(structWord(-2, 2, 0)).at, (WordAt{0, 0}));
  EXPECT_EQ(resolved(structWord(-3, 2, 0)).shape, Shape::kMalformed) << "begins before";
  EXPECT_EQ(resolved(structWord((1 << 29) - 1, 1, 0)).shape, Shape::kMalformed);
  EXPECT_EQ(resolved(structWord(-(1 << 29), 1, 0)).shape, Shape::kMalformed);
  EXPECT_EQ(resolved(structWord(0, 0xffff, 0xffff)).shape, Shape::kMalformed);
}

TEST(Resolve, TakesAZeroSizedStructWhereverItPoints) {
  EXPECT_EQ(resolved(structWord(-1, 0, 0)).shape, Shape::kStruct);
  EXPECT_EQ(resolved(structWord(100, 0, 0)).shape, Shape::kStruct);
}

TEST(Resolve, CountsTheWordsOfEachListSize) {
  const uint32_t most[] = {(1u << 29) - 1, 128, 16, 8, 4, 2, 2, 1};
  for (unsigned size = 0; size < 8; ++size) {
    EXPECT_EQ(resolved(listWord(0, size, most[size])).shape, Shape::kList) << size;
    if (size == 0) continue;
    EXPECT_EQ(resolved(listWord(0, size, most[size] + 1)).shape, Shape::kMalformed) << size;
    EXPECT_EQ(resolved(listWord(0, size, (1u << 29) - 1)).shape, Shape::kMalformed) << size;
  }
  EXPECT_EQ(resolved(listWord(2, 0, 9)).shape, Shape::kList) << "may stand at the end";
  EXPECT_EQ(resolved(listWord(3, 0, 9)).shape, Shape::kMalformed);
}

TEST(Resolve, FollowsAFarPointerToItsPad) {
  const Object object = resolved(farWord({1, 1}), {0, structWord(0, 1, 1), 5, 6});
  EXPECT_EQ(object.shape, Shape::kStruct);
  EXPECT_EQ(object.at, (WordAt{1, 2}));
  EXPECT_EQ(object.pad, (WordAt{1, 1}));
  EXPECT_EQ(object.pad_words, 1u);
  EXPECT_EQ(resolved(farWord({1, 0}), {0, 0}).shape, Shape::kStruct) << "a null pad: no data";
}

TEST(Resolve, FollowsADoubleFarPointerToItsTarget) {
  const uint64_t double_far = farWord({1, 0}) | 4;
  const Object object = resolved(double_far, {farWord({0, 2}), structWord(0, 1, 1)});
  EXPECT_EQ(object.shape, Shape::kStruct);
  EXPECT_EQ(object.at, (WordAt{0, 2}));
  EXPECT_EQ(object.pad_words, 2u);
  EXPECT_EQ(resolved(double_far, {farWord({0, 2}), structWord(0, 2, 1)}).shape, Shape::kMalformed);
  EXPECT_EQ(resolved(double_far, {farWord({2, 0}), structWord(0, 1, 1)}).shape, Shape::kMalformed);
  EXPECT_EQ(resolved(double_far, {farWord({0, 2}) | 4, structWord(0, 1, 1)}).shape,
            Shape::kMalformed)
      << "a third hop";
  EXPECT_EQ(resolved(double_far, {structWord(0, 0, 0), structWord(0, 1, 1)}).shape,
            Shape::kMalformed);
  EXPECT_EQ(resolved(double_far, {farWord({0, 2}), farWord({0, 2})}).shape, Shape::kMalformed);
  EXPECT_EQ(resolved(double_far, {farWord({0, 2})}).shape, Shape::kMalformed) << "half a pad";
}

TEST(Resolve, RefusesFarPointersThatLeadNowhere) {
  EXPECT_EQ(resolved(farWord({2, 0})).shape, Shape::kMalformed) << "no such segment";
  EXPECT_EQ(resolved(farWord({0xffffffff, 0})).shape, Shape::kMalformed);
  EXPECT_EQ(resolved(farWord({1, 4})).shape, Shape::kMalformed) << "behind the segment";
  EXPECT_EQ(resolved(farWord({1, 0}), {}).shape, Shape::kMalformed) << "an empty segment";
  EXPECT_EQ(resolved(farWord({1, 0}), {farWord({1, 0})}).shape, Shape::kMalformed) << "a loop";
  EXPECT_EQ(resolved(farWord({0, 1})).shape, Shape::kMalformed) << "itself";
}

TEST(Resolve, TellsCapabilitiesFromOtherPointers) {
  EXPECT_EQ(resolved(capabilityWord(7)).shape, Shape::kCapability);
  EXPECT_EQ(highHalf(resolved(capabilityWord(7)).tag), 7u);
  EXPECT_EQ(resolved(capabilityWord(7) | 4).shape, Shape::kMalformed);
}

}  // namespace
}  // namespace vatmesh::wire
