// SPDX-License-Identifier: Apache-2.0
//
// BlockingStore makes a Store of sessions that block: a few threads read, one writes and looks for
// what others wrote. By the same session, so that a backend which can't tell who changed something
// can tell the writer's own changes from theirs.
// Writes that wait while one is under way are given to the session together, so that one fsync
// makes all of them durable, and each is acknowledged only then.
//
// Order: operations of one caller may overtake each other; who needs an order waits for the
// completion. Writes are done in the order in which they were asked.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "persistence/completions.h"
#include "persistence/session.h"
#include "persistence/store.h"

namespace vatmesh::store {

struct BlockingOptions {
  size_t readers = 2;
  // Operations that may wait, of reads and of writes; what is above is kUnavailable at once.
  size_t max_waiting = 65536;
  // Bytes of the records that wait to be written, likewise.
  size_t max_waiting_bytes = 64 * 1024 * 1024;
  // Writes in one batch.
  size_t max_batch = 512;
  // How often changes by others are looked for, while anybody watches; later behind a long write.
  std::chrono::milliseconds poll{250};
  std::chrono::milliseconds sweep{std::chrono::minutes(10)};
};

class BlockingStore : public Store {
 public:
  BlockingStore(Post post, OpenSession open, BlockingOptions options = {});
  // Waits for the operations under way; drops those that wait.
  ~BlockingStore() override;

  void get(const Digest& digest, OnGet done) override;
  void put(const Digest& digest, Record record, Version expected, OnPut done) override;
  void remove(const Digest& digest, Version expected, OnRemove done) override;
  void list(std::string page_token, size_t limit, OnList done) override;
  std::unique_ptr<Watch> watch(OnChange on_change) override;
  void health(OnHealth done) override;

 private:
  using Completion = std::function<void()>;
  // Runs on a reader's thread and returns what is to be run on the loop's.
  using Read = std::function<Completion(Session&)>;
  struct PendingWrite {
    Write write;
    OnPut done;
    size_t weight = 0;
  };

  void enqueueRead(Read read, std::function<void(Status)> refuse);
  void enqueueWrite(PendingWrite write);
  void readLoop();
  void writeLoop();
  std::vector<PendingWrite> takeWrites();
  void doWrites(Session& session, std::vector<PendingWrite> batch);
  void noteWrites(const std::vector<Digest>& digests, const std::vector<Result<Version>>& results);
  void tellChanges(Changes changes);

  const OpenSession open_;
  const BlockingOptions options_;
  WatchList watches_;
  // Why the last write failed that a disk could have done; ok since one succeeded. Loop's thread.
  Status last_write_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable reads_ready_, writes_ready_;
  std::deque<Read> reads_;
  std::deque<PendingWrite> writes_;
  size_t writes_weight_ = 0;
  bool watching_ = false;
  bool stop_ = false;

  std::vector<std::thread> threads_;

  // Last: dies first, and with it every way back into this object.
  Completions completions_;
};

}  // namespace vatmesh::store
