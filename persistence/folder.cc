// SPDX-License-Identifier: Apache-2.0
#include "persistence/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <thread>

namespace vatmesh::store {

namespace {

constexpr auto kLockPatience = std::chrono::seconds(2);
constexpr auto kLockRetry = std::chrono::milliseconds(1);

bool isFolder(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

int makeOne(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return 0;
  // mkdir may fail for another reason (a read-only parent) where the folder is there.
  const int error_number = errno;
  if (isFolder(path)) return 0;
  return error_number == EEXIST ? ENOTDIR : error_number;
}

int makeFolders(const std::string& path, mode_t mode) {
  const std::string parent = folderOf(path);
  int error_number = makeOne(path, mode);
  if (error_number == ENOENT && parent != path) {
    error_number = makeFolders(parent, 0755);
    if (error_number == 0) error_number = makeOne(path, mode);
  }
  return error_number;
}

int writeAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    content.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

// A command that root runs beside a sidecar of another user leaves no file that this one can't use.
void giveToOwner(int fd, const std::string& folder) {
  struct stat file, owner;
  if (::geteuid() != 0 || ::stat(folder.c_str(), &owner) != 0 || ::fstat(fd, &file) != 0) return;
  if (file.st_uid != owner.st_uid) (void)!::fchown(fd, owner.st_uid, owner.st_gid);
}

int writeFile(const std::string& path, std::string_view content) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno;
  giveToOwner(fd.get(), folderOf(path));
  const int error_number = writeAll(fd.get(), content);
  if (error_number != 0) return error_number;
  return ::fsync(fd.get()) == 0 ? 0 : errno;
}

}  // namespace

std::string folderOf(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Status fileError(std::string_view doing, int error_number) {
  const std::string text =
      std::string(doing) + ": " + std::error_code(error_number, std::generic_category()).message();
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Status(Code::kFull, text);
    case EACCES:
    case EPERM:
    case EROFS:
      return Status(Code::kRefused, text + ": we are user " + std::to_string(::geteuid()));
    case ENOENT:
      return Status(Code::kNotFound, text);
    default:
      return Status(Code::kUnavailable, text);
  }
}

Status makeFolder(const std::string& path) {
  if (isFolder(path)) return {};
  const int error_number = makeFolders(path, 0700);
  if (error_number != 0) return fileError(path + ": can't be made", error_number);
  return syncFolder(folderOf(path));
}

Result<std::string> readFile(const std::string& path, size_t limit) {
  // Opening a FIFO would wait for its other end.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat st;
  if (!fd || ::fstat(fd.get(), &st) != 0) return fileError(path + ": can't be read", errno);
  if (!S_ISREG(st.st_mode)) return Status(Code::kCorrupt, path + " is not a regular file");
  if (st.st_size > static_cast<off_t>(limit)) {
    return Status(Code::kCorrupt, path + " has more than " + std::to_string(limit) + " bytes");
  }
  std::string content(static_cast<size_t>(st.st_size), '\0');
  size_t size = 0;
  while (size < content.size()) {
    const ssize_t n = ::read(fd.get(), content.data() + size, content.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fileError(path + ": can't be read", errno);
    if (n == 0) break;
    size += static_cast<size_t>(n);
  }
  content.resize(size);
  return content;
}

Status replaceFile(const std::string& path, std::string_view suffix, std::string_view content) {
  const std::string temporary = path + std::string(suffix);
  int error_number = writeFile(temporary, content);
  if (error_number == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error_number = errno;
  if (error_number == 0) return {};
  ::unlink(temporary.c_str());
  return fileError(path + ": can't be written", error_number);
}

Status syncFolder(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd && ::fsync(fd.get()) == 0) return {};
  return fileError(path + ": can't be synced", errno);
}

Status makeFile(const std::string& path) {
  struct stat st;
  if (::stat(path.c_str(), &st) == 0) return {};
  const Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd) giveToOwner(fd.get(), folderOf(path));
  if (fd || errno == EEXIST) return {};
  return fileError(path + ": can't be made", errno);
}

Status probeFolder(const std::string& path) {
  // As much as one page, since a disk may have room for names when it has none for content.
  const std::string file = path + "/.probe-" + std::to_string(::getpid());
  const int error_number = writeFile(file, std::string(4096, '\0'));
  ::unlink(file.c_str());
  return error_number == 0 ? Status() : fileError(path, error_number);
}

Result<FolderLock> FolderLock::take(const std::string& folder, LockMode mode) {
  const std::string path = folder + "/.lock";
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd && mode == LockMode::kShared && errno != ENOENT) {
    fd = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd && isFolder(folder)) return FolderLock(Fd());
  }
  if (!fd) return fileError(path + ": can't be locked", errno);
  giveToOwner(fd.get(), folder);
  // flock can't wait for a while, so it is asked again and again.
  const auto end = std::chrono::steady_clock::now() + kLockPatience;
  while (::flock(fd.get(), (mode == LockMode::kShared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return fileError(path + ": can't be locked", errno);
    if (std::chrono::steady_clock::now() > end) {
      return Status(Code::kUnavailable, path + ": another process holds the lock");
    }
    std::this_thread::sleep_for(kLockRetry);
  }
  return FolderLock(std::move(fd));
}

}  // namespace vatmesh::store
