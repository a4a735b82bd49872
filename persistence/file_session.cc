// SPDX-License-Identifier: Apache-2.0
#include "persistence/file_session.h"

#include <dirent.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "persistence/texts.h"

namespace vatmesh::store {

namespace {

constexpr std::string_view kMeta = ".meta", kNewMeta = ".new", kNewRef = ".ref.new";
constexpr uint32_t kEvents = IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE |
                             IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

// Takes `ending` off `name` if it is there.
bool cut(std::string_view& name, std::string_view ending) {
  if (!name.ends_with(ending)) return false;
  name.remove_suffix(ending.size());
  return true;
}

// A record of the OCaml library.
Result<Record> foreignRecord(const std::string& path, std::string ref) {
  struct stat st;
  if (::stat(path.c_str(), &st) != 0) return fileError(path + ": can't be read", errno);
  const auto age =
      std::chrono::seconds(st.st_mtim.tv_sec) + std::chrono::nanoseconds(st.st_mtim.tv_nsec);
  Record record;
  record.object_ref = std::move(ref);
  record.created = UnixTime(std::chrono::floor<std::chrono::milliseconds>(age));
  return record;
}

Status unlinkFile(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return fileError(path + ": can't be removed", errno);
}

}  // namespace

Status FileFolder::make() {
  std::lock_guard lock(mutex_);
  if (made_) return {};
  Status status = makeFolder(path_);
  made_ = status.ok();
  return status;
}

FileFolder::Turn FileFolder::turn(LockMode mode) {
  const std::lock_guard door(door_);
  Turn turn;
  if (mode == LockMode::kShared) {
    turn.reads = std::shared_lock(turns_);
  } else {
    turn.writes = std::unique_lock(turns_);
  }
  return turn;
}

Result<FileSession::Held> FileSession::lock(LockMode mode) const {
  if (Status status = folder_->make(); !status.ok()) return status;
  FileFolder::Turn turn = folder_->turn(mode);
  Result<FolderLock> lock = FolderLock::take(path_, mode);
  if (lock.ok()) return Held{std::move(turn), std::move(*lock)};
  return lock.status().code() == Code::kNotFound ? gone() : lock.status();
}

Status FileSession::gone() const {
  return {Code::kUnavailable, path_ + " is gone: put it back, or start again without it"};
}

Result<Stored> FileSession::get(const Digest& digest) {
  const Result<Held> held = lock(LockMode::kShared);
  if (!held.ok()) return held.status();
  Result<Found> found = find(digest);
  if (!found.ok()) return found.status();
  if (expired(found->record, now_())) return notFound(digest);
  return Stored{.version = found->version, .record = std::move(found->record)};
}

Result<FileSession::Found> FileSession::find(const Digest& digest) const {
  Result<Found> found = readFiles(digest);
  if (found.status().code() == Code::kNotFound) return notFound(digest);
  if (found.status().code() == Code::kCorrupt) return corrupt(digest, found.status().message());
  if (!found.ok()) return found.status();
  const Result<std::string> encoded = encodeRecord(found->record);
  if (!encoded.ok()) return corrupt(digest, encoded.status().message());
  found->version = versionOf(*encoded);
  return found;
}

Result<FileSession::Found> FileSession::readFiles(const Digest& digest) const {
  Result<std::string> ref = readFile(refPath(digest), kMaxObjectRefBytes);
  if (!ref.ok()) return ref.status();
  const Result<std::string> meta = readFile(metaPath(digest), kMaxMetaBytes);
  if (meta.status().code() == Code::kNotFound) {
    Result<Record> record = foreignRecord(refPath(digest), *std::move(ref));
    if (!record.ok()) return record.status();
    return Found{.record = *std::move(record), .origin = Origin::kForeign};
  }
  if (!meta.ok()) return meta.status();
  const Result<std::vector<MetaEntry>> entries = decodeMeta(*meta);
  if (!entries.ok()) return entries.status();
  Result<Record> record = recordFor(*std::move(ref), *entries);
  if (!record.ok()) return record.status();
  return Found{.record = *std::move(record), .origin = Origin::kOurs};
}

Status FileSession::eachName(const std::function<void(const char*)>& visit) const {
  if (Status status = folder_->make(); !status.ok()) return status;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path_.c_str()), ::closedir);
  if (!dir && errno == ENOENT) return gone();
  if (!dir) return fileError(path_ + ": can't be read", errno);
  errno = 0;
  while (const dirent* entry = ::readdir(dir.get())) visit(entry->d_name);
  return errno == 0 ? Status() : fileError(path_ + ": can't be read", errno);
}

Result<Page> FileSession::list(const std::string& page_token, size_t limit) {
  const Result<PageStart> start = readPageStart(page_token, limit);
  if (!start.ok()) return start.status();
  std::vector<Digest> digests;
  const Status read = eachName([&](const char* name) {
    const std::optional<Digest> digest = Digest::fromText(name);
    if (digest && (!start->after || *digest > *start->after)) digests.push_back(*digest);
  });
  if (!read.ok()) return read;
  const size_t wanted = std::min(digests.size(), start->limit);
  std::partial_sort(digests.begin(), digests.begin() + static_cast<ptrdiff_t>(wanted),
                    digests.end());
  PageFill fill(start->limit);
  size_t seen = 0;
  for (; seen < wanted && !fill.full(); ++seen) {
    Result<Stored> stored = get(digests[seen]);
    const Code code = stored.status().code();
    // It may have gone since its name was read.
    if (code == Code::kNotFound) continue;
    if (code != Code::kOk && code != Code::kCorrupt && code != Code::kRefused) {
      return stored.status();
    }
    fill.add({.digest = digests[seen], .stored = std::move(stored)});
  }
  return fill.take(seen < digests.size() ? std::optional(digests[seen - 1]) : std::nullopt);
}

std::vector<Result<Version>> FileSession::write(std::span<const Write> batch) {
  const Result<Held> held = lock(LockMode::kExclusive);
  std::vector<Result<Version>> results;
  results.reserve(batch.size());
  for (const Write& write : batch) {
    if (!held.ok()) {
      results.push_back(held.status());
    } else if (write.record) {
      results.push_back(put(write));
    } else {
      const Status status = remove(write.digest, write.expected);
      results.push_back(status.ok() ? Result<Version>(kNoVersion) : Result<Version>(status));
    }
  }
  return results;
}

Result<Version> FileSession::put(const Write& write) const {
  const Result<std::string> encoded = encodeRecord(*write.record);
  if (!encoded.ok()) return encoded.status();
  const Result<Found> old = find(write.digest);
  if (old.status().code() == Code::kCorrupt && write.expected == kNoVersion) {
    return conflict(write.digest);
  }
  const bool damaged = old.status().code() == Code::kCorrupt && write.expected == kAnyVersion;
  if (!old.ok() && !damaged && old.status().code() != Code::kNotFound) return old.status();
  const bool there = old.ok() && !expired(old->record, now_());
  const Version version = damaged ? kAnyVersion : there ? old->version : kNoVersion;
  const Status compared = compareVersion(write.digest, version, write.expected);
  if (!compared.ok()) return compared;

  // What the OCaml library wrote may not have reached the disk.
  const bool ref_stays = old.ok() && old->origin == Origin::kOurs &&
                         old->record.object_ref == write.record->object_ref;
  std::vector<MetaEntry> entries{metaEntry(*write.record)};
  if (old.ok()) entries.push_back(metaEntry(old->record));
  const Result<std::string> meta = encodeMeta(entries);
  if (!meta.ok()) return meta.status();
  Status status = replaceFile(metaPath(write.digest), kNewMeta, *meta);
  if (status.ok()) status = syncFolder(path_);
  if (status.ok() && !ref_stays) {
    status = replaceFile(refPath(write.digest), kNewRef, write.record->object_ref);
    if (status.ok()) status = syncFolder(path_);
  }
  if (status.code() == Code::kNotFound) return Status(Code::kUnavailable, status.message());
  if (!status.ok()) return status;
  return versionOf(*encoded);
}

Status FileSession::remove(const Digest& digest, Version expected) const {
  const Result<Found> found = find(digest);
  const bool damaged = found.status().code() == Code::kCorrupt && expected == kAnyVersion;
  if (!found.ok() && !damaged) return found.status();
  if (found.ok()) {
    if (expired(found->record, now_())) return notFound(digest);
    if (Status status = compareVersion(digest, found->version, expected); !status.ok()) {
      return status;
    }
  }
  return removeFiles(digest);
}

Status FileSession::removeFiles(const Digest& digest) const {
  if (Status status = unlinkFile(refPath(digest)); !status.ok()) return status;
  if (Status status = syncFolder(path_); !status.ok()) return status;
  // The record is gone already; a meta file alone is nothing.
  (void)unlinkFile(metaPath(digest));
  return {};
}

Status FileSession::health() {
  if (Status status = folder_->make(); !status.ok()) return status;
  if (::access(path_.c_str(), R_OK | W_OK | X_OK) == 0) return {};
  if (errno == ENOENT) return gone();
  return fileError(path_, errno);
}

void FileSession::sweep() {
  std::vector<std::string> names;
  if (!eachName([&](const char* name) { names.emplace_back(name); }).ok()) return;
  for (const std::string& file : names) {
    std::string_view name = file;
    const bool leftover = cut(name, kNewRef) || cut(name, ".meta.new");
    if (!leftover && !cut(name, kMeta)) continue;
    const std::optional<Digest> digest = Digest::fromText(name);
    if (!digest) continue;
    // Most records are neither expired nor half there, and looked at without keeping others.
    if (!leftover) {
      const Result<Stored> stored = get(*digest);
      if (stored.status().code() != Code::kNotFound) continue;
    }
    const Result<Held> held = lock(LockMode::kExclusive);
    if (!held.ok()) return;
    // Nobody writes now, so a temporary file belongs to nobody.
    if (leftover) (void)unlinkFile(path_ + "/" + file);
    tidy(*digest);
  }
}

void FileSession::tidy(const Digest& digest) const {
  const Result<Found> found = find(digest);
  const bool gone = found.status().code() == Code::kNotFound;
  if (gone || (found.ok() && expired(found->record, now_()))) (void)removeFiles(digest);
}

Changes FileSession::poll() {
  Changes changes;
  watchFolder(changes);
  std::set<Digest> digests;
  alignas(inotify_event) char buffer[16384];
  while (inotify_) {
    const ssize_t size = ::read(inotify_.get(), buffer, sizeof(buffer));
    if (size <= 0) break;
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if ((event->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
        changes.any = true;
      }
      std::string_view name = event->len > 0 ? event->name : "";
      (void)cut(name, kMeta);
      if (const auto digest = Digest::fromText(name)) digests.insert(*digest);
    }
  }
  changes.digests.assign(digests.begin(), digests.end());
  return changes;
}

void FileSession::watchFolder(Changes& changes) {
  if (!inotify_) inotify_ = Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  // The same number again while the path leads to the same folder.
  const int watch = inotify_ ? ::inotify_add_watch(inotify_.get(), path_.c_str(), kEvents) : -1;
  // Where the system tells nothing, all may have changed, always.
  if (!inotify_ || watch != watch_) changes.any = true;
  if (watch_ >= 0 && watch != watch_) (void)::inotify_rm_watch(inotify_.get(), watch_);
  watch_ = watch;
}

}  // namespace vatmesh::store
