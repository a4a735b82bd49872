// SPDX-License-Identifier: Apache-2.0
#include "persistence/record.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

#include "rpc/base/bytes.h"
#include "rpc/base/encoding.h"
#include "tests/persistence/backends.h"

namespace vatmesh::store {
namespace {

Record fullRecord() {
  Record record = recordOf(5, 16);
  record.expires = UnixTime(std::chrono::milliseconds(1'900'000'000'123));
  record.sealed_for = digestOf(9);
  return record;
}

TEST(Record, ComesBackAsItWas) {
  Record counter;
  counter.counter = true;
  counter.generation = 9;
  for (const Record& record : {Record(), recordOf(1), fullRecord(), counter}) {
    const Result<std::string> encoded = encodeRecord(record);
    ASSERT_TRUE(encoded.ok());
    const Result<Record> decoded = decodeRecord(*encoded);
    ASSERT_TRUE(decoded.ok()) << decoded.status().toString();
    EXPECT_EQ(*decoded, record);
  }
}

// Stores on disk hold this; it changes only together with the number of the format.
TEST(Record, HasTheFormOfFormat1) {
  Record record;
  record.created = UnixTime(std::chrono::milliseconds(0x0102030405));
  record.generation = 7;
  record.label = "ab";
  record.notes.push_back({UnixTime(std::chrono::milliseconds(1)), "n"});
  record.object_ref = "ref";
  const std::string encoded = *encodeRecord(record);
  EXPECT_EQ(hexEncode(bytesOf(encoded)),
            "01000504030201000000"
            "0700000000000000"
            "020000006162"
            "010000000100000000000000010000006e"
            "03000000726566");
}

TEST(Record, IsCorruptWhenCutAnywhere) {
  const std::string encoded = *encodeRecord(fullRecord());
  for (size_t size = 0; size < encoded.size(); ++size) {
    EXPECT_EQ(decodeRecord(encoded.substr(0, size)).status().code(), Code::kCorrupt) << size;
  }
  EXPECT_EQ(decodeRecord(encoded + '\0').status().code(), Code::kCorrupt);
}

TEST(Record, NamesTheFormatThatIsNewerThanThisProgram) {
  std::string encoded = *encodeRecord(fullRecord());
  encoded[0] = 2;
  const Status status = decodeRecord(encoded).status();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find("format 2"), std::string::npos) << status.message();
}

TEST(Record, TakesNoFlagThatItDoesNotKnow) {
  std::string encoded = *encodeRecord(Record());
  encoded[1] = 16;
  EXPECT_EQ(decodeRecord(encoded).status().code(), Code::kCorrupt);
}

// Whatever lies on a disk: an answer, and if it is a record, one that is written as it was read.
TEST(Record, SurvivesRandomBytesAndRandomDamage) {
  std::mt19937_64 random(20'26);
  const std::string good = *encodeRecord(fullRecord());
  size_t decoded = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::string bytes = good;
    if (round % 4 == 0) {
      bytes.assign(random() % 200, '\0');
      for (char& c : bytes) c = static_cast<char>(random());
      if (!bytes.empty()) bytes[0] = 1;
    }
    for (uint64_t i = random() % 4; i > 0 && !bytes.empty(); --i) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
          break;
        case 2:
          bytes.erase(at, random() % 9);
          break;
        default:
          bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 9));
      }
    }
    const Result<Record> record = decodeRecord(bytes);
    if (!record.ok()) {
      ASSERT_EQ(record.status().code(), Code::kCorrupt);
      continue;
    }
    ++decoded;
    ASSERT_EQ(*encodeRecord(*record), bytes) << "one record has two forms";
  }
  EXPECT_GT(decoded, 1000u) << "the damage is so heavy that nothing is tested behind it";
}

TEST(Record, IsRefusedAboveEachBound) {
  Record record;
  record.object_ref.resize(kMaxObjectRefBytes + 1);
  EXPECT_EQ(encodeRecord(record).status().code(), Code::kInvalidArgument);
  record = {};
  record.label.resize(kMaxLabelBytes + 1);
  EXPECT_EQ(encodeRecord(record).status().code(), Code::kInvalidArgument);
  record = {};
  record.notes.resize(kMaxNotes + 1);
  EXPECT_EQ(encodeRecord(record).status().code(), Code::kInvalidArgument);
  record = {};
  record.notes.push_back({UnixTime(), std::string(kMaxNoteBytes + 1, 'x')});
  EXPECT_EQ(encodeRecord(record).status().code(), Code::kInvalidArgument);
}

TEST(Record, OfTheLargestSizeComesBack) {
  Record record;
  record.object_ref.resize(kMaxObjectRefBytes, 'o');
  record.label.resize(kMaxLabelBytes, 'l');
  record.notes.resize(kMaxNotes, {UnixTime(), std::string(kMaxNoteBytes, 'n')});
  const Result<Record> decoded = decodeRecord(*encodeRecord(record));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, record);
}

TEST(Version, IsOfTheContentAndNeverOneOfTheTwoExpectations) {
  EXPECT_EQ(versionOf(recordOf(1)), versionOf(recordOf(1)));
  std::set<Version> versions;
  for (uint64_t i = 0; i < 1000; ++i) versions.insert(versionOf(recordOf(i)));
  EXPECT_EQ(versions.size(), 1000u);
  EXPECT_FALSE(versions.contains(kNoVersion));
  EXPECT_FALSE(versions.contains(kAnyVersion));
}

TEST(Digest, IsReadOnlyAsItIsWritten) {
  const Digest digest = digestOf(1);
  const std::string text = digest.toText();
  EXPECT_EQ(text.size(), 43u);
  EXPECT_EQ(Digest::fromText(text), digest);
  EXPECT_EQ(digest.shortName(), text.substr(0, 10));
  EXPECT_EQ(Digest::fromBytes(digest.view()), digest);
  EXPECT_EQ(Digest::fromBytes(digest.view().substr(1)), std::nullopt);
  for (const std::string& other :
       {text + "=", text.substr(1), text + "A", text.substr(0, 42) + "B", std::string(43, '!'),
        text.substr(0, 42) + "=", text + ".meta", std::string()}) {
    EXPECT_EQ(Digest::fromText(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace vatmesh::store
