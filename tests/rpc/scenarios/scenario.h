// SPDX-License-Identifier: Apache-2.0
//
// Fixtures: a scenario is one test body, played in each setting and in many orders of its events.
#pragma once

#include <functional>

#include <gtest/gtest.h>

#include "tests/rpc/scenarios/stage.h"

namespace vatmesh::scenarios {

class Scenario : public testing::TestWithParam<Setting> {
 protected:
  using Body = std::function<void(Stage&)>;
  // Once, in the order that the body says.
  void play(const Body& body) { playOne(body, 1); }
  // In many orders of what stands in `meanwhile`.
  void inEveryOrder(const Body& body);

 private:
  // False when it failed.
  bool playOne(const Body& body, uint64_t order);
};

using Calls = std::vector<Call>;
using Act = std::function<void()>;

// `actor` calls `target`; what it called is kept in `calls`.
inline Act calling(Actor& actor, const Ref& target, Calls& calls) {
  return [&actor, &target, &calls] { calls.push_back(actor.call(target)); };
}

// A calls B with `arguments`, and B answers with `results`: what each of them has then.
struct Exchange {
  Call asked;  // A's
  Came came;   // B's
};
Exchange exchange(Stage& stage, const std::vector<Ref>& arguments, const std::vector<Ref>& results);
// The same without arguments; what A has.
Call ask(Stage& stage, const std::vector<Ref>& results);

// Instantiates the fixture for all settings of two or three applications.
#define VATMESH_SCENARIOS(fixture, settings)    \
  class fixture : public Scenario {};           \
  INSTANTIATE_TEST_SUITE_P(                     \
      , fixture, testing::ValuesIn(settings()), \
      [](const testing::TestParamInfo<Setting>& i) { return nameOf(i.param); })

}  // namespace vatmesh::scenarios
