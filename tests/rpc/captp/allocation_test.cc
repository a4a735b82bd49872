// SPDX-License-Identifier: Apache-2.0
//
// A forwarded call costs no heap allocation once tables and pools are warm. This program counts
// them by replacing operator new.
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "tests/rpc/captp/harness.h"

namespace {
size_t g_allocations = 0;
}

[[gnu::noinline]] void* operator new(size_t bytes) {
  ++g_allocations;
  if (void* memory = std::malloc(bytes)) return memory;
  std::abort();
}
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  ++g_allocations;
  return std::malloc(bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace vatmesh::captp {
namespace {

// Drives a vat without the Harness, whose inboxes allocate.
class CountedVat {
 public:
  // `gated`: with a gate in front of the application.
  explicit CountedVat(bool gated = false) {
    effects_.reserve(64);
    client_ = vat_.addLink({LinkKind::kClient, "", {}, {}});
    app_ = vat_.addLink({LinkKind::kApp, "", {}, {}});
    input(client_, wire::buildBootstrap(frames(), 0, ""));
    if (gated) {
      vat_.completeGated(OpId{1}, {app_, ""}, effects_);
    } else {
      vat_.complete(OpId{1}, vat::BootstrapOf{app_, ""}, effects_);
    }
    input(app_, wire::buildReturnCapability(frames(), 0, senderHosted(0)));
  }

  wire::FramePool& frames() { return vat_.framePool(); }

  // One turn; gives the allocations that it made.
  size_t input(LinkId link, const wire::FrameRef& frame) {
    wire::InMessage message = wire::toMessage(*frame, buffers_);
    size_t before = g_allocations;
    vat_.onMessage(link, std::move(message), effects_);
    size_t made = g_allocations - before;
    for (const Effect& effect : effects_) {
      if (auto* send = std::get_if<Send>(&effect)) {
        vat_.onFlushed(send->link, send->frame->sizeBytes(), effects_);
      }
    }
    effects_.clear();
    return made;
  }

  // Call, Return and Finish of question 1.
  size_t call(const wire::OutTarget& target, uint32_t question_below) {
    wire::OutCall call;
    call.question_id = 1;
    call.target = target;
    size_t made = input(client_, wire::buildCall(frames(), call, {}));
    made += input(app_, wire::buildReturnResults(frames(), {question_below, false}, {}));
    return made + input(client_, wire::buildFinish(frames(), 1, false, true));
  }

 private:
  wire::BufferPool buffers_;
  vat::Vat vat_;
  Effects effects_;
  LinkId client_;
  LinkId app_;
};

TEST(ForwardedCall, AllocatesNothingOnceWarm) {
  CountedVat vat;
  for (int i = 0; i < 100; ++i) vat.call(importedCap(0), 1);
  size_t made = 0;
  for (int i = 0; i < 1000; ++i) made += vat.call(importedCap(0), 1);
  EXPECT_EQ(made, 0u);
}

// Some clients address every call to the answer of their Bootstrap (captp-engine 1.11).
TEST(ForwardedCall, AllocatesNothingOnTheBootstrapsAnswer) {
  CountedVat vat;
  for (int i = 0; i < 100; ++i) vat.call(promisedAnswer(0, {}), 1);
  size_t made = 0;
  for (int i = 0; i < 1000; ++i) made += vat.call(promisedAnswer(0, {}), 1);
  EXPECT_EQ(made, 0u);
}

TEST(ForwardedCall, AllocatesNothingThroughAGate) {
  CountedVat vat(true);  // the question of the Bootstrap is finished by now
  for (int i = 0; i < 100; ++i) vat.call(importedCap(0), 0);
  size_t made = 0;
  for (int i = 0; i < 1000; ++i) made += vat.call(importedCap(0), 0);
  EXPECT_EQ(made, 0u);
}

TEST(AllocationCounter, CountsTheFirstCall) {
  CountedVat vat;
  EXPECT_GT(vat.call(importedCap(0), 1), 0u);
}

}  // namespace
}  // namespace vatmesh::captp
