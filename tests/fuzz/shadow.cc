// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/shadow.h"

namespace vatmesh::fuzz {
namespace {

std::string name(const ShadowCall& call) {
  return "call " + std::to_string(call.id) + " (number " + std::to_string(call.sequence) +
         " of reference " + std::to_string(call.reference) + ")";
}

}  // namespace

Shadow ShadowWorld::add(State state) {
  states_.push_back(state);
  parents_.push_back(static_cast<Shadow>(parents_.size()));
  return parents_.back();
}

Shadow ShadowWorld::root(Shadow shadow) const {
  while (parents_[shadow] != shadow) shadow = parents_[shadow];
  return shadow;
}

bool ShadowWorld::unite(Shadow promise, Shadow target) {
  Shadow from = root(promise);
  Shadow to = root(target);
  if (from == to || states_[from] != State::kPromise) return false;
  parents_[from] = to;
  return true;
}

bool ShadowWorld::canUnite(const std::array<Shadow, kSlots>& promises,
                           const std::array<Shadow, kSlots>& targets) const {
  std::vector<Shadow> parents = parents_;
  const auto rootIn = [&](Shadow shadow) {
    while (parents[shadow] != shadow) shadow = parents[shadow];
    return shadow;
  };
  for (size_t slot = 0; slot < kSlots; ++slot) {
    const Shadow from = rootIn(promises[slot]);
    const Shadow to = rootIn(targets[slot]);
    if (from == to || states_[from] != State::kPromise) return false;
    parents[from] = to;
  }
  return true;
}

void ShadowWorld::breakPromise(Shadow promise) {
  Shadow at = root(promise);
  if (states_[at] == State::kPromise) states_[at] = State::kBroken;
}

bool ShadowWorld::wouldHoldItself(Shadow holder, Shadow held) const {
  std::vector<Shadow> todo{held};
  std::vector<bool> seen(states_.size());
  while (!todo.empty()) {
    Shadow at = todo.back();
    todo.pop_back();
    if (at == holder) return true;
    if (seen[at]) continue;
    seen[at] = true;
    auto it = held_.find(at);
    if (it != held_.end()) todo.insert(todo.end(), it->second.begin(), it->second.end());
  }
  return false;
}

const ShadowCall* ShadowWorld::callOf(Shadow shadow) const {
  auto it = call_of_slot_.find(root(shadow));
  return it == call_of_slot_.end() ? nullptr : &calls_[it->second - 1];
}

bool ShadowWorld::failsForGood(Shadow shadow) const {
  for (;;) {
    if (state(shadow) != State::kPromise) return state(shadow) == State::kBroken;
    const ShadowCall* from = callOf(shadow);
    if (!from || from->target == 0) return false;
    if (from->canceled) return true;
    shadow = from->target;
  }
}

ShadowCall& ShadowWorld::newCall(Shadow target, uint32_t reference, uint32_t sequence) {
  ShadowCall call;
  call.id = static_cast<uint32_t>(calls_.size()) + 1;
  call.target = target;
  call.reference = reference;
  call.sequence = sequence;
  Shadow node = call_nodes_[call.id] = add(State::kObject);
  for (Shadow& slot : call.slots) {
    slot = add(State::kPromise);
    hold(slot, node);
    call_of_slot_[slot] = call.id;
  }
  calls_.push_back(call);
  return calls_.back();
}

ShadowCall& ShadowWorld::source(uint32_t id) {
  while (call(id).result_of != 0) id = call(id).result_of;
  return call(id);
}

void ShadowWorld::delivered(const CallContent& content, Shadow object) {
  if (!knows(content.call)) return fail("a call arrived that nobody made");
  ShadowCall& shadow = call(content.call);
  if (content.target != shadow.target || content.reference != shadow.reference ||
      content.sequence != shadow.sequence) {
    return fail(name(shadow) + " arrived with another content");
  }
  if (shadow.delivered) return fail(name(shadow) + " arrived twice");
  shadow.delivered = true;
  if (root(shadow.target) != root(object)) {
    return fail(name(shadow) + " arrived at object " + std::to_string(object) + ", not at " +
                std::to_string(root(shadow.target)));
  }
  uint32_t& last = last_[shadow.reference];
  if (last >= shadow.sequence) {
    return fail("order: " + name(shadow) + " arrived behind number " + std::to_string(last));
  }
  last = shadow.sequence;
}

void ShadowWorld::returned(uint32_t id, Outcome outcome, const std::string& reason, uint32_t said) {
  ShadowCall& shadow = call(id);
  if (shadow.seen != Outcome::kNone) return fail(name(shadow) + " returned twice");
  shadow.seen = outcome;
  ShadowCall& from = source(id);
  if (outcome == Outcome::kResults) {
    if (from.given != Outcome::kResults) fail(name(shadow) + " got results that nobody gave");
    if (said != from.id) fail(name(shadow) + " got the results of call " + std::to_string(said));
    return;
  }
  if (lossy) return;
  if (from.given == Outcome::kException) {
    if (reason != "refused " + std::to_string(from.id)) {
      fail(name(shadow) + " failed with another reason: " + reason);
    }
  } else if (from.target != 0 && !failsForGood(from.target)) {
    fail(name(shadow) + " failed without a reason: " + reason);
  }
}

void ShadowWorld::checkCalls(bool after_losses) {
  for (const ShadowCall& shadow : calls_) {
    if (shadow.target == 0 || shadow.canceled || shadow.silent) continue;
    if (shadow.seen == Outcome::kNone) return fail(name(shadow) + " never returned");
    if (shadow.seen == Outcome::kResults && after_losses) continue;
    const ShadowCall& from = source(shadow.id);
    if (!after_losses && from.given != Outcome::kNone && from.given != shadow.seen) {
      return fail(name(shadow) + " saw another outcome than was given");
    }
  }
}

}  // namespace vatmesh::fuzz
