// SPDX-License-Identifier: Apache-2.0
//
// DescriptorLimit lets the process have as many descriptors as the system permits, and says how
// many of them incoming connections may take.
#pragma once

#include <sys/resource.h>

#include <cstddef>
#include <functional>

namespace vatmesh {

class DescriptorLimit {
 public:
  // Left for the admin port, dialled vats, applications and files.
  static constexpr size_t kReserve = 64;

  // Raises the soft limit to the hard one. If that fails, it stays.
  DescriptorLimit();

  // The soft limit now.
  size_t soft() const { return raised_.rlim_cur; }

  // Runs `action` under the limit that we were started with, for a program that it starts: programs
  // with select() misbehave above 1024.
  void whileLowered(const std::function<void()>& action) const;

 private:
  rlimit inherited_{};
  rlimit raised_{};
};

// How many incoming connections may be open at once under `soft_limit`, when each may lead to
// `outgoing` others.
size_t incomingBudget(size_t soft_limit, size_t outgoing);

}  // namespace vatmesh
