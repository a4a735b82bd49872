// SPDX-License-Identifier: Apache-2.0
//
// SqliteDatabase is one open connection to a store's file, with the statements a session needs.
// Opening checks that the file is ours and makes the schema in a fresh one (Q3).
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rpc/base/status.h"

namespace vatmesh::store {

// SqliteStatement is a prepared statement; `reset` makes it ready for the next use.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  SqliteStatement(sqlite3* db, const char* sql);

  bool valid() const { return statement_ != nullptr; }
  // Bound bytes must live until `reset`.
  void bind(int index, std::string_view bytes);
  void bind(int index, int64_t number);
  void bindNull(int index);
  // SQLITE_ROW, SQLITE_DONE, or an error.
  int step() { return sqlite3_step(statement_.get()); }
  void reset() { sqlite3_reset(statement_.get()); }

  int64_t number(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  // Valid until the next step or reset.
  std::string_view bytes(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// SqliteRun resets a statement at the end of its use, whatever happened.
class SqliteRun {
 public:
  explicit SqliteRun(SqliteStatement& statement) : statement_(statement) {}
  ~SqliteRun() { statement_.reset(); }
  SqliteRun(const SqliteRun&) = delete;
  SqliteRun& operator=(const SqliteRun&) = delete;

  SqliteStatement* operator->() { return &statement_; }

 private:
  SqliteStatement& statement_;
};

class SqliteDatabase {
 public:
  // Opens the file `path`, which must be there. A file that can't be written is opened for reading.
  static Result<std::unique_ptr<SqliteDatabase>> open(const std::string& path);

  bool writable() const { return access_ == Access::kWrite; }
  // Whether the file was taken as it is, for one operation: nobody could change it then.
  bool frozen() const { return access_ == Access::kFrozen; }
  // Whether the connection is still one to the file at the path. Never for one that took the file
  // as it was, so that it serves one operation only.
  bool current() const;

  // Runs a statement without parameters or results.
  Status run(SqliteStatement& statement);
  // The error for a result code of this connection.
  Status error(int code) const;
  int changes() const { return sqlite3_changes(db_.get()); }
  bool inTransaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }

  SqliteStatement get, list, insert, update, remove, find;
  SqliteStatement begin, commit, rollback, sweep, data_version;

 private:
  // kFrozen: where the files can't be made that all who use the database share (a disk that is
  // read-only or full), and nobody else has made them: the file is taken as it is.
  enum class Access : uint8_t { kWrite, kRead, kFrozen };
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  struct Identity {
    uint64_t device = 0, inode = 0;
    bool operator==(const Identity&) const = default;
  };

  explicit SqliteDatabase(std::string path) : path_(std::move(path)) {}
  static std::optional<Identity> identify(const std::string& path);
  Status connect(Access access);
  Status configure();
  Status prepare();
  Status makeSchema();
  Status execute(const char* sql);
  Result<int64_t> askNumber(const char* sql);

  std::string path_;
  Access access_ = Access::kWrite;
  Identity identity_;
  // It dies before the statements; close_v2 lets it live until they are gone.
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace vatmesh::store
