// SPDX-License-Identifier: Apache-2.0
#include "sidecar/event/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace vatmesh::event {
namespace {

Status failed(const std::string& path, int error_number) {
  return {Code::kFailed, path + ": " + std::generic_category().message(error_number)};
}

// Of a path that somebody named, so never a fault of ours.
Status cantOpen(const std::string& path, int error_number) {
  const bool refused = error_number == EACCES || error_number == EPERM;
  const std::string text = path + ": " + std::generic_category().message(error_number);
  return refused ? Status(Code::kRefused, text + ": we are user " + std::to_string(::geteuid()))
                 : Status(Code::kInvalidArgument, text + "; name another file");
}

constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;  // it may be a FIFO

// The size of an open file, if it is one of ours.
Result<off_t> sizeOfOurs(const Fd& fd, const std::string& path, std::string_view magic) {
  struct stat found;
  if (::fstat(fd.get(), &found) != 0) return failed(path, errno);
  if (!S_ISREG(found.st_mode)) {
    return Status(Code::kInvalidArgument, path + " is no regular file; name another");
  }
  if (found.st_size == 0) return found.st_size;
  std::string begin(magic.size(), '\0');
  if (::pread(fd.get(), begin.data(), begin.size(), 0) < 0) return failed(path, errno);
  if (begin == magic) return found.st_size;
  return Status(Code::kInvalidArgument,
                path + " has another content and is left alone; name another file");
}

// Makes way for a new file at `path` by renaming the one that is there.
Status keep(const std::string& path, std::string_view magic) {
  const std::string kept = path + ".1";
  const Fd fd(::open(kept.c_str(), kFlags));
  if (!fd && errno != ENOENT) return cantOpen(kept, errno);
  if (fd) {
    const Result<off_t> size = sizeOfOurs(fd, kept, magic);
    if (!size.ok()) return size.status();
  }
  return ::rename(path.c_str(), kept.c_str()) == 0 ? Status() : failed(path, errno);
}

}  // namespace

Result<AppendFile> AppendFile::open(const std::string& path, std::string_view magic) {
  constexpr mode_t kPrivate = 0600;
  Fd fd;
  while (true) {
    fd = Fd(::open(path.c_str(), kFlags | O_CREAT | O_APPEND, kPrivate));
    if (!fd) return cantOpen(path, errno);
    const Result<off_t> size = sizeOfOurs(fd, path, magic);
    if (!size.ok()) return size.status();
    if (::fchmod(fd.get(), kPrivate) != 0) return failed(path, errno);
    if (*size == 0) return AppendFile(path, std::move(fd));
    if (Status kept = keep(path, magic); !kept.ok()) return kept;
  }
}

Status AppendFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed(path_, errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return Status();
}

}  // namespace vatmesh::event
