// SPDX-License-Identifier: Apache-2.0
//
// TestObject is a local object whose calls wait until the test answers them, and contents for it.
//
//   auto calls = std::make_shared<TestObject::Inbox>();
//   Capability object = TestObject::add(h, calls);
//   ...
//   TestObject::Call call = calls->next();
//   call.responder.answer(contentOf(h));
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "rpc/wire/image.h"
#include "rpc/wire/root.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {

class TestObject final : public vat::LocalObject {
 public:
  struct Call {
    uint64_t interface_id;
    uint16_t method_id;
    Content params;
    vat::Responder responder;
  };
  struct Inbox {
    std::deque<Call> calls;
    bool destroyed = false;

    // The oldest call that was not looked at.
    Call next() {
      VATMESH_CHECK(!calls.empty());
      Call call = std::move(calls.front());
      calls.pop_front();
      return call;
    }
  };

  static Capability add(Harness& h, std::shared_ptr<Inbox> inbox) {
    return h.objects().add(std::make_unique<TestObject>(std::move(inbox)));
  }

  explicit TestObject(std::shared_ptr<Inbox> inbox) : inbox_(std::move(inbox)) {}
  ~TestObject() override { inbox_->destroyed = true; }
  void call(vat::CallView call, vat::Responder responder) override {
    inbox_->calls.push_back(
        {call.interface_id, call.method_id, std::move(call.params), std::move(responder)});
  }

 private:
  std::shared_ptr<Inbox> inbox_;
};

// A struct with one capability pointer per capability, in order.
template <typename... Capabilities>
Content contentOf(Harness& h, Capabilities... capabilities) {
  Content content;
  (content.capabilities.push_back(std::move(capabilities)), ...);
  const uint64_t count = content.capabilities.size();
  std::vector<uint64_t> words{count == 0 ? 0xfffffffc : count << 48};
  for (uint64_t i = 0; i < count; ++i) words.push_back(3 | i << 32);
  const std::span<const uint64_t> segment(words);
  content.message = wire::messageOf({&segment, 1}, h.buffers());
  return content;
}

// The capability at `path` of a content, taken out of it; null when there is none.
inline Capability take(Content& content, const std::vector<uint16_t>& path) {
  auto index = wire::capabilityAt(content.message, wire::rootPayload(content.message), path);
  if (!index || *index >= content.capabilities.size()) return {};
  return std::move(content.capabilities[*index]);
}

}  // namespace vatmesh::captp
