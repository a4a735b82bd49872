// SPDX-License-Identifier: Apache-2.0
//
// The bytes that the control group of this process lets it use, of which limits.total takes at most
// half.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace vatmesh::config {

// Returns the least limit of this process's group and the groups around it; nothing when there is
// none. `membership` and `root` are /proc/self/cgroup and /sys/fs/cgroup but in tests.
std::optional<uint64_t> cgroupMemoryLimit(const std::string& membership = "/proc/self/cgroup",
                                          const std::string& root = "/sys/fs/cgroup");

}  // namespace vatmesh::config
