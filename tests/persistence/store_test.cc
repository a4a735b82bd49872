// SPDX-License-Identifier: Apache-2.0
//
// The conformance suite, first part: what every store does, also one in memory.
#include "persistence/store.h"

#include <algorithm>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "tests/fakes/disk_faults.h"
#include "tests/persistence/backends.h"

namespace vatmesh::store {
namespace {

class Store : public BackendTest {};

std::vector<Digest> digests(uint64_t first, uint64_t count) {
  std::vector<Digest> all;
  for (uint64_t i = first; i < first + count; ++i) all.push_back(digestOf(i));
  std::sort(all.begin(), all.end());
  return all;
}

TEST_P(Store, AnswersOnTheLoopAndNeverInsideTheCall) {
  const auto client = open();
  int answers = 0;
  const auto thread = std::this_thread::get_id();
  const auto answered = [&] {
    ++answers;
    EXPECT_EQ(std::this_thread::get_id(), thread);
  };
  client->store().get(digestOf(1), [&](auto) { answered(); });
  client->store().put(digestOf(1), recordOf(1), kNoVersion, [&](auto) { answered(); });
  client->store().remove(digestOf(2), kAnyVersion, [&](auto) { answered(); });
  client->store().list("", 10, [&](auto) { answered(); });
  client->store().health([&](auto) { answered(); });
  EXPECT_EQ(answers, 0);
  EXPECT_TRUE(client->loop().runUntil([&] { return answers == 5; }));
  client->loop().drain();
  EXPECT_EQ(answers, 5);
}

TEST_P(Store, AnswersNobodyAfterItsEnd) {
  const auto client = open();
  int answers = 0;
  for (uint64_t i = 0; i < 50; ++i) {
    client->store().put(digestOf(i), recordOf(i), kNoVersion, [&](auto) { ++answers; });
    client->store().get(digestOf(i), [&](auto) { ++answers; });
  }
  client->close();
  client->loop().drain();
  EXPECT_EQ(answers, 0);
}

TEST_P(Store, MayBeEndedByACompletion) {
  const auto client = open();
  int answers = 0;
  for (uint64_t i = 0; i < 50; ++i) {
    client->store().get(digestOf(i), [&](auto) {
      ++answers;
      client->close();
    });
  }
  EXPECT_TRUE(client->loop().runUntil([&] { return answers > 0; }));
  client->loop().drain();
  EXPECT_EQ(answers, 1);
}

TEST_P(Store, KeepsEveryFieldOfARecord) {
  const auto client = open();
  Record record = recordOf(1);
  record.expires = clock_.now() + std::chrono::hours(1);
  record.sealed_for = digestOf(77);
  record.label = std::string("ünïcode \0 and zero", 20);
  record.object_ref = std::string("\0\xff\0\0", 4);
  const Result<Version> version = client->put(digestOf(1), record, kNoVersion);
  ASSERT_TRUE(version.ok()) << version.status().toString();
  const Result<Stored> stored = client->get(digestOf(1));
  ASSERT_TRUE(stored.ok()) << stored.status().toString();
  EXPECT_EQ(stored->record, record);
  EXPECT_EQ(stored->version, *version);

  const Record bare;
  ASSERT_TRUE(client->put(digestOf(2), bare, kNoVersion).ok());
  EXPECT_EQ(client->get(digestOf(2))->record, bare);
}

TEST_P(Store, SaysNotFoundOfWhatItDoesNotHave) {
  const auto client = open();
  const Status status = client->get(digestOf(1)).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_NE(status.message().find(digestOf(1).shortName()), std::string::npos);
  EXPECT_EQ(status.message().find(digestOf(1).toText()), std::string::npos);
}

TEST_P(Store, PutsOnlyOverTheExpectedVersion) {
  const auto client = open();
  const Digest digest = digestOf(1);
  EXPECT_EQ(client->put(digest, recordOf(1), 7).status().code(), Code::kNotFound);
  EXPECT_EQ(client->put(digest, recordOf(1), kAnyVersion).status().code(), Code::kNotFound);
  const Version first = *client->put(digest, recordOf(1), kNoVersion);
  EXPECT_EQ(client->put(digest, recordOf(2), kNoVersion).status().code(), Code::kConflict);
  EXPECT_EQ(client->put(digest, recordOf(2), first + 1).status().code(), Code::kConflict);
  EXPECT_EQ(client->get(digest)->record, recordOf(1));
  const Version second = *client->put(digest, recordOf(2), first);
  EXPECT_NE(second, first);
  EXPECT_EQ(client->put(digest, recordOf(3), first).status().code(), Code::kConflict);
  EXPECT_TRUE(client->put(digest, recordOf(4), kAnyVersion).ok());
  EXPECT_EQ(client->get(digest)->record, recordOf(4));
}

TEST_P(Store, ChangesTheMetadataAlone) {
  const auto client = open();
  Record record = recordOf(1);
  const Version first = *client->put(digestOf(1), record, kNoVersion);
  record.label = "another label";
  const Result<Version> second = client->put(digestOf(1), record, first);
  ASSERT_TRUE(second.ok()) << second.status().toString();
  EXPECT_NE(*second, first);
  EXPECT_EQ(client->get(digestOf(1))->record, record);
}

TEST_P(Store, RemovesOnlyTheExpectedVersion) {
  const auto client = open();
  const Digest digest = digestOf(1);
  EXPECT_EQ(client->remove(digest, 7).code(), Code::kNotFound);
  EXPECT_EQ(client->remove(digest, kAnyVersion).code(), Code::kNotFound);
  const Version first = *client->put(digest, recordOf(1), kNoVersion);
  EXPECT_EQ(client->remove(digest, first + 1).code(), Code::kConflict);
  EXPECT_EQ(client->remove(digest, kNoVersion).code(), Code::kConflict);
  EXPECT_TRUE(client->remove(digest, first).ok());
  EXPECT_EQ(client->get(digest).status().code(), Code::kNotFound);
  ASSERT_TRUE(client->put(digest, recordOf(1), kNoVersion).ok());
  EXPECT_TRUE(client->remove(digest, kAnyVersion).ok());
  EXPECT_EQ(client->get(digest).status().code(), Code::kNotFound);
}

TEST_P(Store, RefusesARecordAboveTheBounds) {
  const auto client = open();
  EXPECT_EQ(
      client->put(digestOf(1), recordOf(1, kMaxObjectRefBytes + 1), kNoVersion).status().code(),
      Code::kInvalidArgument);
  EXPECT_EQ(client->get(digestOf(1)).status().code(), Code::kNotFound);
  const Record largest = recordOf(2, kMaxObjectRefBytes);
  EXPECT_TRUE(client->put(digestOf(2), largest, kNoVersion).ok());
  EXPECT_EQ(client->get(digestOf(2))->record, largest);
}

TEST_P(Store, LetsOneOfManyWaitingPutsWin) {
  const auto client = open();
  size_t answers = 0, winner = 0, wins = 0;
  for (uint64_t i = 1; i <= 40; ++i) {
    client->store().put(digestOf(1), recordOf(i), kNoVersion, [&, i](Result<Version> result) {
      ++answers;
      if (result.ok()) {
        ++wins;
        winner = i;
      } else {
        EXPECT_EQ(result.status().code(), Code::kConflict);
      }
    });
  }
  ASSERT_TRUE(client->loop().runUntil([&] { return answers == 40; }));
  EXPECT_EQ(wins, 1u);
  EXPECT_EQ(client->get(digestOf(1))->record, recordOf(winner));
}

TEST_P(Store, PagesThrough10000RefsInOrder) {
  test::DiskFaults disk(dir_.path());
  disk.skipSync();
  const auto client = open();
  ASSERT_EQ(client->putAll(0, 10'000), 10'000u);
  EXPECT_EQ(client->listAll(733), digests(0, 10'000));
  EXPECT_EQ(client->listAll(kMaxPage), digests(0, 10'000));
  client->close();
}

TEST_P(Store, PagesStablyWhileRefsComeAndGo) {
  test::DiskFaults disk(dir_.path());
  disk.skipSync();
  const auto client = open();
  ASSERT_EQ(client->putAll(0, 500), 500u);
  ASSERT_EQ(client->putAll(1000, 500), 500u);
  uint64_t step = 0;
  // Numbers below 500 stay; those from 1000 on go, those from 2000 on come.
  const std::vector<Digest> seen = client->listAll(23, [&] {
    for (int i = 0; i < 5 && step < 500; ++i, ++step) {
      EXPECT_TRUE(client->remove(digestOf(1000 + step), kAnyVersion).ok());
      EXPECT_TRUE(client->put(digestOf(2000 + step), recordOf(step), kNoVersion).ok());
    }
  });
  EXPECT_GT(step, 100u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(std::set<Digest>(seen.begin(), seen.end()).size(), seen.size()) << "one came twice";
  const std::vector<Digest> stayed = digests(0, 500);
  EXPECT_TRUE(std::includes(seen.begin(), seen.end(), stayed.begin(), stayed.end()));
  client->close();
}

TEST_P(Store, ListsWholeRecordsInPagesOfAnyAllowedSize) {
  const auto client = open();
  ASSERT_EQ(client->putAll(0, 3), 3u);
  const Result<Page> page = client->list("", 0);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->refs.size(), 1u);
  EXPECT_FALSE(page->next.empty());
  const Result<Page> rest = client->list(page->next, 2);
  ASSERT_TRUE(rest.ok());
  ASSERT_EQ(rest->refs.size(), 2u);
  EXPECT_TRUE(rest->next.empty());
  for (const Listed& listed : rest->refs) {
    ASSERT_TRUE(listed.stored.ok());
    EXPECT_EQ(*listed.stored, *client->get(listed.digest));
  }
}

TEST_P(Store, EndsAPageBeforeItTakesMuchMemory) {
  test::DiskFaults disk(dir_.path());
  disk.skipSync();
  const auto client = open();
  ASSERT_EQ(client->putAll(0, 10, kMaxObjectRefBytes), 10u);
  const Result<Page> page = client->list("", kMaxPage);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->refs.size(), kMaxPageBytes / kMaxObjectRefBytes);
  EXPECT_EQ(client->listAll(kMaxPage), digests(0, 10));
  client->close();
}

TEST_P(Store, RefusesATokenThatNoPageHad) {
  const auto client = open();
  EXPECT_EQ(client->list("nonsense", 10).status().code(), Code::kInvalidArgument);
}

TEST_P(Store, ForgetsWhatExpired) {
  const auto client = open();
  Record record = recordOf(1);
  record.expires = clock_.now() + std::chrono::seconds(10);
  const Version version = *client->put(digestOf(1), record, kNoVersion);
  ASSERT_TRUE(client->put(digestOf(2), recordOf(2), kNoVersion).ok());
  clock_.advance(std::chrono::milliseconds(9999));
  EXPECT_TRUE(client->get(digestOf(1)).ok());
  clock_.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(client->get(digestOf(1)).status().code(), Code::kNotFound);
  EXPECT_EQ(client->listAll(10), std::vector<Digest>{digestOf(2)});
  EXPECT_EQ(client->put(digestOf(1), record, version).status().code(), Code::kNotFound);
  EXPECT_EQ(client->remove(digestOf(1), version).code(), Code::kNotFound);
  EXPECT_TRUE(client->put(digestOf(1), recordOf(3), kNoVersion).ok());
  EXPECT_EQ(client->get(digestOf(1))->record, recordOf(3));
}

TEST_P(Store, KeepsWhatWasRenewedBeforeItExpired) {
  const auto client = open();
  Record record = recordOf(1);
  record.expires = clock_.now() + std::chrono::seconds(10);
  const Version version = *client->put(digestOf(1), record, kNoVersion);
  record.expires = clock_.now() + std::chrono::seconds(30);
  ASSERT_TRUE(client->put(digestOf(1), record, version).ok());
  clock_.advance(std::chrono::seconds(20));
  EXPECT_EQ(client->get(digestOf(1))->record, record);
}

TEST_P(Store, TellsAWatchOfChanges) {
  const auto client = open({.poll = std::chrono::milliseconds(10)});
  int told = 0;
  std::optional<Digest> named = digestOf(1);
  const auto watch = client->store().watch([&](std::optional<Digest> digest) {
    ++told;
    if (digest) named = digest;
  });
  ASSERT_NE(watch, nullptr);
  // A store on disk first says that all may have changed.
  client->loop().runUntil([&] { return told > 0; }, std::chrono::milliseconds(100));
  told = 0;
  ASSERT_TRUE(client->put(digestOf(1), recordOf(1), kNoVersion).ok());
  EXPECT_TRUE(client->loop().runUntil([&] { return told > 0; }));
  EXPECT_EQ(named, digestOf(1));
}

TEST_P(Store, TellsNothingToAWatchThatEnded) {
  const auto client = open({.poll = std::chrono::milliseconds(10)});
  int ended = 0, told = 0;
  auto first = client->store().watch([&](auto) { ++ended; });
  const auto second = client->store().watch([&](auto) { ++told; });
  first.reset();
  ASSERT_TRUE(client->put(digestOf(1), recordOf(1), kNoVersion).ok());
  EXPECT_TRUE(client->loop().runUntil([&] { return told > 0; }));
  EXPECT_EQ(ended, 0);
}

TEST_P(Store, LetsAWatchOutliveIt) {
  const auto client = open();
  const auto watch = client->store().watch([](auto) {});
  client->close();
}

TEST_P(Store, IsHealthyAtFirst) {
  EXPECT_TRUE(open()->health().ok());
}

INSTANTIATE_TEST_SUITE_P(All, Store,
                         testing::Values(memoryBackend(), fileBackend(), sqliteBackend(),
                                         cachedBackend()),
                         backendName);

}  // namespace
}  // namespace vatmesh::store
