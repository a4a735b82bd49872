// SPDX-License-Identifier: Apache-2.0
//
// AppendFile is a private file (mode 0600) that grows: a journal. It never takes the place of a
// file of another kind.
#pragma once

#include <string>
#include <string_view>

#include "rpc/base/status.h"
#include "sidecar/event/fd.h"

namespace vatmesh::event {

class AppendFile {
 public:
  // Makes the file `path`. One that is there and not empty is kept as `path`.1, in the place of
  // what was kept there before. kInvalidArgument when either is no regular file, is neither empty
  // nor begins with `magic`, or can't be made; kRefused when we may not. The file's folder must be
  // there.
  static Result<AppendFile> open(const std::string& path, std::string_view magic);

  // Writes all of `bytes`; may block for the disk.
  Status append(std::string_view bytes);

  const std::string& path() const { return path_; }

 private:
  AppendFile(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  Fd fd_;
};

}  // namespace vatmesh::event
