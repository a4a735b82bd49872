// SPDX-License-Identifier: Apache-2.0
#include "deploy/cli/progress.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace vatmesh::deploy {
namespace {

constexpr const char* kClearLine = "\r\033[K";

// One that can move its cursor.
bool isTerminal() {
  const char* kind = std::getenv("TERM");
  return isatty(STDERR_FILENO) != 0 && kind != nullptr && std::strcmp(kind, "dumb") != 0;
}

}  // namespace

Progress::Progress() : enabled_(isTerminal()) {}

Progress::~Progress() {
  clear();
}

void Progress::show(std::string_view what, Duration waited) {
  if (!enabled_) return;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(waited).count();
  std::fprintf(stderr, "%s%.*s … %lld s", kClearLine, static_cast<int>(what.size()), what.data(),
               static_cast<long long>(seconds));
  std::fflush(stderr);
  shown_ = true;
}

void Progress::clear() {
  if (!shown_) return;
  std::fputs(kClearLine, stderr);
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace vatmesh::deploy
