// SPDX-License-Identifier: Apache-2.0
//
// The conformance suite, third part: a disk that is full, at every call that needs room, or
// read-only.
#include <cerrno>
#include <functional>
#include <memory>

#include <gtest/gtest.h>

#include "persistence/store.h"
#include "tests/fakes/disk_faults.h"
#include "tests/persistence/backends.h"

namespace vatmesh::store {
namespace {

class DiskTrouble : public BackendTest {
 protected:
  DiskTrouble() { disk_->skipSync(); }
  ~DiskTrouble() override { client_.reset(); }

  // A store of its own for each round.
  void begin() {
    client_.reset();
    round_ = std::make_unique<test::TempDir>(dir_.path());
    client_ = std::make_unique<StoreClient>(GetParam(), round_->path(), clock_.clock());
  }

  // One step of a life: what is there under digest 0 becomes `next`. Checks that a failure is told
  // as such, and left the old or the new one, whole.
  void step(const std::optional<Record>& next, Code failure) {
    const Result<Stored> before = client_->get(digestOf(0));
    if (before.status().code() == failure) return;  // not even opened
    const Version version = before.ok() ? before->version : kNoVersion;
    if (!next && version == kNoVersion) return;
    const Status status = next ? client_->put(digestOf(0), *next, version).status()
                               : client_->remove(digestOf(0), version);
    if (!status.ok()) {
      EXPECT_EQ(status.code(), failure) << status.toString();
      ++failures_;
    }
    const Result<Stored> after = client_->get(digestOf(0));
    const bool is_new =
        next ? after.ok() && after->record == *next : after.status().code() == Code::kNotFound;
    const bool is_old =
        before.ok() ? after.ok() && *after == *before : after.status().code() == Code::kNotFound;
    EXPECT_TRUE(is_new || (!status.ok() && (is_old || after.status().code() == failure)))
        << status.toString() << " then " << after.status().toString();
  }

  // A ref is made, gets another label, becomes another object, and goes.
  void live(Code failure) {
    Record relabelled = recordOf(1);
    relabelled.label = "another label";
    step(recordOf(1), failure);
    step(relabelled, failure);
    step(recordOf(2, 20'000), failure);
    step(std::nullopt, failure);
  }

  test::TempDir base_;
  std::unique_ptr<test::DiskFaults> disk_ = std::make_unique<test::DiskFaults>(dir_.path());
  std::unique_ptr<test::TempDir> round_;
  std::unique_ptr<StoreClient> client_;
  int failures_ = 0;
};

TEST_P(DiskTrouble, SaysFullAtEveryCallAndGoesOnWhenThereIsRoom) {
  begin();
  live(Code::kFull);
  const uint64_t calls = disk_->calls();
  ASSERT_EQ(failures_, 0);
  ASSERT_GT(calls, 10u);
  for (uint64_t call = 1; call <= calls; ++call) {
    SCOPED_TRACE("call " + std::to_string(call) + " of " + std::to_string(calls));
    begin();
    disk_->failFrom(call, ENOSPC);
    live(Code::kFull);
    disk_->heal();
    live(Code::kOk);
    EXPECT_TRUE(client_->put(digestOf(7), recordOf(7), kNoVersion).ok());
    EXPECT_TRUE(client_->health().ok()) << client_->health().toString();
    if (HasFailure()) break;
  }
  EXPECT_GT(failures_, static_cast<int>(calls) / 4) << "hardly anything failed";
}

TEST_P(DiskTrouble, KeepsWhatItHadWhenFull) {
  begin();
  ASSERT_EQ(client_->putAll(100, 20), 20u);
  disk_->failFrom(1, ENOSPC);
  EXPECT_EQ(client_->put(digestOf(1), recordOf(1), kNoVersion).status().code(), Code::kFull);
  const Status health = client_->health();
  EXPECT_EQ(health.code(), Code::kFull) << health.toString();
  for (uint64_t i = 100; i < 120; ++i) EXPECT_EQ(client_->get(digestOf(i))->record, recordOf(i));
  EXPECT_EQ(client_->listAll(7).size(), 20u);
}

TEST_P(DiskTrouble, ServesAReadOnlyDiskAndRefusesToWrite) {
  begin();
  ASSERT_EQ(client_->putAll(0, 10), 10u);
  client_ = nullptr;
  disk_->failFrom(1, EROFS);
  client_ = std::make_unique<StoreClient>(GetParam(), round_->path(), clock_.clock());
  for (uint64_t i = 0; i < 10; ++i) {
    const Result<Stored> stored = client_->get(digestOf(i));
    ASSERT_TRUE(stored.ok()) << stored.status().toString();
    EXPECT_EQ(stored->record, recordOf(i));
  }
  EXPECT_EQ(client_->listAll(3).size(), 10u);
  EXPECT_EQ(client_->put(digestOf(11), recordOf(11), kNoVersion).status().code(), Code::kRefused);
  EXPECT_EQ(client_->remove(digestOf(1), kAnyVersion).code(), Code::kRefused);
  EXPECT_EQ(client_->health().code(), Code::kRefused);
  disk_->heal();
  EXPECT_TRUE(client_->put(digestOf(11), recordOf(11), kNoVersion).ok());
  EXPECT_EQ(client_->listAll(3).size(), 11u);
  EXPECT_TRUE(client_->health().ok());
}

TEST_P(DiskTrouble, ServesADiskThatBecomesReadOnly) {
  begin();
  ASSERT_EQ(client_->putAll(0, 10), 10u);
  disk_->failFrom(1, EROFS);
  const Result<Version> put = client_->put(digestOf(11), recordOf(11), kNoVersion);
  EXPECT_EQ(put.status().code(), Code::kRefused) << put.status().toString();
  for (uint64_t i = 0; i < 10; ++i) EXPECT_TRUE(client_->get(digestOf(i)).ok());
  disk_->heal();
  EXPECT_TRUE(client_->put(digestOf(11), recordOf(11), kNoVersion).ok());
}

TEST_P(DiskTrouble, RefusesWhenItCannotEvenBegin) {
  disk_->failFrom(1, EROFS);
  begin();
  const Status status = client_->get(digestOf(1)).status();
  EXPECT_EQ(status.code(), Code::kRefused) << status.toString();
  disk_->heal();
  EXPECT_EQ(client_->get(digestOf(1)).status().code(), Code::kNotFound);
  EXPECT_TRUE(client_->put(digestOf(1), recordOf(1), kNoVersion).ok());
}

INSTANTIATE_TEST_SUITE_P(All, DiskTrouble,
                         testing::Values(fileBackend(), sqliteBackend(), cachedBackend()),
                         backendName);

}  // namespace
}  // namespace vatmesh::store
