// SPDX-License-Identifier: Apache-2.0
//
// What tests of bounds share: a caller and an application, each with limits of its own.
#pragma once

#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {

// Two links with limits of their own.
class LimitsOf : public testing::Test {
 protected:
  // Connects `a` and the application; the callee's limits are the defaults unless given.
  void connect(const Limits& caller, const Limits& callee = {}, const Profile& profile = {}) {
    a = &h.add(LinkKind::kPeer, caller);
    app = &h.add(LinkKind::kApp, callee, profile);
    h.connect(*a, *app);
  }
  wire::FrameRef callWith(uint32_t question, const std::vector<wire::OutDescriptor>& table) {
    wire::OutCall call;
    call.question_id = question;
    call.target = importedCap(0);
    return wire::buildCall(h.frames(), call, table);
  }

  Harness h;
  Peer* a = nullptr;
  Peer* app = nullptr;
};

inline std::vector<wire::OutDescriptor> hosted(uint32_t first, uint32_t count) {
  std::vector<wire::OutDescriptor> table;
  for (uint32_t i = 0; i < count; ++i) table.push_back(senderHosted(first + i));
  return table;
}

}  // namespace vatmesh::captp
