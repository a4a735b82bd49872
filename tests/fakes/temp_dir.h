// SPDX-License-Identifier: Apache-2.0
//
// TempDir is an empty folder that goes with everything in it, in the system's place for such
// folders or in another.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

namespace vatmesh::test {

class TempDir {
 public:
  TempDir() : TempDir(std::filesystem::temp_directory_path().string()) {}
  explicit TempDir(const std::string& parent) {
    std::string name = parent + "/vatmesh-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace vatmesh::test
