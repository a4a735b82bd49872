// SPDX-License-Identifier: Apache-2.0
//
// Contents that become the root of their message, and messages whose root becomes a content, for
// any segmentation. Made and judged by the stock library.
#include "rpc/wire/root.h"

#include <gtest/gtest.h>

#include "rpc/wire/forward.h"
#include "rpc/wire/image.h"
#include "tests/rpc/wire/judge.h"

namespace vatmesh::wire {
namespace {

using test::Hooks;
using test::Judge;
using test::makeMessage;
using test::Random;
using test::RandomBuilder;
using test::Segments;
using test::segmentsOf;

// A message read by its root.
class Rooted {
 public:
  Rooted(const Segments& segments, const Hooks& hooks)
      : segments_(segments), table_(hooks.table()) {
    for (const auto& segment : segments_) {
      views_.push_back({reinterpret_cast<const capnp::word*>(segment.data()), segment.size()});
    }
    reader_.emplace(kj::arrayPtr(views_.data(), views_.size()));
  }
  capnp::AnyPointer::Reader root() { return table_.imbue(reader_->getRoot<capnp::AnyPointer>()); }

 private:
  Segments segments_;
  std::vector<kj::ArrayPtr<const capnp::word>> views_;
  capnp::ReaderCapabilityTable table_;
  std::optional<capnp::SegmentArrayMessageReader> reader_;
};

class Root : public testing::Test {
 protected:
  static constexpr uint32_t kSpreads[] = {0, 1, 2, 5, 20, 1000};

  BufferPool pool_;
  FramePool frames_;
  Hooks hooks_{64};
};

TEST_F(Root, OfAReceivedMessageBecomesItsContent) {
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    RandomBuilder builder(random, random() % 8, kSpreads[random() % 6]);
    capnp::BuilderCapabilityTable table;
    auto message = table.imbue(builder.getRoot<capnp::AnyPointer>()).initAs<capnp::rpc::Message>();
    size_t used = 0;
    if (random() % 16 != 0) {
      test::fillRandom(message.initCall().initParams().getContent(), random, hooks_, used, 0);
    } else {
      message.initReturn();  // without a payload
    }
    const Segments sent = builder.segments();
    InMessage received = makeMessage(pool_, sent);
    const Envelope envelope = test::decoded(received);
    ASSERT_TRUE(checkContent(received, envelope.payload).ok());
    scrub(received, envelope);
    makeRoot(received, envelope.payload);

    Rooted rooted(segmentsOf(received), hooks_);
    if (envelope.kind == MessageKind::kReturn) {
      EXPECT_TRUE(rooted.root().isNull());
      continue;
    }
    Judge judge(sent, hooks_);
    EXPECT_EQ(test::difference(rooted.root(), judge.content(), hooks_), "");
    // And on again, from its root.
    InMessage copy = copyOf(received, pool_);
    const Payload payload = rootPayload(copy);
    ASSERT_TRUE(checkContent(copy, payload).ok());
    const FrameRef frame = forwardReturn(frames_, std::move(copy), payload, {}, {});
    Judge forwarded(*frame, hooks_);
    EXPECT_EQ(test::difference(forwarded.content(), judge.content(), hooks_), "");
  }
}

TEST_F(Root, OfAMessageMadeElsewhereBecomesTheContent) {
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    RandomBuilder builder(random, random() % 8, kSpreads[random() % 6]);
    capnp::BuilderCapabilityTable table;
    size_t used = 0;
    test::fillRandom(table.imbue(builder.getRoot<capnp::AnyPointer>()), random, hooks_, used, 0);
    const Segments made = builder.segments();
    std::vector<std::span<const uint64_t>> views(made.begin(), made.end());

    InMessage message = messageOf(views, pool_);
    const Payload payload = rootPayload(message);
    ASSERT_TRUE(checkContent(message, payload).ok());
    const FrameRef frame = forwardCall(frames_, std::move(message), payload, {}, {});
    Judge judge(*frame, hooks_);
    Rooted rooted(made, hooks_);
    EXPECT_EQ(test::difference(judge.content(), rooted.root(), hooks_), "");
  }
}

TEST_F(Root, OfNothingIsNull) {
  InMessage none = messageOf({}, pool_);
  EXPECT_EQ(rootPayload(none).content_word, 0u);
  const std::span<const uint64_t> empty;
  EXPECT_EQ(rootPayload(messageOf({&empty, 1}, pool_)).content_word, 0u);
}

TEST_F(Root, OfACapabilityMessageIsTheFirstOfItsTable) {
  const InMessage message = capabilityMessage(pool_);
  EXPECT_EQ(capabilityAt(message, rootPayload(message), {}), 0u);
}

TEST_F(Root, ThatLeadsOutsideIsRefused) {
  const std::vector<uint64_t> words{structWord(5, 1, 0), 0};
  const std::span<const uint64_t> segment(words);
  const InMessage message = messageOf({&segment, 1}, pool_);
  EXPECT_FALSE(checkContent(message, rootPayload(message)).ok());
}

}  // namespace
}  // namespace vatmesh::wire
