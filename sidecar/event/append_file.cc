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

}  // namespace

Result<AppendFile> AppendFile::open(const std::string& path, std::string_view magic) {
  // Not blocking, since it may be a FIFO.
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_APPEND,
               0600));
  if (!fd) return cantOpen(path, errno);
  struct stat found;
  if (::fstat(fd.get(), &found) != 0) return failed(path, errno);
  if (!S_ISREG(found.st_mode)) {
    return Status(Code::kInvalidArgument, path + " is no regular file; name another");
  }
  if (found.st_size > 0) {
    std::string begin(magic.size(), '\0');
    const ssize_t size = ::pread(fd.get(), begin.data(), begin.size(), 0);
    if (size < 0) return failed(path, errno);
    if (begin != magic) {
      return Status(Code::kInvalidArgument,
                    path + " has another content and is left alone; name another file");
    }
  }
  if (::fchmod(fd.get(), 0600) != 0 || ::ftruncate(fd.get(), 0) != 0) return failed(path, errno);
  return AppendFile(path, std::move(fd));
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
