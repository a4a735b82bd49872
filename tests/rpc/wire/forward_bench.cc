// SPDX-License-Identifier: Apache-2.0
//
// CPU time of reading, decoding and passing on one small message, in nanoseconds. A program to run
// by hand from a release build: wire_bench.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <vector>

#include "rpc/wire/build.h"
#include "rpc/wire/forward.h"
#include "rpc/wire/frame_reader.h"
#include "tests/rpc/wire/messages.h"

namespace vatmesh::wire {
namespace {

constexpr size_t kBatch = 100;
constexpr int kRounds = 5000;

double cpuNanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

class Bench {
 public:
  explicit Bench(const std::vector<uint8_t>& frame) {
    for (size_t i = 0; i < kBatch; ++i) stream_.insert(stream_.end(), frame.begin(), frame.end());
  }

  void run(const char* name) {
    for (int i = 0; i < kRounds; ++i) round();
    const double scale = 1.0 / (kRounds * static_cast<double>(kBatch));
    std::printf("%-24s read %5.1f  decode %5.1f  decode and forward %5.1f ns\n", name,
                read_ * scale, decode_ * scale, forward_ * scale);
  }

 private:
  void round() {
    const auto room = reader_.prepare();
    std::memcpy(room.data(), stream_.data(), stream_.size());
    const double begin = cpuNanoseconds();
    reader_.commit(stream_.size());
    for (auto next = reader_.next(); next.ok() && *next; next = reader_.next()) {
      messages_.push_back(std::move(**next));
    }
    const double was_read = cpuNanoseconds();
    for (const InMessage& message : messages_) VATMESH_CHECK(decode(message, {}, envelope_).ok());
    const double was_decoded = cpuNanoseconds();
    for (InMessage& message : messages_) forward(std::move(message));
    forward_ += cpuNanoseconds() - was_decoded;
    decode_ += was_decoded - was_read;
    read_ += was_read - begin;
    messages_.clear();
    sent_.clear();
  }

  void forward(InMessage&& message) {
    VATMESH_CHECK(decode(message, {}, envelope_).ok());
    table_.clear();
    for (const Descriptor& entry : envelope_.descriptors)
      table_.push_back({entry.kind, entry.id, {}});
    VATMESH_CHECK(checkContent(message, envelope_.payload).ok());
    VATMESH_CHECK(checkSize(message, table_.size(), 1, 0, {}).ok());
    scrub(message, envelope_);
    if (envelope_.kind == MessageKind::kCall) {
      OutCall call;
      call.target.kind = envelope_.target.kind;
      sent_.push_back(forwardCall(frames_, std::move(message), envelope_.payload, call, table_));
    } else {
      sent_.push_back(forwardReturn(frames_, std::move(message), envelope_.payload, {}, table_));
    }
  }

  BufferPool buffers_;
  FramePool frames_;
  FrameReader reader_{buffers_, {}};
  Envelope envelope_;
  std::vector<uint8_t> stream_;
  std::vector<InMessage> messages_;
  std::vector<OutDescriptor> table_;
  std::vector<FrameRef> sent_;
  double read_ = 0;
  double decode_ = 0;
  double forward_ = 0;
};

}  // namespace
}  // namespace vatmesh::wire

int main() {
  using namespace vatmesh::wire;
  FramePool frames;
  OutCall call;
  call.target.kind = Target::Kind::kPromisedAnswer;
  const OutDescriptor table[] = {{DescriptorKind::kSenderHosted, 1, {}},
                                 {DescriptorKind::kReceiverHosted, 2, {}}};
  Bench(test::bytesOf(*buildCall(frames, call, {}))).run("Call");
  Bench(test::bytesOf(*buildReturnResults(frames, {}, {table, 1}))).run("Return, 1 capability");
  Bench(test::bytesOf(*buildReturnResults(frames, {}, table))).run("Return, 2 capabilities");
}
