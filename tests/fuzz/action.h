// SPDX-License-Identifier: Apache-2.0
//
// A run is a topology and a list of actions. What an action's arguments mean is taken modulo what
// there is, so that any part of a list is a run too, and a failing one can be made smaller.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vatmesh::fuzz {

enum class Do : uint8_t {
  kDeliver,    // one message on one link
  kCall,       // on a held reference, with up to two arguments
  kTake,       // a field of results, pending or not, as a reference
  kFinish,     // nobody wants these results any more
  kRelease,    // a reference
  kAnswer,     // a call that came: results or an exception
  kRedirect,   // ... with the results of another call
  kTail,       // ... with those of a call that is made for it
  kPromise,    // a new promise
  kResolve,    // one
  kBootstrap,  //
  kComplete,   // an operation that one of our vats started
  kTwin,       // a second reference to the same thing
  kDrain,      // many messages on one link
  kStall,      // no message on one link for a while
  kCut,        // a link is lost
  kJoin,       // a lost link comes back
  kCutGate,    // in front of what a Bootstrap found
  kSwapGate,   // what is behind it for another way to the same
};
inline constexpr int kActions = 19;

struct Action {
  Do what = Do::kDeliver;
  uint8_t a = 0;
  uint8_t b = 0;
  uint8_t c = 0;
  uint32_t salt = 0;  // for everything else that is left to chance
};

struct Run {
  uint64_t seed = 0;  // chooses the topology and the habits
  std::vector<Action> actions;
};

Run makeRun(uint64_t seed);
// As code to be pasted into a test.
std::string toCode(const Run& run);
// The name of what `action` does, as in code.
const char* nameOf(Do what);

}  // namespace vatmesh::fuzz
