// SPDX-License-Identifier: Apache-2.0
#include "persistence/sqlite_database.h"

#include <sys/stat.h>

#include <utility>

#include "persistence/folder.h"

namespace vatmesh::store {

namespace {

constexpr int64_t kSchema = 1;
constexpr int64_t kApplication = 0x766d7266;  // "vmrf"
constexpr int kBusyMilliseconds = 2000;
constexpr int kBusyTries = 20;

constexpr const char* kMakeSchema =
    "CREATE TABLE refs (digest BLOB PRIMARY KEY, version INTEGER NOT NULL, expires INTEGER,"
    " record BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX refs_expires ON refs (expires) WHERE expires IS NOT NULL;"
    "PRAGMA application_id = 1986884198;"
    "PRAGMA user_version = 1;";
static_assert(kApplication == 1986884198 && kSchema == 1);

// In a URI of SQLite's these would end the path.
std::string frozenUri(const std::string& path) {
  std::string uri = "file:";
  for (char c : path) {
    switch (c) {
      case '%':
        uri += "%25";
        break;
      case '?':
        uri += "%3f";
        break;
      case '#':
        uri += "%23";
        break;
      default:
        uri += c;
    }
  }
  return uri + "?immutable=1";
}

bool isEmptyOrMissing(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) != 0 || st.st_size == 0;
}

// What SQLite says of a failed system call is that it failed: why, the folder is asked.
Code whyFailed(const std::string& path) {
  const Code code = probeFolder(folderOf(path)).code();
  return code == Code::kFull || code == Code::kRefused ? code : Code::kUnavailable;
}

Code codeOf(int code, const std::string& path) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return Code::kFull;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Code::kRefused;
    case SQLITE_CORRUPT:
      return Code::kCorrupt;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return whyFailed(path);
    default:
      return Code::kUnavailable;
  }
}

}  // namespace

SqliteStatement::SqliteStatement(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  statement_.reset(statement);
}

void SqliteStatement::bind(int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), index, bytes.data(), bytes.size(), SQLITE_STATIC);
}

void SqliteStatement::bind(int index, int64_t number) {
  sqlite3_bind_int64(statement_.get(), index, number);
}

void SqliteStatement::bindNull(int index) {
  sqlite3_bind_null(statement_.get(), index);
}

std::string_view SqliteStatement::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const std::string& path) {
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(path));
  const std::optional<Identity> identity = identify(path);
  if (!identity) {
    return Status(Code::kUnavailable, path + " is gone: put it back, or start again without it");
  }
  database->identity_ = *identity;
  Status status = database->connect(Access::kWrite);
  const bool cannot_share = status.code() == Code::kRefused || status.code() == Code::kFull;
  // Whoever has the database open has a log; without one the file alone is all.
  if (cannot_share && isEmptyOrMissing(path + "-wal")) {
    if (database->connect(Access::kFrozen).ok()) status = {};
  }
  if (!status.ok()) return status;
  return database;
}

std::optional<SqliteDatabase::Identity> SqliteDatabase::identify(const std::string& path) {
  struct stat st;
  if (::stat(path.c_str(), &st) != 0) return std::nullopt;
  return Identity{.device = st.st_dev, .inode = st.st_ino};
}

bool SqliteDatabase::current() const {
  return access_ != Access::kFrozen && identify(path_) == identity_;
}

Status SqliteDatabase::connect(Access access) {
  const bool frozen = access == Access::kFrozen;
  const int flags = (frozen ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI : SQLITE_OPEN_READWRITE) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2((frozen ? frozenUri(path_) : path_).c_str(), &db, flags, nullptr);
  db_.reset(db);
  if (code != SQLITE_OK) return error(code);
  access_ = access;
  if (!frozen && sqlite3_db_readonly(db, "main") == 1) access_ = Access::kRead;
  if (Status status = configure(); !status.ok()) return status;
  return prepare();
}

Status SqliteDatabase::configure() {
  sqlite3_busy_timeout(db_.get(), kBusyMilliseconds);
  const Status status = execute(
      "PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA trusted_schema = OFF;"
      "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = "
      "67108864;");
  if (!status.ok()) return status;
  const Result<int64_t> schema = askNumber("PRAGMA user_version");
  const Result<int64_t> application = askNumber("PRAGMA application_id");
  const Result<int64_t> tables = askNumber("SELECT count(*) FROM sqlite_schema");
  if (!schema.ok()) return schema.status();
  if (!application.ok()) return application.status();
  if (!tables.ok()) return tables.status();

  const bool fresh = *schema == 0 && *application == 0 && *tables == 0;
  if (!fresh && *application != kApplication) {
    return Status(Code::kRefused, path_ + " is a database of another program; name another file");
  }
  if (*schema > kSchema) {
    return Status(Code::kRefused, path_ + " was made by a newer vatmesh (schema " +
                                      std::to_string(*schema) + ", this one knows " +
                                      std::to_string(kSchema) + "): use that one");
  }
  if (!fresh) return {};
  if (access_ == Access::kWrite) return makeSchema();
  return Status(Code::kRefused, path_ + " is empty and can't be written");
}

// Two processes may be here at once: the lock of the transaction decides, and who comes second
// finds the schema made.
Status SqliteDatabase::makeSchema() {
  // Changing to the log does not wait for others by itself.
  Status status = execute("PRAGMA journal_mode = WAL");
  for (int i = 0; i < kBusyTries && sqlite3_errcode(db_.get()) == SQLITE_BUSY; ++i) {
    sqlite3_sleep(kBusyMilliseconds / kBusyTries);
    status = execute("PRAGMA journal_mode = WAL");
  }
  if (status.ok()) status = execute("BEGIN IMMEDIATE");
  if (!status.ok()) return status;
  const Result<int64_t> schema = askNumber("PRAGMA user_version");
  status = schema.status();
  if (status.ok() && *schema == 0) status = execute(kMakeSchema);
  if (status.ok()) status = execute("COMMIT");
  if (!status.ok() && inTransaction()) (void)execute("ROLLBACK");
  return status;
}

Status SqliteDatabase::prepare() {
  const std::pair<SqliteStatement*, const char*> statements[] = {
      {&get, "SELECT version, record FROM refs WHERE digest = ?1"},
      {&list,
       "SELECT digest, version, record FROM refs WHERE digest > ?1"
       " AND (expires IS NULL OR expires > ?2) ORDER BY digest LIMIT ?3"},
      {&find, "SELECT version, expires IS NOT NULL AND expires <= ?2 FROM refs WHERE digest = ?1"},
      {&insert,
       "INSERT INTO refs (digest, version, expires, record) VALUES (?1, ?2, ?3, ?4)"
       " ON CONFLICT (digest) DO UPDATE SET version = ?2, expires = ?3, record = ?4"
       " WHERE expires <= ?5"},
      {&update,
       "UPDATE refs SET version = ?2, expires = ?3, record = ?4 WHERE digest = ?1"
       " AND (expires IS NULL OR expires > ?5) AND (version = ?6 OR ?6 = -1)"},
      {&remove,
       "DELETE FROM refs WHERE digest = ?1 AND (expires IS NULL OR expires > ?2)"
       " AND (version = ?3 OR ?3 = -1)"},
      {&sweep,
       "DELETE FROM refs WHERE digest IN"
       " (SELECT digest FROM refs WHERE expires <= ?1 LIMIT 500)"},
      {&begin, "BEGIN IMMEDIATE"},
      {&commit, "COMMIT"},
      {&rollback, "ROLLBACK"},
      {&data_version, "PRAGMA data_version"},
  };
  for (const auto& [statement, sql] : statements) {
    *statement = SqliteStatement(db_.get(), sql);
    if (!statement->valid()) return error(sqlite3_extended_errcode(db_.get()));
  }
  return {};
}

Status SqliteDatabase::execute(const char* sql) {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Status() : error(code);
}

Result<int64_t> SqliteDatabase::askNumber(const char* sql) {
  SqliteStatement statement(db_.get(), sql);
  if (!statement.valid()) return error(sqlite3_extended_errcode(db_.get()));
  const int code = statement.step();
  if (code != SQLITE_ROW) return error(code);
  return statement.number(0);
}

Status SqliteDatabase::run(SqliteStatement& statement) {
  SqliteRun run(statement);
  const int code = run->step();
  return code == SQLITE_DONE || code == SQLITE_ROW ? Status() : error(code);
}

Status SqliteDatabase::error(int code) const {
  if ((code & 0xff) == SQLITE_NOTADB) {
    return Status(Code::kUnavailable,
                  path_ + " is no SQLite database: name another file, or put the right one back");
  }
  const std::string text = path_ + ": " + (db_ ? sqlite3_errmsg(db_.get()) : sqlite3_errstr(code));
  return Status(codeOf(code, path_), text);
}

}  // namespace vatmesh::store
