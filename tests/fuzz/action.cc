// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/action.h"

#include "tests/fuzz/random.h"

namespace vatmesh::fuzz {
namespace {

struct Weight {
  Do what;
  const char* name;
  uint32_t weight;
};
constexpr Weight kWeights[kActions] = {
    {Do::kDeliver, "kDeliver", 300},
    {Do::kCall, "kCall", 150},
    {Do::kTake, "kTake", 50},
    {Do::kFinish, "kFinish", 25},
    {Do::kRelease, "kRelease", 30},
    {Do::kAnswer, "kAnswer", 70},
    {Do::kRedirect, "kRedirect", 20},
    {Do::kTail, "kTail", 20},
    {Do::kPromise, "kPromise", 15},
    {Do::kResolve, "kResolve", 50},
    {Do::kBootstrap, "kBootstrap", 15},
    {Do::kComplete, "kComplete", 30},
    {Do::kTwin, "kTwin", 5},
    {Do::kDrain, "kDrain", 30},
    {Do::kStall, "kStall", 10},
    {Do::kCut, "kCut", 2},
    {Do::kJoin, "kJoin", 6},
    {Do::kCutGate, "kCutGate", 2},
    {Do::kSwapGate, "kSwapGate", 6},
};

}  // namespace

Run makeRun(uint64_t seed) {
  Run run;
  run.seed = seed;
  Random random(seed * 2 + 1);
  uint32_t length = 20 + random.below(random.chance(10) ? 800 : 200);
  bool cuts = random.chance(25);
  bool promising = random.chance(40);
  // Each run has its own taste, so that some do little but deliver and others hardly ever.
  uint32_t weights[kActions];
  uint32_t sum = 0;
  for (int i = 0; i < kActions; ++i) {
    weights[i] = kWeights[i].weight * (1 + random.below(4));
    const bool promise = kWeights[i].what == Do::kPromise || kWeights[i].what == Do::kResolve;
    if (promising && promise) weights[i] *= 3;
    if (!cuts && (kWeights[i].what == Do::kCut || kWeights[i].what == Do::kJoin ||
                  kWeights[i].what == Do::kCutGate)) {
      weights[i] = 0;
    }
    sum += weights[i];
  }
  // Whoever has no reference can do little: the first actions make some.
  uint32_t opening = random.below(8);
  while (run.actions.size() < length) {
    uint32_t at = random.below(sum);
    int i = 0;
    while (at >= weights[i]) at -= weights[i++];
    if (run.actions.size() < opening) i = static_cast<int>(Do::kBootstrap);
    uint64_t bits = random.next();
    run.actions.push_back({kWeights[i].what, static_cast<uint8_t>(bits),
                           static_cast<uint8_t>(bits >> 8), static_cast<uint8_t>(bits >> 16),
                           static_cast<uint32_t>(bits >> 32)});
  }
  return run;
}

const char* nameOf(Do what) {
  return kWeights[static_cast<int>(what)].name;
}

std::string toCode(const Run& run) {
  std::string code = "TEST(Fuzz, Run" + std::to_string(run.seed) + ") {\n  Run run{" +
                     std::to_string(run.seed) + ", {\n";
  for (const Action& action : run.actions) {
    code += "    {Do::" + std::string(nameOf(action.what)) + ", " + std::to_string(action.a) +
            ", " + std::to_string(action.b) + ", " + std::to_string(action.c) + ", " +
            std::to_string(action.salt) + "u},\n";
  }
  return code + "  }};\n  EXPECT_EQ(play(run), \"\");\n}\n";
}

}  // namespace vatmesh::fuzz
