// SPDX-License-Identifier: Apache-2.0
//
// Reading first, then the steps of writing: temporary file, fsync, rename.
#include "sidecar/restore/cap_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string_view>

#include "rpc/sturdy/cap_file.h"
#include "rpc/sturdy/identity.h"
#include "sidecar/event/fd.h"
#include "sidecar/net/folder.h"
#include "sidecar/net/socket.h"

namespace vatmesh::restore {
namespace {

constexpr mode_t kNewMode = 0600;

struct Content {
  std::string text;
  mode_t mode = kNewMode;
};

Status fileError(const std::string& path, int error_number) {
  const bool denied = error_number == EACCES || error_number == EPERM || error_number == EROFS;
  return {denied ? Code::kRefused : Code::kInvalidArgument,
          path + ": " + net::errnoText(error_number)};
}

// What `path` holds; nullopt when there is no such file. Never waits, whatever kind of file it is.
Result<std::optional<Content>> readFile(const std::string& path) {
  event::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<Content>();
    return fileError(path, errno);
  }
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return fileError(path, errno);
  if (!S_ISREG(info.st_mode)) {
    return Status(Code::kInvalidArgument, path + ": not a regular file; a cap file is wanted");
  }
  Content content{.text = {}, .mode = info.st_mode & 07777};
  content.text.resize(sturdy::kMaxCapFileSize + 1);
  size_t size = 0;
  while (size < content.text.size()) {
    const ssize_t got = read(fd.get(), content.text.data() + size, content.text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fileError(path, errno);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  content.text.resize(size);
  return std::optional<Content>(std::move(content));
}

bool isBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f") == std::string_view::npos;
}

Status writeAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return {Code::kFailed, net::errnoText(errno)};
    text.remove_prefix(static_cast<size_t>(put));
  }
  return Status();
}

// Puts `text` at `path` in one step.
Status replaceFile(const std::string& path, std::string_view text, mode_t mode) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  net::makeFolders(folder.string());  // a failure shows when the file is made
  std::string temporary = path + ".XXXXXX";
  event::Fd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return fileError(path, errno);
  Status status = writeAll(fd.get(), text).withContext(path);
  if (status.ok() && (fchmod(fd.get(), mode) != 0 || fsync(fd.get()) != 0 ||
                      rename(temporary.c_str(), path.c_str()) != 0)) {
    status = fileError(path, errno);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  const event::Fd parent(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent) fsync(parent.get());
  return status;
}

std::string vatOf(const sturdy::SturdyUri& uri) {
  return uri.secure ? sturdy::shortFingerprint(uri.digest) : "an insecure vat";
}

// Says which part is another one: with another id the old URI is unknown for good; with another
// address alone it works wherever the old address still leads here.
std::string describeChange(const sturdy::SturdyUri& old, const sturdy::SturdyUri& uri) {
  const bool same_vat = old.secure == uri.secure && old.digest == uri.digest;
  std::string parts = same_vat ? "" : "another key";
  const auto add = [&parts](const char* part) {
    parts += (parts.empty() ? "" : ", ") + std::string(part);
  };
  if (old.location != uri.location) add("another address");
  if (same_vat && old.id != uri.id) add("another id");
  return "replaced a URI of " + vatOf(old) + " by one of " + vatOf(uri) + " (" + parts +
         "); who holds the old one needs the new one";
}

}  // namespace

Result<std::optional<sturdy::SturdyUri>> readCapFile(const std::string& path) {
  Result<std::optional<Content>> content = readFile(path);
  if (!content.ok()) return content.status();
  if (!content->has_value() || isBlank((*content)->text)) return std::optional<sturdy::SturdyUri>();
  Result<sturdy::SturdyUri> uri = sturdy::parseCapFile((*content)->text);
  if (!uri.ok()) return uri.status().withContext(path);
  return std::optional<sturdy::SturdyUri>(std::move(*uri));
}

Status writeCapFile(const std::string& path, const sturdy::SturdyUri& uri, Logger& log) {
  Result<std::optional<Content>> old = readFile(path);
  if (!old.ok()) return old.status();
  const std::string text = sturdy::capFileText(uri);
  if (old->has_value() && (*old)->text == text) return Status();
  const bool replaces = old->has_value() && !isBlank((*old)->text);
  Result<sturdy::SturdyUri> old_uri = uri;
  if (replaces) old_uri = sturdy::parseCapFile((*old)->text);
  if (!old_uri.ok()) {
    return {Code::kInvalidArgument,
            path +
                ": holds something that is no URI, which is not overwritten; remove the file, or "
                "name another"};
  }
  const mode_t mode = old->has_value() ? (*old)->mode : kNewMode;
  const Status status = replaceFile(path, text, mode);
  if (!status.ok()) return status;
  if (*old_uri != uri) log.warning("restore", path + ": " + describeChange(*old_uri, uri));
  return Status();
}

}  // namespace vatmesh::restore
