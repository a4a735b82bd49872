// SPDX-License-Identifier: Apache-2.0
//
// Backoff says how long to wait before the next attempt: doubling from `min` to `max`, with jitter
// so that many who lost the same peer don't come back together.
#pragma once

#include "rpc/base/entropy.h"
#include "rpc/base/instant.h"

namespace vatmesh::net {

class Backoff {
 public:
  explicit Backoff(Entropy& entropy, Duration min = std::chrono::milliseconds(50),
                   Duration max = std::chrono::seconds(1))
      : entropy_(entropy), min_(min), max_(max), base_(min) {}

  // The next delay: between half of and the whole of a base that doubles up to `max`; never below
  // `min`.
  Duration next();
  // Starts from `min` again: after a success that lasted.
  void reset() { base_ = min_; }

 private:
  Entropy& entropy_;
  Duration min_;
  Duration max_;
  Duration base_;
};

}  // namespace vatmesh::net
