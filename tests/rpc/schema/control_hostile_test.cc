// SPDX-License-Identifier: Apache-2.0
//
// What hostile programs may send as parameters: every function reads it, to a value or to kFailed;
// the sanitizer watches the bounds.
#include <chrono>

#include <gtest/gtest.h>

#include "rpc/schema/control.h"
#include "rpc/schema/object_ref.h"
#include "tests/rpc/schema/stock.h"
#include "tests/rpc/wire/messages.h"

namespace vatmesh::schema {
namespace {

using test::Hooks;
using test::StockWriter;
using wire::test::makeMessage;
using wire::test::Random;
using wire::test::Segments;
using wire::test::segmentsOf;

constexpr size_t kMaxRef = 1024 * 1024;

// The number of functions that took `message`. What they refuse they refuse in one way.
int takers(const wire::InMessage& message) {
  int count = 0;
  const auto look = [&count](const auto& result) {
    if (result.ok()) {
      ++count;
    } else {
      EXPECT_EQ(result.status().code(), Code::kFailed);
      EXPECT_NE(result.status().message().find("malformed"), std::string::npos);
    }
  };
  look(readSelfResults(message));
  look(readImportParams(message));
  look(readLookupParams(message));
  look(readExportParams(message));
  look(readExportResults(message));
  look(readPublishParams(message, kMaxRef));
  look(readRevokeParams(message));
  look(readServeParams(message));
  look(readInfoResults(message));
  look(readBootstrapParams(message));
  look(readRestoreParams(message, kMaxRef));
  look(readSaveParams(message, kMaxRef));
  look(readSaveResults(message, kMaxRef));
  readCapabilityResults(message);
  return count;
}

class ControlHostile : public testing::Test {
 protected:
  wire::InMessage message(const std::vector<uint64_t>& words) {
    return makeMessage(pool_, {words});
  }
  // A message whose root has one pointer, `pointer`, and `more` words behind it.
  wire::InMessage withPointer(uint64_t pointer, std::vector<uint64_t> more = {}) {
    std::vector<uint64_t> words{wire::structWord(0, 0, 1), pointer};
    words.insert(words.end(), more.begin(), more.end());
    return message(words);
  }

  wire::BufferPool pool_;
};

TEST_F(ControlHostile, PointersOutsideAreFaults) {
  for (const uint64_t root : {wire::structWord(5, 1, 1), wire::structWord(-3, 1, 1),
                              wire::farWord({.segment = 7, .offset = 0}), ~uint64_t{0}}) {
    EXPECT_EQ(readImportParams(message({root, 0})).status().code(), Code::kFailed);
  }
  for (const uint64_t pointer :
       {wire::listWord(0, wire::kByteList, 9), wire::listWord(1 << 20, wire::kByteList, 1),
        wire::listWord(-100, wire::kByteList, 1), wire::farWord({.segment = 1, .offset = 9})}) {
    EXPECT_FALSE(readImportParams(withPointer(pointer, {0})).ok());
    EXPECT_FALSE(readRestoreParams(withPointer(pointer, {0}), kMaxRef).ok());
  }
}

TEST_F(ControlHostile, TextsWithoutTheirEndAreFaults) {
  const uint64_t pointer = wire::listWord(0, wire::kByteList, 8);
  EXPECT_FALSE(readImportParams(withPointer(pointer, {0x6161616161616161})).ok());
  EXPECT_TRUE(readImportParams(withPointer(pointer, {0x0061616161616161})).ok());
}

TEST_F(ControlHostile, PointersOfAnotherKindAreFaults) {
  StockWriter stock;
  stock.root<api::RestoreParams>().getRef().initAs<api::Peer>().setAddress("no text");
  const auto with_struct = stock.message(pool_);
  EXPECT_FALSE(readImportParams(with_struct).ok());
  EXPECT_FALSE(readSelfResults(with_struct).ok());
  EXPECT_FALSE(readImportParams(withPointer(wire::capabilityWord(0))).ok());
  EXPECT_EQ(readExportParams(withPointer(wire::listWord(0, wire::kByteList, 1), {0}))->capability,
            std::nullopt);
}

TEST_F(ControlHostile, AnIndexMayLieOutsideOfItsTable) {
  EXPECT_EQ(readExportParams(withPointer(wire::capabilityWord(~0u)))->capability, ~0u);
}

TEST_F(ControlHostile, PointersToThemselvesEnd) {
  // A struct that is its own content, over and over.
  const auto loop = withPointer(wire::structWord(-1, 0, 1));
  EXPECT_FALSE(readRestoreParams(loop, kMaxRef).ok());
  EXPECT_FALSE(readSaveResults(loop, kMaxRef).ok());
}

TEST_F(ControlHostile, ManyPointersToOneContentCostLittle) {
  // 2^13 pointers to a list of 2^13 pointers, each to the same 64 KiB.
  constexpr uint32_t kFan = 1 << 13;
  std::vector<uint64_t> words{wire::structWord(0, 0, 1), wire::listWord(0, 6, kFan)};
  for (uint32_t i = 0; i < kFan; ++i) words.push_back(wire::listWord(kFan - i - 1, 6, kFan));
  for (uint32_t i = 0; i < kFan; ++i) {
    words.push_back(wire::listWord(kFan - i - 1, wire::kByteList, kFan * 8));
  }
  words.resize(words.size() + kFan);
  const wire::InMessage fan = message(words);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(readRestoreParams(fan, kMaxRef).ok());
  EXPECT_FALSE(readSaveResults(fan, kMaxRef).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(ControlHostile, ListsOfNothingCostLittle) {
  const uint64_t voids = wire::listWord(0, 0, (1u << 29) - 1);
  std::vector<uint64_t> empty_structs{wire::structWord((1 << 29) - 1, 0, 0)};
  const auto begin = std::chrono::steady_clock::now();
  takers(withPointer(voids));
  takers(withPointer(wire::listWord(0, wire::kCompositeList, 0), empty_structs));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(ControlHostile, TruncatedMessagesAreReadOrRefused) {
  StockWriter stock;
  auto root = stock.root<api::PublishParams>();
  root.getRef().initAs<api::Peer>().setAddress("0123456789");
  root.setLabel("a label of some length");
  root.setExpires(5);
  const Segments whole = segmentsOf(stock.message(pool_));
  ASSERT_EQ(whole.size(), 1u);
  for (size_t words = 1; words < whole[0].size(); ++words) {
    Segments part = whole;
    part[0].resize(words);
    const auto read = readPublishParams(makeMessage(pool_, part), kMaxRef);
    EXPECT_FALSE(read.ok()) << words;
  }
  EXPECT_TRUE(readPublishParams(makeMessage(pool_, whole), kMaxRef).ok());
}

// All structs, filled; then words of them changed.
Segments randomParams(Random& random) {
  static const Hooks hooks(3);
  StockWriter stock;
  wire::BufferPool pool;
  switch (random() % 4) {
    case 0: {
      auto root = stock.root<api::PublishParams>();
      root.getRef().initAs<api::BootstrapParams>().initPeer().setAddress("0123456789");
      root.setLabel("label");
      root.initOwner(32);
      break;
    }
    case 1: {
      auto root = stock.root<api::SelfResults>();
      root.initAddresses(3).set(1, "tcp:host:7000");
      root.initFingerprint(32);
      break;
    }
    case 2: {
      auto root = stock.root<api::ExportParams>();
      root.setCapability(hooks.client(0));
      root.setLabel("a label of some length");
      break;
    }
    default: {
      auto root = stock.root<api::RestoreParams>();
      root.getRef().setAs<capnp::Text>("accounts/7");
      root.initPeer().setAddress("10.1.2.3:7000");
    }
  }
  return segmentsOf(stock.message(pool));
}

TEST_F(ControlHostile, ChangedMessagesAreReadOrRefused) {
  Random random(7);
  int taken = 0;
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    Segments segments = randomParams(random);
    for (uint32_t changes = 1 + random() % 3; changes > 0; --changes) {
      auto& words = segments[random() % segments.size()];
      uint64_t& word = words[random() % words.size()];
      const uint32_t place = random() % 16;
      switch (random() % 5) {
        case 0:
          word ^= uint64_t{1} << random() % 64;
          break;
        case 1:
          word = wire::structWord(place, random() % 4, random() % 4);
          break;
        case 2:
          word = wire::listWord(place, random() % 8, random() % 64);
          break;
        case 3:
          word = wire::farWord({.segment = random() % 2, .offset = place});
          break;
        default:
          words.resize(1 + random() % words.size());
      }
    }
    const wire::InMessage message = makeMessage(pool_, segments);
    const int took = takers(message);
    taken += took;
    refused += 13 - took;
    // What was taken as a ref is one.
    const auto read = readRestoreParams(message, kMaxRef);
    if (read.ok()) {
      textIn(read->ref);
      EXPECT_TRUE(write(*read, pool_).ok());
    }
  }
  EXPECT_GT(taken, 1000);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace vatmesh::schema
