// SPDX-License-Identifier: Apache-2.0
//
// Gates in front of what Bootstraps find: swapped, and cut.
#include "tests/fuzz/world.h"

namespace vatmesh::fuzz {

void World::completeGated(Proxy& proxy, const captp::Start& start, End& there) {
  const std::string& id = start.restore.object_id;
  net_.input(proxy, [&](captp::Effects& effects) {
    captp::ObjectId gate = proxy.vat.completeGated(start.op, {there.id, id}, effects);
    gates_.push_back({&proxy, gate, there.id, id, net_.other(there).app != nullptr});
  });
}

// What is called later fails: an excuse for failures, none for order.
void World::cutGate(const Action& action) {
  if (gates_.empty()) return;
  Gate& gate = gates_[action.b % gates_.size()];
  say(gate.proxy->name + " cuts gate " + std::to_string(gate.id.value));
  shadows_.lossy = true;
  net_.input(*gate.proxy, [&](captp::Effects& effects) {
    gate.proxy->vat.cut(gate.id, Status(Code::kRefused, "cut"), effects);
  });
}

// A second Bootstrap of the same application, on the same wire: the order must stay.
void World::swapGate(const Action& action) {
  if (gates_.empty()) return;
  Gate& gate = gates_[action.b % gates_.size()];
  vat::Vat& vat = gate.proxy->vat;
  if (!gate.at_app || !vat.has(gate.link) || !vat.reference(gate.id)) return;
  say(gate.proxy->name + " asks anew for what is behind gate " + std::to_string(gate.id.value));
  net_.input(*gate.proxy, [&](captp::Effects& effects) {
    captp::CallId asked = vat.bootstrap(gate.link, gate.object_id, effects);
    {
      captp::Capability there = vat.pipelined(asked, {});
      vat.replace(gate.id, there, effects);
    }
    vat.cancel(asked, effects);
  });
}

}  // namespace vatmesh::fuzz
