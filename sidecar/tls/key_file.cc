// SPDX-License-Identifier: Apache-2.0
#include "sidecar/tls/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "rpc/base/encoding.h"
#include "sidecar/event/fd.h"
#include "sidecar/net/folder.h"
#include "sidecar/tls/random.h"

namespace vatmesh::tls {

namespace {

// Larger files hold something else.
constexpr size_t kMaxKeyFile = 64 * 1024;

std::string textOfErrno(int error_number) {
  return std::error_code(error_number, std::generic_category()).message();
}

Status fileError(const std::string& path, std::string_view doing, int error_number) {
  const std::string text =
      "key file " + path + ": " + std::string(doing) + ": " + textOfErrno(error_number);
  switch (error_number) {
    case ENOENT:
      return Status(Code::kNotFound, text);
    case EACCES:
    case EPERM:
      return Status(Code::kRefused, text + ": we are user " + std::to_string(::geteuid()));
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
      return Status(Code::kInvalidArgument, text);
    default:
      return Status(Code::kFailed, text);
  }
}

std::string randomSuffix() {
  uint8_t bytes[9];
  SystemEntropy().fill(bytes);
  return base64UrlEncode(bytes);
}

std::string folderOf(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// Writes all of `text` to the new file `path` and makes sure that it is on the disk.
int writeFile(const std::string& path, std::string_view text) {
  event::Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return errno;
  while (!text.empty()) {
    const ssize_t n = ::write(fd.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return ::fsync(fd.get()) == 0 ? 0 : errno;
}

// Gives the finished file its name, unless there is one of that name.
int publish(const std::string& temporary, const std::string& path) {
  if (::link(temporary.c_str(), path.c_str()) == 0) return 0;
  // Some file systems have no hard links.
  if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK) return errno;
  if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) {
    return 0;
  }
  return errno;
}

void syncFolder(const std::string& folder) {
  event::Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Not every file system can; then it does what it does.
  if (fd) (void)::fsync(fd.get());
}

}  // namespace

bool othersCanRead(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) == 0 && (st.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

Result<KeyPair> readKeyFile(const std::string& path) {
  // Opening a FIFO would wait for its other end.
  event::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return fileError(path, "can't be read", errno);
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return fileError(path, "can't be read", errno);
  if (!S_ISREG(st.st_mode)) {
    return Status(Code::kInvalidArgument, "key file " + path + " is not a regular file");
  }
  std::string pem(kMaxKeyFile + 1, '\0');
  size_t size = 0;
  while (size < pem.size()) {
    const ssize_t n = ::read(fd.get(), pem.data() + size, pem.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fileError(path, "can't be read", errno);
    if (n == 0) break;
    size += static_cast<size_t>(n);
  }
  if (size > kMaxKeyFile) {
    return Status(Code::kInvalidArgument, "key file " + path + " is too large for a PEM key");
  }
  pem.resize(size);
  Result<KeyPair> key = KeyPair::fromPem(pem);
  if (!key.ok()) return key.status().withContext("key file " + path);
  return key;
}

Status writeNewKeyFile(const std::string& path, const KeyPair& key) {
  const std::string folder = folderOf(path);
  const int not_made = net::makeFolders(folder);
  if (not_made != 0) return fileError(path, "its folder can't be made", not_made);

  const std::string temporary = path + "." + randomSuffix() + ".new";
  int error_number = writeFile(temporary, key.pem());
  if (error_number == 0) error_number = publish(temporary, path);
  ::unlink(temporary.c_str());
  if (error_number == EEXIST) {
    return Status(Code::kInvalidArgument,
                  "key file " + path + ": there is one already, it is left alone");
  }
  if (error_number != 0) return fileError(path, "can't be written", error_number);
  syncFolder(folder);
  return {};
}

Result<LoadedKey> readOrMakeKeyFile(const std::string& path) {
  Result<KeyPair> key = readKeyFile(path);
  if (key.ok()) return LoadedKey{*std::move(key), LoadedKey::Origin::kRead};
  if (key.status().code() != Code::kNotFound) return key.status();

  KeyPair made = KeyPair::generate();
  if (Status status = writeNewKeyFile(path, made); !status.ok()) {
    // Another process may have been faster; its key counts then.
    Result<KeyPair> other = readKeyFile(path);
    if (!other.ok()) return status;
    return LoadedKey{*std::move(other), LoadedKey::Origin::kRead};
  }
  return LoadedKey{std::move(made), LoadedKey::Origin::kMade};
}

}  // namespace vatmesh::tls
