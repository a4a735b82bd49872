// SPDX-License-Identifier: Apache-2.0
//
// What tests of back-pressure share: a vat whose peers ask an application for large things.
#pragma once

#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {

inline constexpr uint64_t kKiB = 1024;
inline constexpr size_t kWords = 2048;  // the content of a large message
inline constexpr uint64_t kLarge = kWords * 8;

inline Limits limitsOf(uint64_t soft, uint64_t hard) {
  Limits limits;
  limits.queue_soft = soft;
  limits.queue_hard = hard;
  return limits;
}

// Two peers, a and c, that use an application. The application hosts import 0 of both. Nobody has
// anything left to read.
class FlowOf : public testing::Test {
 protected:
  explicit FlowOf(const VatLimits& vat_limits = {}) : h({}, vat_limits) {}

  void connect(const Limits& peers, const Limits& application) {
    a = &h.add(LinkKind::kPeer, peers);
    c = &h.add(LinkKind::kClient, peers);
    app = &h.add(LinkKind::kApp, application);
    h.connect(*a, *app);
    c->bootstrap(0);
    h.complete(*app);
    app->returnCaps(app->next().id, {senderHosted(0)});
    c->finish(0);
    for (Peer* peer : {a, c, app}) {
      peer->rest();
      h.flush(*peer);
    }
  }
  void largeCall(Peer& from, uint32_t question, const wire::OutTarget& target) {
    wire::OutCall call;
    call.question_id = question;
    call.target = target;
    from.send(Draft(wire::buildCall(h.frames(), call, {})).content(kWords).take());
  }
  void largeCall(Peer& from, uint32_t question) { largeCall(from, question, importedCap(0)); }
  void largeReturn(Peer& from, uint32_t answer) {
    from.send(
        Draft(wire::buildReturnResults(h.frames(), {answer, false}, {})).content(kWords).take());
  }
  uint64_t held() { return h.vat().tableSizes().held_bytes; }
  uint64_t actions(OverloadAction action) {
    return h.vat().counters().overload_actions[static_cast<size_t>(action)];
  }

  Harness h;
  Peer* a = nullptr;
  Peer* c = nullptr;
  Peer* app = nullptr;
};

}  // namespace vatmesh::captp
