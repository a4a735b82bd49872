// SPDX-License-Identifier: Apache-2.0
#include "sidecar/descriptor_limit.h"

#include <algorithm>

namespace vatmesh {

DescriptorLimit::DescriptorLimit() {
  getrlimit(RLIMIT_NOFILE, &inherited_);
  raised_ = inherited_;
  raised_.rlim_cur = raised_.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &raised_) != 0) raised_ = inherited_;
}

void DescriptorLimit::whileLowered(const std::function<void()>& action) const {
  setrlimit(RLIMIT_NOFILE, &inherited_);
  action();
  setrlimit(RLIMIT_NOFILE, &raised_);
}

size_t incomingBudget(size_t soft_limit, size_t outgoing) {
  // Where the reserve would be more than half, half must do.
  const size_t reserve = std::min(DescriptorLimit::kReserve, soft_limit / 2);
  return std::max<size_t>(1, (soft_limit - reserve) / (1 + outgoing));
}

}  // namespace vatmesh
