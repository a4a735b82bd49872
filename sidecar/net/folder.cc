// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/folder.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

namespace vatmesh::net {

namespace {

constexpr mode_t kMode = 0755;

int make(const std::string& path) {
  struct stat st;
  if (::mkdir(path.c_str(), kMode) == 0) return 0;
  const int error_number = errno;
  // mkdir may fail for another reason (a read-only parent) where the folder is there.
  const bool there = ::stat(path.c_str(), &st) == 0;
  if (!there) return error_number;
  return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
}

}  // namespace

int makeFolders(const std::string& path) {
  if (path.empty()) return 0;
  const int error_number = make(path);
  const std::string parent = std::filesystem::path(path).parent_path().string();
  if (error_number != ENOENT || parent == path) return error_number;
  if (const int of_parent = makeFolders(parent); of_parent != 0) return of_parent;
  return make(path);
}

}  // namespace vatmesh::net
