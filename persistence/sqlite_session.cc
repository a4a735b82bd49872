// SPDX-License-Identifier: Apache-2.0
#include "persistence/sqlite_session.h"

#include "persistence/folder.h"
#include "persistence/texts.h"

namespace vatmesh::store {

namespace {

Result<Stored> readRecord(const Digest& digest, int64_t version, std::string_view encoded) {
  if (static_cast<int64_t>(versionOf(encoded)) != version) {
    return corrupt(digest, "its record does not fit its checksum");
  }
  Result<Record> record = decodeRecord(encoded);
  if (!record.ok()) return corrupt(digest, record.status().message());
  return Stored{.version = static_cast<Version>(version), .record = *std::move(record)};
}

}  // namespace

Result<std::unique_ptr<SqliteDatabase>> SqliteFile::open() {
  std::lock_guard lock(mutex_);
  if (!made_) {
    if (Status status = make(); !status.ok()) return status;
  }
  Result<std::unique_ptr<SqliteDatabase>> database = SqliteDatabase::open(path_);
  if (!made_ && database.ok() && (*database)->writable()) {
    // The file's name must last as what is in it does.
    if (Status status = syncFolder(folderOf(path_)); !status.ok()) return status;
    made_ = true;
  }
  return database;
}

Status SqliteFile::make() {
  if (Status status = makeFolder(folderOf(path_)); !status.ok()) return status;
  // A file that is there is left alone: closing any descriptor of a database would drop the locks
  // that this process has on it.
  return makeFile(path_);
}

Status SqliteSession::ensureOpen(For purpose) {
  if (db_ && !db_->current()) db_.reset();
  // The disk may have become writable.
  if (db_ && purpose == For::kWriting && !db_->writable()) db_.reset();
  if (!db_) {
    Result<std::unique_ptr<SqliteDatabase>> opened = file_->open();
    if (!opened.ok()) return opened.status();
    db_ = *std::move(opened);
    data_version_ = 0;
  }
  if (purpose == For::kWriting && !db_->writable()) {
    return Status(Code::kRefused, file_->path() + " can't be written: rights, or a read-only disk");
  }
  return {};
}

Status SqliteSession::fail(int code) {
  return fail(db_->error(code));
}

Status SqliteSession::fail(Status status) {
  // A connection outlives a full disk and the like, and could perhaps not be made anew there.
  if (status.code() == Code::kCorrupt) db_.reset();
  return status;
}

Result<Stored> SqliteSession::get(const Digest& digest) {
  if (Status status = ensureOpen(For::kReading); !status.ok()) return status;
  int code = SQLITE_OK;
  {
    SqliteRun run(db_->get);
    run->bind(1, digest.view());
    code = run->step();
    if (code == SQLITE_DONE) return notFound(digest);
    if (code == SQLITE_ROW) {
      Result<Stored> stored = readRecord(digest, run->number(0), run->bytes(1));
      if (stored.ok() && expired(stored->record, now_())) return notFound(digest);
      return stored;
    }
  }
  return fail(code);
}

Result<Page> SqliteSession::list(const std::string& page_token, size_t limit) {
  const Result<PageStart> start = readPageStart(page_token, limit);
  if (!start.ok()) return start.status();
  if (Status status = ensureOpen(For::kReading); !status.ok()) return status;
  PageFill fill(start->limit);
  std::optional<Digest> last;
  int code = SQLITE_OK;
  {
    SqliteRun run(db_->list);
    run->bind(1, start->after ? start->after->view() : std::string_view(""));
    run->bind(2, now());
    run->bind(3, static_cast<int64_t>(start->limit + 1));
    while ((code = run->step()) == SQLITE_ROW && !fill.full()) {
      const std::optional<Digest> digest = Digest::fromBytes(run->bytes(0));
      if (!digest) continue;
      last = digest;
      fill.add({*digest, readRecord(*digest, run->number(1), run->bytes(2))});
    }
  }
  if (code != SQLITE_ROW && code != SQLITE_DONE) return fail(code);
  return fill.take(code == SQLITE_ROW ? last : std::nullopt);
}

std::vector<Result<Version>> SqliteSession::write(std::span<const Write> batch) {
  std::vector<Result<Version>> results;
  results.reserve(batch.size());
  Status status = ensureOpen(For::kWriting);
  if (status.ok()) status = writeAll(batch, results);
  if (status.ok()) return results;
  // What the others found, they found in a transaction that never was.
  return std::vector<Result<Version>>(batch.size(), status);
}

Status SqliteSession::writeAll(std::span<const Write> batch,
                               std::vector<Result<Version>>& results) {
  if (Status status = db_->run(db_->begin); !status.ok()) return fail(status);
  Status failure;
  for (const Write& write : batch) {
    results.push_back(write.record ? put(write, failure) : remove(write, failure));
    if (!failure.ok()) break;
  }
  if (failure.ok()) failure = db_->run(db_->commit);
  if (!failure.ok()) {
    if (db_->inTransaction()) (void)db_->run(db_->rollback);
    return fail(failure);
  }
  if (db_->current()) return {};
  return fail(Status(Code::kUnavailable, file_->path() + " was removed or replaced meanwhile"));
}

Result<Version> SqliteSession::put(const Write& write, Status& failure) {
  const Result<std::string> encoded = encodeRecord(*write.record);
  if (!encoded.ok()) return encoded.status();
  const Version version = versionOf(*encoded);
  const bool fresh = write.expected == kNoVersion;
  {
    SqliteRun run(fresh ? db_->insert : db_->update);
    run->bind(1, write.digest.view());
    run->bind(2, static_cast<int64_t>(version));
    run->bindNull(3);
    if (const auto& expires = write.record->expires) {
      run->bind(3, static_cast<int64_t>(expires->time_since_epoch().count()));
    }
    run->bind(4, *encoded);
    run->bind(5, now());
    if (!fresh) run->bind(6, static_cast<int64_t>(write.expected));
    const int code = run->step();
    if (code != SQLITE_DONE) return failure = db_->error(code);
  }
  if (db_->changes() == 1) return version;
  return explain(write, failure);
}

Result<Version> SqliteSession::remove(const Write& write, Status& failure) {
  {
    SqliteRun run(db_->remove);
    run->bind(1, write.digest.view());
    run->bind(2, now());
    run->bind(3, static_cast<int64_t>(write.expected));
    const int code = run->step();
    if (code != SQLITE_DONE) return failure = db_->error(code);
  }
  if (db_->changes() == 1) return kNoVersion;
  return explain(write, failure);
}

// Why a put or remove changed nothing.
Status SqliteSession::explain(const Write& write, Status& failure) {
  SqliteRun run(db_->find);
  run->bind(1, write.digest.view());
  run->bind(2, now());
  const int code = run->step();
  if (code == SQLITE_ROW && run->number(1) == 0) return conflict(write.digest);
  if (code == SQLITE_ROW || code == SQLITE_DONE) return notFound(write.digest);
  return failure = db_->error(code);
}

Status SqliteSession::health() {
  if (Status status = ensureOpen(For::kReading); !status.ok()) return status;
  if (!db_->writable()) {
    return Status(Code::kRefused, file_->path() + " can't be written: rights, or a read-only disk");
  }
  const Status status = db_->run(db_->data_version);
  return status.ok() ? status : fail(status);
}

void SqliteSession::sweep() {
  if (!ensureOpen(For::kWriting).ok()) return;
  while (true) {
    int code = SQLITE_OK;
    {
      SqliteRun run(db_->sweep);
      run->bind(1, now());
      code = run->step();
    }
    if (code != SQLITE_DONE) {
      (void)fail(code);
      return;
    }
    if (db_->changes() == 0) return;
  }
}

Changes SqliteSession::poll() {
  Changes changes;
  const bool was_open = db_ && db_->current();
  if (!ensureOpen(For::kReading).ok()) {
    changes.any = was_open;
    return changes;
  }
  // Nobody can change a frozen file, though it is opened anew each time.
  const bool was_frozen = std::exchange(frozen_, db_->frozen());
  if (frozen_) {
    changes.any = !was_frozen;
    return changes;
  }
  // No version is 0: a connection that was just opened finds all changed.
  SqliteRun run(db_->data_version);
  const int64_t version = run->step() == SQLITE_ROW ? run->number(0) : 0;
  changes.any = version != data_version_;
  data_version_ = version;
  return changes;
}

}  // namespace vatmesh::store
