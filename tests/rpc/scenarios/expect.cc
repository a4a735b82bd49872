// SPDX-License-Identifier: Apache-2.0
//
// What scenarios expect.
#include <algorithm>
#include <utility>

#include "tests/rpc/scenarios/stage.h"

namespace vatmesh::scenarios {
namespace {

std::string listOf(const std::vector<uint32_t>& numbers) {
  std::string list;
  for (uint32_t number : numbers) list += " " + std::to_string(number);
  return list.empty() ? " none" : list;
}

std::string nameOf(const Call& call) {
  return "call " + std::to_string(call->call);
}

}  // namespace

void Stage::expectArrived(const Ref& ref, const std::vector<Call>& calls) {
  fuzz::Shadow object = shadows_.root(ref->shadow);
  std::vector<uint32_t> expected;
  for (const Call& call : calls) expected.push_back(call->call);
  std::vector<uint32_t> came;
  for (uint32_t call : arrivals_) {
    if (shadows_.root(shadows_.call(call).target) == object) came.push_back(call);
  }
  if (came != expected) fail("the calls" + listOf(came) + " came, not" + listOf(expected));
}

void Stage::expectReturned(const Call& call) {
  if (shadows_.call(call->call).seen != fuzz::Outcome::kResults) {
    fail(nameOf(call) + " did not return results");
  }
}

void Stage::expectFailed(const Call& call, const std::string& reason) {
  if (shadows_.call(call->call).seen != fuzz::Outcome::kException) {
    return fail(nameOf(call) + " did not fail");
  }
  const std::string& given = static_cast<fuzz::Broken&>(*call->result->why).reason;
  if (!reason.empty() && given != reason) fail(nameOf(call) + " failed because: " + given);
}

void Stage::expectOpen(const Call& call) {
  if (shadows_.call(call->call).seen != fuzz::Outcome::kNone) fail(nameOf(call) + " returned");
}

void Stage::expectEnded(const Call& call) {
  if (shadows_.call(call->call).seen == fuzz::Outcome::kNone) fail(nameOf(call) + " hangs");
}

void Stage::expectShortest(const Call& call, Actor& from, Actor& to, Actor& past) {
  // Some peers never leave the path of a field.
  if (!setting_.behaviour.shortens_paths || setting_.habits.stays_on_paths) return;
  const auto& visits = visits_[call->call];
  if (&past != &to && std::ranges::find(visits, past.name()) != visits.end()) {
    return fail(nameOf(call) + " went by " + past.name());
  }
  size_t shortest = distance(&from.vat(), &to.vat());
  if (setting_.tree() && visits.size() != shortest) {
    fail(nameOf(call) + " went over " + std::to_string(visits.size()) + " links, not " +
         std::to_string(shortest));
  }
}

size_t Stage::heard(Actor& actor, wire::MessageKind kind) const {
  auto it = heard_.find({actor.name(), kind});
  return it == heard_.end() ? 0 : it->second;
}

std::string Stage::report() const {
  std::string text = shadows_.failure;
  for (const std::string& line : log_) text += "\n  " + line;
  return text;
}

}  // namespace vatmesh::scenarios
