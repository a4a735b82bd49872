// SPDX-License-Identifier: Apache-2.0
#include "persistence/blocking_store.h"

#include <algorithm>
#include <utility>

namespace vatmesh::store {

namespace {

// Reads that one thread takes at once: few, so that the others find work too and the first answers
// don't wait for the last.
constexpr size_t kMaxReads = 32;

using Clock = std::chrono::steady_clock;

// The first sweep comes soon, for a process that is started often.
constexpr std::chrono::milliseconds kFirstSweep = std::chrono::minutes(1);

Status tooMany() {
  return Status(Code::kUnavailable, "too many operations wait for the store; try again later");
}

// Whether a result says something about the disk rather than about the request.
bool tellsOfDisk(Code code) {
  return code == Code::kOk || code == Code::kFull || code == Code::kRefused ||
         code == Code::kUnavailable;
}

}  // namespace

BlockingStore::BlockingStore(Post post, OpenSession open, BlockingOptions options)
    : open_(std::move(open)), options_(options), completions_(std::move(post)) {
  for (size_t i = 0; i < options_.readers; ++i) threads_.emplace_back([this] { readLoop(); });
  threads_.emplace_back([this] { writeLoop(); });
}

BlockingStore::~BlockingStore() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  reads_ready_.notify_all();
  writes_ready_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void BlockingStore::get(const Digest& digest, OnGet done) {
  enqueueRead(
      [digest, done](Session& session) -> Completion {
        return [done, result = session.get(digest)] { done(result); };
      },
      done);
}

void BlockingStore::list(std::string page_token, size_t limit, OnList done) {
  enqueueRead(
      [token = std::move(page_token), limit, done](Session& session) -> Completion {
        return [done, result = session.list(token, limit)] { done(result); };
      },
      done);
}

void BlockingStore::health(OnHealth done) {
  enqueueRead(
      [this, done](Session& session) -> Completion {
        return [this, done, read = session.health()] {
          done(read.ok() ? last_write_.withContext("the last write failed") : read);
        };
      },
      done);
}

void BlockingStore::put(const Digest& digest, Record record, Version expected, OnPut done) {
  PendingWrite pending;
  pending.weight = weightOf(record);
  pending.write = {.digest = digest, .record = std::move(record), .expected = expected};
  pending.done = std::move(done);
  enqueueWrite(std::move(pending));
}

void BlockingStore::remove(const Digest& digest, Version expected, OnRemove done) {
  PendingWrite pending;
  pending.write = {.digest = digest, .record = std::nullopt, .expected = expected};
  pending.done = [done = std::move(done)](const Result<Version>& result) { done(result.status()); };
  enqueueWrite(std::move(pending));
}

std::unique_ptr<Watch> BlockingStore::watch(OnChange on_change) {
  std::unique_ptr<Watch> watch = watches_.add(std::move(on_change));
  {
    std::lock_guard lock(mutex_);
    watching_ = true;
  }
  writes_ready_.notify_one();
  return watch;
}

void BlockingStore::enqueueRead(Read read, std::function<void(Status)> refuse) {
  {
    std::lock_guard lock(mutex_);
    if (reads_.size() < options_.max_waiting) {
      reads_.push_back(std::move(read));
      refuse = nullptr;
    }
  }
  if (refuse) {
    completions_.post([refuse = std::move(refuse)] { refuse(tooMany()); });
  } else {
    reads_ready_.notify_one();
  }
}

void BlockingStore::enqueueWrite(PendingWrite write) {
  OnPut refuse;
  {
    std::lock_guard lock(mutex_);
    if (writes_.size() < options_.max_waiting &&
        writes_weight_ + write.weight <= options_.max_waiting_bytes) {
      writes_weight_ += write.weight;
      writes_.push_back(std::move(write));
    } else {
      refuse = std::move(write.done);
    }
  }
  if (refuse) {
    completions_.post([refuse = std::move(refuse)] { refuse(tooMany()); });
  } else {
    writes_ready_.notify_one();
  }
}

void BlockingStore::readLoop() {
  const std::unique_ptr<Session> session = open_();
  std::unique_lock lock(mutex_);
  while (true) {
    reads_ready_.wait(lock, [this] { return stop_ || !reads_.empty(); });
    if (stop_) return;
    const size_t fair = (reads_.size() + options_.readers - 1) / options_.readers;
    const auto end = reads_.begin() + static_cast<ptrdiff_t>(std::min(fair, kMaxReads));
    std::vector<Read> taken(std::make_move_iterator(reads_.begin()), std::make_move_iterator(end));
    reads_.erase(reads_.begin(), end);
    lock.unlock();
    std::vector<Completion> answers;
    answers.reserve(taken.size());
    for (Read& read : taken) answers.push_back(read(*session));
    completions_.postAll(std::move(answers));
    lock.lock();
  }
}

void BlockingStore::writeLoop() {
  const std::unique_ptr<Session> session = open_();
  auto next_sweep = Clock::now() + std::min(options_.sweep, kFirstSweep);
  // What changed before the first look may be known to nobody.
  Clock::time_point next_poll;
  std::unique_lock lock(mutex_);
  while (true) {
    const auto polls = [&] { return watching_ && Clock::now() >= next_poll; };
    writes_ready_.wait_until(lock, watching_ ? std::min(next_poll, next_sweep) : next_sweep,
                             [&] { return stop_ || !writes_.empty() || polls(); });
    if (stop_) return;
    const bool poll = polls();
    std::vector<PendingWrite> batch = takeWrites();
    lock.unlock();
    if (!batch.empty()) doWrites(*session, std::move(batch));
    if (poll) {
      Changes changes = session->poll();
      if (std::exchange(next_poll, Clock::now() + options_.poll) == Clock::time_point()) {
        changes.any = true;
      }
      tellChanges(std::move(changes));
    }
    if (Clock::now() >= next_sweep) {
      session->sweep();
      next_sweep = Clock::now() + options_.sweep;
    }
    lock.lock();
  }
}

std::vector<BlockingStore::PendingWrite> BlockingStore::takeWrites() {
  const auto end =
      writes_.begin() + static_cast<ptrdiff_t>(std::min(writes_.size(), options_.max_batch));
  std::vector<PendingWrite> batch(std::make_move_iterator(writes_.begin()),
                                  std::make_move_iterator(end));
  writes_.erase(writes_.begin(), end);
  for (const PendingWrite& pending : batch) writes_weight_ -= pending.weight;
  return batch;
}

void BlockingStore::doWrites(Session& session, std::vector<PendingWrite> batch) {
  std::vector<Write> writes;
  std::vector<Digest> digests;
  writes.reserve(batch.size());
  digests.reserve(batch.size());
  for (PendingWrite& pending : batch) {
    digests.push_back(pending.write.digest);
    writes.push_back(std::move(pending.write));
  }
  std::vector<Result<Version>> results = session.write(writes);
  VATMESH_CHECK(results.size() == batch.size());

  std::vector<Completion> answers;
  answers.reserve(batch.size() + 1);
  answers.push_back(
      [this, digests = std::move(digests), results] { noteWrites(digests, results); });
  for (size_t i = 0; i < batch.size(); ++i) {
    answers.push_back(
        [done = std::move(batch[i].done), result = std::move(results[i])] { done(result); });
  }
  completions_.postAll(std::move(answers));
}

void BlockingStore::noteWrites(const std::vector<Digest>& digests,
                               const std::vector<Result<Version>>& results) {
  for (size_t i = 0; i < results.size(); ++i) {
    const Code code = results[i].status().code();
    if (tellsOfDisk(code)) last_write_ = results[i].status();
    // Who was told that the disk is full or away has to look whether it was done all the same.
    if (tellsOfDisk(code)) watches_.tell(digests[i]);
  }
}

void BlockingStore::tellChanges(Changes changes) {
  if (changes.any) {
    completions_.post([this] { watches_.tell(std::nullopt); });
  } else if (!changes.digests.empty()) {
    completions_.post([this, digests = std::move(changes.digests)] {
      for (const Digest& digest : digests) watches_.tell(digest);
    });
  }
}

}  // namespace vatmesh::store
