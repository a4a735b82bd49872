// SPDX-License-Identifier: Apache-2.0
//
// Actor is one application of a scenario. All it does is done at once; what its vat sends waits in
// the net until it is delivered. Whatever is wrong (a call at the wrong object, out of order,
// twice; another outcome than was given) fails the test by itself, see fuzz/shadow.h.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/fuzz/application.h"

namespace vatmesh::scenarios {

class Stage;

// What an actor holds until Actor::release, or the end; null: the null capability.
using Ref = std::shared_ptr<fuzz::Application::Reference>;
// A call that was made; its results are held until Actor::finish, or the end.
using Call = std::shared_ptr<fuzz::Application::Asked>;

// A promise of an actor, to be resolved or broken once.
struct Promised {
  fuzz::Application::Open open;
  Ref ref;
};

// A call that came, to be answered once.
struct Incoming {
  fuzz::RefVat::Incoming call;
  std::vector<Ref> arguments;
  bool answered = false;
};
using Came = std::shared_ptr<Incoming>;

class Actor {
 public:
  Actor(Stage& stage, std::string name, fuzz::ShadowWorld& shadows, fuzz::Habits habits)
      : stage_(stage), does_(std::move(name), shadows, habits) {}

  const std::string& name() const { return does_.name(); }
  fuzz::RefVat& vat() { return does_.vat; }

  // --- capabilities
  // The bootstrap of `other`, at once.
  Ref bootstrap(Actor& other);
  Ref object();
  Promised promise();
  void resolve(Promised& promise, const Ref& to);
  void breakPromise(Promised& promise);
  // Another reference to the same; the order of calls is that of each alone.
  Ref twin(const Ref& ref);
  void release(const Ref& ref);

  // --- calls
  Call call(const Ref& target, const std::vector<Ref>& arguments = {});
  // The capability in field `slot` of what `call` returns, now or later.
  Ref field(const Call& call, size_t slot = 0);
  // Nobody wants the results any more; cancels what has not returned.
  void finish(const Call& call);

  // --- calls that came
  // The oldest that is not answered; a test failure when there is none.
  Came next();
  bool hasNext() const { return !inbox_.empty(); }
  void answer(const Came& came, const std::vector<Ref>& results = {});
  void refuse(const Came& came);
  // Answers with the results of `call`, or with a call that is made for it.
  void redirect(const Came& came, const Call& call);
  void tail(const Came& came, const Ref& target, const std::vector<Ref>& arguments = {});

 private:
  friend class Stage;
  Ref keep(fuzz::Application::Reference reference);
  Call keep(fuzz::Application::Asked asked);
  // Takes over what came, sends what was written.
  void step(bool resting);
  // Answers all that came and breaks all promises. True when there was any.
  bool settle();
  void dropAll();

  Stage& stage_;
  fuzz::Application does_;
  std::deque<Came> inbox_;
  std::vector<fuzz::Application::Open> open_;
  // All that was handed out, to be let go at the end.
  std::vector<Ref> refs_;
  std::vector<Call> calls_;
  std::vector<Came> came_;
};

}  // namespace vatmesh::scenarios
