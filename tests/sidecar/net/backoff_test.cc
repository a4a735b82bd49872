// SPDX-License-Identifier: Apache-2.0
#include "sidecar/net/backoff.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace vatmesh::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Always the same byte.
class Fixed : public Entropy {
 public:
  explicit Fixed(uint8_t byte) : byte_(byte) {}
  void fill(std::span<uint8_t> out) override { std::fill(out.begin(), out.end(), byte_); }

 private:
  uint8_t byte_;
};

class Counting : public Entropy {
 public:
  void fill(std::span<uint8_t> out) override {
    for (uint8_t& byte : out)
      byte = static_cast<uint8_t>((next_ = next_ * 1664525 + 1013904223) >> 24);
  }

 private:
  uint32_t next_ = 1;
};

TEST(Backoff, DoublesFromTheLeastToTheMost) {
  Fixed zero(0);  // the least jitter: half of the base
  Backoff backoff(zero);
  std::vector<Duration> delays;
  for (int i = 0; i < 8; ++i) delays.push_back(backoff.next());
  EXPECT_EQ(delays, (std::vector<Duration>{milliseconds(50), milliseconds(50), milliseconds(100),
                                           milliseconds(200), milliseconds(400), milliseconds(500),
                                           milliseconds(500), milliseconds(500)}));
}

TEST(Backoff, StaysWithinItsBoundsAndVaries) {
  Counting entropy;
  Backoff backoff(entropy);
  std::set<Duration> seen;
  for (int i = 0; i < 1000; ++i) {
    const Duration delay = backoff.next();
    ASSERT_GE(delay, milliseconds(50));
    ASSERT_LE(delay, seconds(1));
    seen.insert(delay);
  }
  EXPECT_GT(seen.size(), 100u);
}

TEST(Backoff, StartsAgainAfterReset) {
  Fixed zero(0);
  Backoff backoff(zero);
  for (int i = 0; i < 8; ++i) (void)backoff.next();
  backoff.reset();
  EXPECT_EQ(backoff.next(), milliseconds(50));
}

}  // namespace
}  // namespace vatmesh::net
