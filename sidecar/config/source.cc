// SPDX-License-Identifier: Apache-2.0
//
// Reading the configuration's text: with memory_limit.cc the only files of this folder that touch
// the outside.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "rpc/sturdy/uri.h"
#include "sidecar/config/load.h"
#include "sidecar/config/memory_limit.h"
#include "sidecar/config/scalar.h"

namespace vatmesh::config {
namespace {

Status cantRead(const std::string& path, int error) {
  std::string text = path + ": " + std::strerror(error);
  if (error == ENOENT) return {Code::kNotFound, text + ": is the path right?"};
  if (error == EACCES) {
    return {Code::kRefused, text + ": let user " + std::to_string(geteuid()) + " read it"};
  }
  return {Code::kInvalidArgument, text};
}

// Reads to the end, or a little beyond the largest configuration.
Status readToEnd(int fd, const std::string& path, std::string& out) {
  char buffer[1 << 16];
  while (out.size() <= kMaxConfigSize) {
    ssize_t count = read(fd, buffer, sizeof buffer);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cantRead(path, errno);
    out.append(buffer, static_cast<size_t>(count));
  }
  return {};
}

}  // namespace

Result<Source> sourceWithoutFile() {
  Source source;
  source.file_name = "command line";
  source.memory_limit = cgroupMemoryLimit();
  std::error_code error;
  source.options_folder = std::filesystem::current_path(error);
  if (error) return Status(Code::kFailed, "the current folder can't be found: " + error.message());
  source.base_folder = source.options_folder;
  return source;
}

Result<Source> readSource(const std::string& path) {
  if (sturdy::looksLikeUri(path)) {
    return Status(Code::kInvalidArgument, quote(path) + " is a URI; write the path of a file");
  }
  Result<Source> begun = sourceWithoutFile();
  if (!begun.ok()) return begun;
  Source source = std::move(*begun);
  source.file_name = path;
  const std::filesystem::path current = source.options_folder;
  bool standard_input = path == "-";
  source.base_folder = standard_input ? current : (current / path).parent_path().lexically_normal();
  int fd = standard_input ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return cantRead(path, errno);
  Status status = readToEnd(fd, path, source.text);
  if (!standard_input) close(fd);
  if (!status.ok()) return status;
  return source;
}

}  // namespace vatmesh::config
