// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/application.h"

#include <utility>

namespace vatmesh::fuzz {
namespace {

std::vector<Cap> capsOf(const std::vector<Application::Picked>& arguments) {
  std::vector<Cap> caps;
  for (const auto& picked : arguments) caps.push_back(picked.cap);
  return caps;
}

}  // namespace

Application::Picked Application::newObject() {
  Cap object = vat.newObject();
  return {object, static_cast<Object&>(*object).shadow};
}

Application::Picked Application::field(const Asked& asked, size_t slot) {
  return {vat.field(asked.result, slot), shadows_.call(asked.call).slots[slot]};
}

void Application::resolve(const Open& open, const Picked& to) {
  if (shadows_.unite(open.shadow, to.shadow)) {
    shadows_.hold(open.shadow, to.shadow);
  } else {
    shadows_.circles = true;
    shadows_.breakPromise(open.shadow);
  }
  vat.resolve(open.promise, to.cap);
}

void Application::breakPromise(const Open& open) {
  shadows_.breakPromise(open.shadow);
  vat.resolve(open.promise, std::make_shared<Broken>("broken by its owner"));
}

Application::Asked Application::bootstrap() {
  uint32_t id = shadows_.newCall(0, 0, 0).id;
  return {id, vat.bootstrap(id)};
}

CallContent Application::newCall(Reference& reference, const std::vector<Picked>& arguments) {
  CallContent content;
  content.call = shadows_.newCall(reference.shadow, reference.id, ++reference.sequence).id;
  content.target = reference.shadow;
  content.reference = reference.id;
  content.sequence = reference.sequence;
  for (const Picked& picked : arguments) content.arguments.push_back(picked.shadow);
  return content;
}

Application::Asked Application::call(Reference& reference, const std::vector<Picked>& arguments) {
  CallContent content = newCall(reference, arguments);
  uint32_t id = content.call;
  return {id, vat.call(reference.cap, std::move(content), capsOf(arguments))};
}

void Application::finish(const Asked& asked) {
  if (asked.result->watched != 0) shadows_.call(asked.call).canceled = true;
  RefVat::unwatch(*asked.result);
}

void Application::give(Results& results, uint32_t call, size_t slot, const Picked& picked) {
  Shadow shadow = shadows_.call(call).slots[slot];
  if (!picked.cap) return shadows_.breakPromise(shadow);
  shadows_.unite(shadow, picked.shadow);
  shadows_.hold(shadows_.nodeOf(call), picked.shadow);
  results.slots[slot] = picked.cap;
}

void Application::answer(const RefVat::Incoming& incoming, Results results) {
  ShadowCall& shadow = shadows_.call(incoming.call);
  shadow.given = Outcome::kResults;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (!results.slots[slot]) shadows_.breakPromise(shadow.slots[slot]);
  }
  results.call = incoming.call;
  vat.answer(incoming.result, results);
}

void Application::refuse(const RefVat::Incoming& incoming) {
  ShadowCall& shadow = shadows_.call(incoming.call);
  shadow.given = Outcome::kException;
  for (Shadow slot : shadow.slots) shadows_.breakPromise(slot);
  vat.refuse(incoming.result, "refused " + std::to_string(incoming.call));
}

void Application::becomesResultOf(uint32_t call, uint32_t other) {
  shadows_.call(call).result_of = other;
  shadows_.hold(shadows_.nodeOf(call), shadows_.nodeOf(other));
}

bool Application::redirect(const RefVat::Incoming& incoming, const Asked& asked) {
  becomesResultOf(incoming.call, asked.call);
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (!shadows_.unite(shadows_.call(incoming.call).slots[slot],
                        shadows_.call(asked.call).slots[slot])) {
      return false;
    }
  }
  vat.redirect(incoming.result, asked.result);
  return true;
}

uint32_t Application::tail(const RefVat::Incoming& incoming, Reference& reference,
                           const std::vector<Picked>& arguments) {
  CallContent content = newCall(reference, arguments);
  uint32_t made = content.call;
  shadows_.call(made).silent = true;
  becomesResultOf(incoming.call, made);
  for (size_t slot = 0; slot < kSlots; ++slot) {
    shadows_.unite(shadows_.call(incoming.call).slots[slot], shadows_.call(made).slots[slot]);
  }
  vat.tailCall(incoming.result, reference.cap, std::move(content), capsOf(arguments));
  return made;
}

}  // namespace vatmesh::fuzz
