// SPDX-License-Identifier: Apache-2.0
#include "rpc/sturdy/cap_file.h"

namespace vatmesh::sturdy {

std::string capFileText(const SturdyUri& uri) {
  return printUri(uri) + "\n";
}

Result<SturdyUri> parseCapFile(std::string_view content) {
  constexpr std::string_view kSpace = " \t\r\n\f";
  if (content.size() > kMaxCapFileSize) {
    return Status(Code::kInvalidArgument, "too large for a cap file, which is one line");
  }
  size_t begin = content.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return Status(Code::kInvalidArgument, "the file is empty");
  size_t end = content.find_last_not_of(kSpace);
  return parseUri(content.substr(begin, end - begin + 1));
}

}  // namespace vatmesh::sturdy
