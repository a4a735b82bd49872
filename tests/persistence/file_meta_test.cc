// SPDX-License-Identifier: Apache-2.0
#include "persistence/file_meta.h"

#include <random>

#include <gtest/gtest.h>

#include "tests/persistence/backends.h"

namespace vatmesh::store {
namespace {

std::string metaOf(std::vector<Record> records) {
  std::vector<MetaEntry> entries;
  for (Record& record : records) entries.push_back(metaEntry(std::move(record)));
  return *encodeMeta(entries);
}

TEST(FileMeta, JoinsARefWithTheEntryThatBelongsToIt) {
  const Result<std::vector<MetaEntry>> entries = decodeMeta(metaOf({recordOf(2), recordOf(1)}));
  ASSERT_TRUE(entries.ok());
  EXPECT_EQ(*recordFor(recordOf(1).object_ref, *entries), recordOf(1));
  EXPECT_EQ(*recordFor(recordOf(2).object_ref, *entries), recordOf(2));
  EXPECT_EQ(recordFor("another", *entries).status().code(), Code::kCorrupt);
}

TEST(FileMeta, PrefersTheNewestOfTwoWithOneRef) {
  Record renamed = recordOf(1);
  renamed.label = "renamed";
  const Result<std::vector<MetaEntry>> entries = decodeMeta(metaOf({renamed, recordOf(1)}));
  EXPECT_EQ(recordFor(renamed.object_ref, *entries)->label, "renamed");
}

TEST(FileMeta, HoldsNoObjectRef) {
  EXPECT_EQ(metaOf({recordOf(1)}).find("object 1;"), std::string::npos);
}

TEST(FileMeta, IsCorruptWhenAnyByteIsMissingOrAnother) {
  const std::string good = metaOf({recordOf(2), recordOf(1)});
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_EQ(decodeMeta(good.substr(0, i)).status().code(), Code::kCorrupt) << i;
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_EQ(decodeMeta(bad).status().code(), Code::kCorrupt) << i;
  }
}

// Behind a good checksum anything may stand: a bug of ours, or ill will.
TEST(FileMeta, SurvivesDamageUnderAGoodChecksum) {
  std::mt19937_64 random(6);
  const std::string good = metaOf({recordOf(2), recordOf(1)});
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good.substr(0, good.size() - 8);
    for (int i = 0; i < 3; ++i) {
      bytes[15 + random() % (bytes.size() - 15)] = static_cast<char>(random());
    }
    bytes.resize(bytes.size() - random() % 3);
    Version checksum = versionOf(bytes);
    for (int i = 0; i < 8; ++i, checksum >>= 8) bytes += static_cast<char>(checksum & 0xff);
    const Result<std::vector<MetaEntry>> entries = decodeMeta(bytes);
    if (entries.ok()) {
      ASSERT_LE(entries->size(), 2u);
      ASSERT_EQ(*encodeMeta(*entries), bytes);
    } else {
      ASSERT_EQ(entries.status().code(), Code::kCorrupt);
    }
  }
}

}  // namespace
}  // namespace vatmesh::store
