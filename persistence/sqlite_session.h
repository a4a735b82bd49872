// SPDX-License-Identifier: Apache-2.0
//
// SqliteSession is one thread's connection to the file of a SQLite store; sqlite_store.h has its
// rules.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "persistence/session.h"
#include "persistence/sqlite_database.h"

namespace vatmesh::store {

// SqliteFile is what the sessions of one store share.
class SqliteFile {
 public:
  explicit SqliteFile(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  // Makes a missing file at the first call that can (Q4), then opens it.
  Result<std::unique_ptr<SqliteDatabase>> open();

 private:
  Status make();

  const std::string path_;
  std::mutex mutex_;  // also: one session after the other changes a fresh file to WAL
  bool made_ = false;
};

class SqliteSession : public Session {
 public:
  SqliteSession(std::shared_ptr<SqliteFile> file, WallClock now)
      : file_(std::move(file)), now_(std::move(now)) {}

  Result<Stored> get(const Digest& digest) override;
  Result<Page> list(const std::string& page_token, size_t limit) override;
  std::vector<Result<Version>> write(std::span<const Write> batch) override;
  Status health() override;
  void sweep() override;
  Changes poll() override;

 private:
  enum class For : uint8_t { kReading, kWriting };

  Status ensureOpen(For purpose);
  // Gives the error; after some, the next operation begins with a new connection.
  Status fail(int code);
  Status fail(Status status);
  int64_t now() const { return now_().time_since_epoch().count(); }

  // Within a transaction. A result that says something about the database, not about the record, is
  // in `failure` too.
  Result<Version> put(const Write& write, Status& failure);
  Result<Version> remove(const Write& write, Status& failure);
  Status explain(const Write& write, Status& failure);
  Status writeAll(std::span<const Write> batch, std::vector<Result<Version>>& results);

  std::shared_ptr<SqliteFile> file_;
  WallClock now_;
  std::unique_ptr<SqliteDatabase> db_;
  // What `poll` saw last.
  int64_t data_version_ = 0;
  bool frozen_ = false;
};

}  // namespace vatmesh::store
