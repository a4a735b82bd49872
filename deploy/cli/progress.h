// SPDX-License-Identifier: Apache-2.0
//
// Progress is one line on standard error that says what we wait for, while we wait; only when that
// is a terminal, and not before a moment has passed.
#pragma once

#include <string>
#include <string_view>

#include "rpc/base/instant.h"

namespace vatmesh::deploy {

class Progress {
 public:
  // How often `show` wants to be called.
  static constexpr Duration kStep = std::chrono::milliseconds(250);

  Progress();
  // Removes the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  bool enabled() const { return enabled_; }

  // Writes `what`, with the seconds since the start, over the line that was there.
  void show(std::string_view what, Duration waited);
  void clear();

 private:
  const bool enabled_;
  bool shown_ = false;
};

}  // namespace vatmesh::deploy
