// SPDX-License-Identifier: Apache-2.0
//
// A forwarded message costs no heap allocation once pools and vectors are warm.
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include <gtest/gtest.h>

#include "rpc/wire/build.h"
#include "rpc/wire/forward.h"
#include "rpc/wire/frame_reader.h"
#include "tests/rpc/wire/messages.h"

namespace {
uint64_t allocations = 0;
}  // namespace

// Every allocation of this program is counted. Not inlined, so that the compiler sees new and
// delete as the pair they are.
[[gnu::noinline]] void* operator new(size_t bytes) {
  ++allocations;
  void* memory = std::malloc(bytes);
  if (memory == nullptr) std::abort();
  return memory;
}
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return operator new(bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}

namespace vatmesh::wire {
namespace {

// A Call and its Return with capabilities and paths, a Finish, a Release, and a Call of 6 segments.
std::vector<uint8_t> typicalStream() {
  FramePool frames;
  std::vector<uint8_t> stream;
  const auto add = [&stream](const std::vector<uint8_t>& bytes) {
    stream.insert(stream.end(), bytes.begin(), bytes.end());
  };
  static const uint16_t path[] = {3, 4};
  const OutDescriptor table[] = {{DescriptorKind::kSenderHosted, 1, {}},
                                 {DescriptorKind::kReceiverAnswer, 2, path}};
  OutCall call;
  call.target = {Target::Kind::kPromisedAnswer, 1, path};
  add(test::bytesOf(*buildCall(frames, call, table)));
  add(test::bytesOf(*buildReturnResults(frames, {}, table)));
  add(test::bytesOf(*buildFinish(frames, 1, false, true)));
  add(test::bytesOf(*buildRelease(frames, 1, 1)));
  test::Segments many = test::segmentsOf(*buildCall(frames, call, table));
  many.resize(6, {1, 2, 3});
  add(test::frameBytes(many));
  return stream;
}

class Passing {
 public:
  // Reads `stream` and sends everything on; what was sent before is written by then.
  void run(const std::vector<uint8_t>& stream) {
    sent_.clear();
    const auto room = reader_.prepare();
    std::memcpy(room.data(), stream.data(), stream.size());
    reader_.commit(stream.size());
    for (;;) {
      auto next = reader_.next();
      ASSERT_TRUE(next.ok());
      if (!*next) break;
      pass(std::move(**next));
    }
  }
  size_t sent() const { return sent_.size(); }

 private:
  void pass(InMessage message) {
    ASSERT_TRUE(decode(message, EnvelopeLimits{}, envelope_).ok());
    table_.clear();
    size_t steps = 0;
    for (const Descriptor& entry : envelope_.descriptors) {
      table_.push_back({entry.kind, entry.id + 7, envelope_.path(entry.path)});
      steps += entry.path.size;
    }
    if (envelope_.kind == MessageKind::kFinish) {
      sent_.push_back(buildFinish(frames_, envelope_.id, false, true));
    } else if (envelope_.kind == MessageKind::kRelease) {
      sent_.push_back(buildRelease(frames_, envelope_.id, envelope_.count));
    } else {
      ASSERT_TRUE(checkContent(message, envelope_.payload).ok());
      ASSERT_TRUE(checkSize(message, table_.size(), table_.size(), steps, OutLimits{}).ok());
      scrub(message, envelope_);
      if (envelope_.kind == MessageKind::kCall) {
        OutCall call;
        call.target = {envelope_.target.kind, 9, envelope_.path(envelope_.target.path)};
        sent_.push_back(forwardCall(frames_, std::move(message), envelope_.payload, call, table_));
      } else {
        sent_.push_back(forwardReturn(frames_, std::move(message), envelope_.payload, {}, table_));
      }
    }
  }

  BufferPool buffers_;
  FramePool frames_;
  FrameReader reader_{buffers_, {}};
  Envelope envelope_;
  std::vector<OutDescriptor> table_;
  std::vector<FrameRef> sent_;
};

TEST(Forwarding, AllocatesNothingOnceWarm) {
  const std::vector<uint8_t> stream = typicalStream();
  Passing passing;
  for (int i = 0; i < 300; ++i) passing.run(stream);
  EXPECT_EQ(passing.sent(), 5u);
  const uint64_t before = allocations;
  for (int i = 0; i < 10000; ++i) passing.run(stream);
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_GT(before, 0u) << "allocations are counted";
}

TEST(Retaining, AllocatesNothingOnceWarm) {
  const std::vector<uint8_t> stream = typicalStream();
  BufferPool buffers;
  FrameReader reader(buffers, {});
  InMessage kept;
  uint64_t before = 0;
  for (int i = 0; i < 2000; ++i) {
    if (i == 1000) before = allocations;
    const auto room = reader.prepare();
    std::memcpy(room.data(), stream.data(), stream.size());
    reader.commit(stream.size());
    for (;;) {
      auto next = reader.next();
      if (!next.ok() || !*next) break;
      kept = std::move(**next);
      kept.compact(buffers);
    }
  }
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_LE(kept.pinnedBytes(), 4096u);
}

}  // namespace
}  // namespace vatmesh::wire
