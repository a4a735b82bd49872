// SPDX-License-Identifier: Apache-2.0
#include "tests/rpc/scenarios/actor.h"

#include <utility>

#include "tests/rpc/scenarios/stage.h"

namespace vatmesh::scenarios {

using fuzz::Application;

namespace {

Application::Picked pickedOf(const Ref& ref) {
  return ref ? Application::Picked{ref->cap, ref->shadow} : Application::Picked{};
}

std::vector<Application::Picked> pickedOf(const std::vector<Ref>& refs) {
  std::vector<Application::Picked> picked;
  for (const Ref& ref : refs) picked.push_back(pickedOf(ref));
  return picked;
}

}  // namespace

Ref Actor::keep(Application::Reference reference) {
  auto ref = std::make_shared<Application::Reference>(std::move(reference));
  refs_.push_back(ref);
  return ref;
}

Call Actor::keep(Application::Asked asked) {
  auto call = std::make_shared<Application::Asked>(std::move(asked));
  calls_.push_back(call);
  return call;
}

Ref Actor::bootstrap(Actor& other) {
  Call asked = keep(does_.bootstrap());
  stage_.wantBootstrap(asked->call, other);
  Ref ref = field(asked, fuzz::kRootSlot);
  stage_.stepAll();
  return ref;
}

Ref Actor::object() {
  return keep(does_.reference(does_.newObject()));
}

Promised Actor::promise() {
  Promised made{does_.newPromise(), nullptr};
  open_.push_back(made.open);
  made.ref = keep(does_.reference({made.open.promise, made.open.shadow}));
  return made;
}

void Actor::resolve(Promised& promise, const Ref& to) {
  std::erase_if(open_, [&](const auto& open) { return open.promise == promise.open.promise; });
  if (to) {
    does_.resolve(promise.open, pickedOf(to));
  } else {
    stage_.breakShadow(promise.open.shadow);
    does_.vat.resolve(promise.open.promise, std::make_shared<fuzz::Broken>("null"));
  }
  stage_.stepAll();
}

void Actor::breakPromise(Promised& promise) {
  std::erase_if(open_, [&](const auto& open) { return open.promise == promise.open.promise; });
  does_.breakPromise(promise.open);
  stage_.stepAll();
}

Ref Actor::twin(const Ref& ref) {
  return keep(does_.reference(pickedOf(ref)));
}

void Actor::release(const Ref& ref) {
  ref->cap = nullptr;
  stage_.stepAll();
}

Call Actor::call(const Ref& target, const std::vector<Ref>& arguments) {
  Call made = keep(does_.call(*target, pickedOf(arguments)));
  stage_.stepAll();
  return made;
}

Ref Actor::field(const Call& call, size_t slot) {
  return keep(does_.reference(does_.field(*call, slot)));
}

void Actor::finish(const Call& call) {
  does_.finish(*call);
  call->result = nullptr;
  stage_.stepAll();
}

Came Actor::next() {
  if (inbox_.empty()) {
    stage_.fail("no call has come to " + name());
    // Something to go on with.
    Came none = std::make_shared<Incoming>();
    none->answered = true;
    none->arguments.assign(fuzz::kMaxArguments, object());
    return none;
  }
  Came came = inbox_.front();
  inbox_.pop_front();
  return came;
}

void Actor::answer(const Came& came, const std::vector<Ref>& results) {
  if (std::exchange(came->answered, true)) return;
  fuzz::Results all;
  for (size_t slot = 0; slot < results.size(); ++slot) {
    does_.give(all, came->call.call, slot, pickedOf(results[slot]));
  }
  does_.answer(came->call, std::move(all));
  stage_.stepAll();
}

void Actor::refuse(const Came& came) {
  if (std::exchange(came->answered, true)) return;
  does_.refuse(came->call);
  stage_.stepAll();
}

void Actor::redirect(const Came& came, const Call& call) {
  if (std::exchange(came->answered, true)) return;
  if (!does_.redirect(came->call, *call)) stage_.fail("the scenario makes a circle");
  stage_.stepAll();
}

void Actor::tail(const Came& came, const Ref& target, const std::vector<Ref>& arguments) {
  if (std::exchange(came->answered, true)) return;
  does_.tail(came->call, *target, pickedOf(arguments));
  stage_.stepAll();
}

void Actor::step(bool resting) {
  for (fuzz::RefVat::Incoming& incoming : does_.vat.inbox) {
    Came came = std::make_shared<Incoming>();
    came_.push_back(came);
    for (size_t i = 0; i < incoming.arguments.size(); ++i) {
      fuzz::Cap cap = incoming.arguments[i];
      came->arguments.push_back(cap ? keep(does_.reference({cap, incoming.shadows[i]})) : nullptr);
    }
    incoming.arguments.clear();
    came->call = std::move(incoming);
    stage_.arrived(came->call.call);
    inbox_.push_back(came);
  }
  does_.vat.inbox.clear();
  stage_.net_.post(does_.vat, does_.vat.flush(resting));
}

bool Actor::settle() {
  bool busy = !open_.empty();
  for (const Application::Open& open : std::exchange(open_, {})) does_.breakPromise(open);
  inbox_.clear();
  for (const Came& came : came_) {
    if (std::exchange(came->answered, true)) continue;
    busy = true;
    does_.answer(came->call, {});
  }
  return busy;
}

void Actor::dropAll() {
  for (const Ref& ref : std::exchange(refs_, {})) ref->cap = nullptr;
  for (const Came& came : std::exchange(came_, {})) came->call.result = nullptr;
  for (const Call& call : std::exchange(calls_, {})) {
    if (!call->result) continue;
    fuzz::RefVat::unwatch(*call->result);
    call->result = nullptr;
  }
}

}  // namespace vatmesh::scenarios
