// SPDX-License-Identifier: Apache-2.0
//
// Application is what uses a RefVat: it holds references, makes calls and answers those that come.
// Whatever it does is done in the shadow world too, where each call has a shadow of its own, so
// that what arrives anywhere is known to be right or wrong. Who decides what to do: the fuzzer's
// World, or a scenario.
#pragma once

#include <string>
#include <vector>

#include "tests/fuzz/ref_vat.h"

namespace vatmesh::fuzz {

class Application {
 public:
  // A capability, and what it really is.
  struct Picked {
    Cap cap;  // empty: null
    Shadow shadow = 0;
  };
  // What is called on. The calls of one reference arrive in order.
  struct Reference {
    uint32_t id;
    Cap cap;
    Shadow shadow;
    uint32_t sequence = 0;
  };
  struct Asked {
    uint32_t call;
    std::shared_ptr<Struct> result;
  };
  struct Open {
    std::shared_ptr<Promise> promise;
    Shadow shadow;
  };

  Application(std::string name, ShadowWorld& shadows, Habits habits)
      : vat(std::move(name), shadows, habits), shadows_(shadows) {}

  const std::string& name() const { return vat.name(); }

  // --- capabilities
  Reference reference(const Picked& picked) {
    return {shadows_.newReference(), picked.cap, picked.shadow};
  }
  Picked newObject();
  Open newPromise() {
    return {std::make_shared<Promise>(), shadows_.add(ShadowWorld::State::kPromise)};
  }
  // The capability in `slot` of what a call returns, now or later.
  Picked field(const Asked& asked, size_t slot);
  void resolve(const Open& open, const Picked& to);
  void breakPromise(const Open& open);

  // --- calls
  Asked bootstrap();
  Asked call(Reference& reference, const std::vector<Picked>& arguments);
  // Nobody wants these results any more.
  void finish(const Asked& asked);

  // --- calls that came
  // `picked` will stand in `slot` of the results, or null when it is empty.
  void give(Results& results, uint32_t call, size_t slot, const Picked& picked);
  // Answers with what was given.
  void answer(const RefVat::Incoming& incoming, Results results);
  void refuse(const RefVat::Incoming& incoming);
  // The results of `asked` are those of `incoming`. False when that makes a circle.
  bool redirect(const RefVat::Incoming& incoming, const Asked& asked);
  // Answers with a call that is made for it. Its number.
  uint32_t tail(const RefVat::Incoming& incoming, Reference& reference,
                const std::vector<Picked>& arguments);

  RefVat vat;

 private:
  CallContent newCall(Reference& reference, const std::vector<Picked>& arguments);
  void becomesResultOf(uint32_t call, uint32_t other);

  ShadowWorld& shadows_;
};

}  // namespace vatmesh::fuzz
