// SPDX-License-Identifier: Apache-2.0
#include "sidecar/config/memory_limit.h"

#include <algorithm>
#include <fstream>
#include <string_view>

#include "sidecar/config/scalar.h"

namespace vatmesh::config {
namespace {

// Version 1 has no word for "unlimited" but a number near 2^63.
constexpr uint64_t kUnlimited = 1ull << 60;

std::optional<uint64_t> readLimit(const std::string& file) {
  std::ifstream in(file);
  std::string word;
  if (!(in >> word)) return std::nullopt;
  auto limit = parseCount(word);
  return limit && *limit < kUnlimited ? limit : std::nullopt;
}

// A container sees its own group as the root, so the path from /proc may not exist there: every
// folder from that path up to the root is asked.
std::optional<uint64_t> leastOf(const std::string& root, std::string path,
                                const std::string& file) {
  std::optional<uint64_t> least;
  for (;;) {
    if (auto limit = readLimit(root + path + "/" + file))
      least = std::min(*limit, least.value_or(*limit));
    size_t slash = path.rfind('/');
    if (slash == std::string::npos) return least;
    path.resize(slash);
  }
}

}  // namespace

std::optional<uint64_t> cgroupMemoryLimit(const std::string& membership, const std::string& root) {
  std::optional<uint64_t> least;
  std::ifstream in(membership);
  std::string line;  // ID:CONTROLLERS:PATH
  while (std::getline(in, line)) {
    size_t first = line.find(':');
    size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    std::optional<uint64_t> limit;
    if (controllers == ",,") {
      limit = leastOf(root, path, "memory.max");
    } else if (controllers.find(",memory,") != std::string::npos) {
      limit = leastOf(root + "/memory", path, "memory.limit_in_bytes");
    }
    if (limit) least = std::min(*limit, least.value_or(*limit));
  }
  return least;
}

}  // namespace vatmesh::config
