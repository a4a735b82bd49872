// SPDX-License-Identifier: Apache-2.0
#include "tests/rpc/scenarios/scenario.h"

namespace vatmesh::scenarios {
namespace {

constexpr uint64_t kOrders = 25;

}  // namespace

Exchange exchange(Stage& stage, const std::vector<Ref>& arguments,
                  const std::vector<Ref>& results) {
  Call asked = stage.a.call(stage.service, arguments);
  stage.drain();
  Came came = stage.b.next();
  stage.b.answer(came, results);
  stage.drain();
  return {asked, came};
}

Call ask(Stage& stage, const std::vector<Ref>& results) {
  return exchange(stage, {}, results).asked;
}

bool Scenario::playOne(const Body& body, uint64_t order) {
  for (Stage::Log log : {Stage::Log::kNo, Stage::Log::kYes}) {
    Stage stage(GetParam(), order, log);
    body(stage);
    stage.finish();
    if (!stage.failed()) return true;
    // Once more, to tell what happened.
    if (log == Stage::Log::kYes) ADD_FAILURE() << "order " << order << ": " << stage.report();
  }
  return false;
}

void Scenario::inEveryOrder(const Body& body) {
  // Others in each test and setting.
  uint64_t first = 14695981039346656037u;
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  for (char c : std::string(test->name()))
    first = (first ^ static_cast<uint8_t>(c)) * 1099511628211;
  for (uint64_t order = first; order < first + kOrders; ++order) {
    if (!playOne(body, order)) return;
  }
}

}  // namespace vatmesh::scenarios
