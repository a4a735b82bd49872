// SPDX-License-Identifier: Apache-2.0
//
// The shadow world knows what each capability really is, whatever path it took: promises are
// united with what they were resolved to at the moment somebody resolved them. It knows every call,
// and checks what arrives: the right object, the order of each reference, the right outcome.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/fuzz/content.h"

namespace vatmesh::fuzz {

using Shadow = uint32_t;

enum class Outcome : uint8_t { kNone, kResults, kException };

struct ShadowCall {
  uint32_t id = 0;
  Shadow target = 0;
  uint32_t reference = 0;
  uint32_t sequence = 0;
  std::array<Shadow, kSlots> slots{};
  bool delivered = false;
  bool silent = false;             // a tail call: its results are somebody else's
  bool canceled = false;           // by the caller: the outcome is nobody's business
  Outcome given = Outcome::kNone;  // by the callee
  Outcome seen = Outcome::kNone;   // by the caller
  uint32_t result_of = 0;          // another call, whose results were given as those of this one
};

class ShadowWorld {
 public:
  ShadowWorld() : states_(1), parents_(1) {}

  enum class State : uint8_t { kObject, kPromise, kBroken };
  Shadow add(State state);
  Shadow root(Shadow shadow) const;
  State state(Shadow shadow) const { return states_[root(shadow)]; }
  // `promise` becomes `target`. False when they are one already, or `promise` is none.
  bool unite(Shadow promise, Shadow target);
  // Whether that works for all of them, one after the other.
  bool canUnite(const std::array<Shadow, kSlots>& promises,
                const std::array<Shadow, kSlots>& targets) const;
  void breakPromise(Shadow promise);
  // What keeps what open: a promise what it was resolved to, a field its call, a call what was
  // given as its results. Circles of that kind leak in any vat that counts references.
  void hold(Shadow holder, Shadow held) { held_[holder].push_back(held); }
  bool wouldHoldItself(Shadow holder, Shadow held) const;
  Shadow nodeOf(uint32_t call) { return call_nodes_[call]; }
  // Broken itself, or a field of what a call returns that can't succeed.
  bool failsForGood(Shadow shadow) const;
  // The call that `shadow` is a field of, while it is unknown; null if it is none.
  const ShadowCall* callOf(Shadow shadow) const;

  ShadowCall& newCall(Shadow target, uint32_t reference, uint32_t sequence);
  ShadowCall& call(uint32_t id) { return calls_[id - 1]; }
  bool knows(uint32_t call) const { return call > 0 && call <= calls_.size(); }
  // The call whose results those of `id` are.
  ShadowCall& source(uint32_t id);
  uint32_t newReference() { return next_reference_++; }

  // A call arrived at `object`.
  void delivered(const CallContent& content, Shadow object);
  // The outcome of a call reached its caller.
  void returned(uint32_t id, Outcome outcome, const std::string& reason, uint32_t said);
  // At the end, when every call should have come to its end. `lossy`: links were lost.
  void checkCalls(bool lossy);
  // Ways to fail that only a lost link excuses.
  bool lossy = false;
  // Somebody resolved promises to each other: whoever notices breaks them.
  bool circles = false;

  // The first thing that went wrong.
  void fail(const std::string& what) {
    if (failure.empty()) failure = what;
  }
  std::string failure;

 private:
  std::vector<State> states_;
  std::vector<Shadow> parents_;
  std::vector<ShadowCall> calls_;
  std::unordered_map<Shadow, uint32_t> call_of_slot_;
  std::unordered_map<Shadow, std::vector<Shadow>> held_;
  std::unordered_map<uint32_t, Shadow> call_nodes_;
  std::unordered_map<uint32_t, uint32_t> last_;  // by reference: the last sequence that arrived
  uint32_t next_reference_ = 1;
};

}  // namespace vatmesh::fuzz
