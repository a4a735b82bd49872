// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/uri_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "rpc/sturdy/cap_file.h"
#include "rpc/sturdy/uri.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::deploy {
namespace {

Status cantRead(const std::string& path, int error) {
  std::string text = path + ": " + std::strerror(error);
  if (error == ENOENT) {
    return {Code::kNotFound, text + ": write a URI (capnp://…) or the path of a cap file"};
  }
  if (error == EACCES) {
    return {Code::kRefused, text + ": let user " + std::to_string(geteuid()) + " read it"};
  }
  return {Code::kInvalidArgument, text};
}

}  // namespace

Result<std::string> readFile(const std::string& path, size_t max_size) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return cantRead(path, errno);
  std::string out(max_size + 1, '\0');
  size_t size = 0;
  int error = 0;
  while (size < out.size()) {
    ssize_t count = read(fd, out.data() + size, out.size() - size);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      error = errno;
      break;
    }
    size += static_cast<size_t>(count);
  }
  close(fd);
  if (error != 0) return cantRead(path, error);
  if (size > max_size) return Status(Code::kInvalidArgument, path + ": too large");
  out.resize(size);
  return out;
}

Status checkPath(const std::string& path) {
  if (!sturdy::looksLikeUri(path)) return {};
  return {Code::kInvalidArgument, config::quote(path) + " is a URI; write the path of a file"};
}

Result<std::string> uriText(const std::string& argument) {
  if (sturdy::looksLikeUri(argument)) return argument;
  Result<std::string> content = readFile(argument, sturdy::kMaxCapFileSize);
  if (!content) return content;
  constexpr std::string_view kSpace = " \t\r\n\f";
  size_t begin = content->find_first_not_of(kSpace);
  if (begin == std::string::npos) {
    return Status(Code::kInvalidArgument, argument + ": the file is empty");
  }
  size_t end = content->find_last_not_of(kSpace);
  return content->substr(begin, end - begin + 1);
}

}  // namespace vatmesh::deploy
