// SPDX-License-Identifier: Apache-2.0
//
// Changed and shortened messages, a fixed number of them from a fixed seed: whatever comes, nothing
// is read outside (the sanitizer watches), and what goes on has our envelope and no other.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "rpc/wire/frame_reader.h"
#include "tests/rpc/wire/passing.h"

namespace vatmesh::wire {
namespace {

using test::Hooks;
using test::Judge;
using test::Random;
using test::Segments;
using test::segmentsOf;

Segments randomMessage(Random& random) {
  const Hooks hooks(6);
  test::RandomBuilder builder(random, 1 + random() % 3 * 30, random() % 20);
  capnp::BuilderCapabilityTable table;
  auto root = table.imbue(builder.getRoot<capnp::AnyPointer>()).initAs<capnp::rpc::Message>();
  size_t used = 0;
  const auto fill = [&](capnp::rpc::Payload::Builder payload) {
    test::fillRandom(payload.getContent(), random, hooks, used, 0);
    auto entries = payload.initCapTable(random() % 6);
    for (uint32_t i = 0; i < entries.size(); ++i) {
      if (i % 2 == 0) {
        entries[i].setSenderHosted(i);
      } else {
        entries[i].initReceiverAnswer().initTransform(2)[1].setGetPointerField(1);
      }
    }
  };
  if (random() % 2) {
    auto call = root.initCall();
    call.initTarget().initPromisedAnswer().initTransform(2)[0].setGetPointerField(3);
    fill(call.initParams());
  } else {
    fill(root.initReturn().initResults());
  }
  return builder.segments();
}

// Messages whose envelope is all that matters.
Segments randomControl(Random& random) {
  FramePool frames;
  const uint16_t path[] = {1, 2};
  const OutDescriptor out{DescriptorKind::kReceiverAnswer, 1, path};
  switch (random() % 6) {
    case 0:
      return segmentsOf(*buildBootstrap(frames, 1, "an id"));
    case 1:
      return segmentsOf(*buildResolve(frames, 1, out));
    case 2:
      return segmentsOf(*buildResolveException(frames, 1, 2, "why it broke", "where"));
    case 3:
      return segmentsOf(*buildDisembargo(frames, DisembargoKind::kSenderLoopback, 1,
                                         {Target::Kind::kPromisedAnswer, 1, path}));
    case 4:
      return segmentsOf(*buildReturnException(frames, 1, 0, "a reason", "a trace"));
    default: {
      BufferPool buffers;
      return segmentsOf(
          *buildUnimplemented(frames, toMessage(*buildResolve(frames, 1, out), buffers)));
    }
  }
}

uint64_t interestingWord(Random& random, uint64_t old) {
  const auto place = static_cast<uint32_t>(random() % 40);
  const uint32_t segment = random() % 3;
  switch (random() % 8) {
    case 0:
      return old ^ uint64_t { 1 } << random() % 64;
    case 1:
      return structWord(static_cast<int>(random() % 40) - 20, random() % 4, random() % 4);
    case 2:
      return listWord(static_cast<int>(random() % 40) - 20, random() % 8, random() % 40);
    case 3:
      return farWord({segment, place}) | (random() % 2) << 2;
    case 4:
      return capabilityWord(random() % 8);
    case 5:
      return withOffset(old, static_cast<int>(random() % 200) - 100);
    case 6:
      return ~uint64_t{0} >> random() % 64;
    default:
      return 0;
  }
}

void mutate(Segments& segments, Random& random) {
  for (uint32_t changes = 1 + random() % 4; changes != 0; --changes) {
    auto& segment = segments[random() % segments.size()];
    if (segment.empty()) continue;
    switch (random() % 10) {
      case 0:
        segment.resize(random() % segment.size());
        break;
      case 1:
        segment.insert(segment.end(), random() % 20, random());
        break;
      case 2: {
        const auto& from = segments[random() % segments.size()];
        if (!from.empty()) segment[random() % segment.size()] = from[random() % from.size()];
        break;
      }
      default: {
        // Mostly near the begin, where the envelope is.
        const size_t span = random() % 2 ? segment.size() : std::min<size_t>(segment.size(), 24);
        uint64_t& word = segment[random() % span];
        word = interestingWord(random, word);
      }
    }
  }
}

class Mutation : public testing::Test {
 protected:
  void check(const Segments& segments, bool judged, Random& random) {
    Envelope envelope;
    InMessage message = test::makeMessage(buffers_, segments);
    const std::string before = describe(message);
    EXPECT_FALSE(before.empty());
    const FrameRef frame = test::passOn(std::move(message), frames_, envelope,
                                        random() % 4 == 0 ? &buffers_ : nullptr);
    if (!frame) return;
    ++passed_;
    ASSERT_EQ(describe(*frame), test::expectedLine(envelope)) << before;
    std::vector<uint16_t> path(random() % 4);
    for (auto& step : path) step = random() % 4;
    const auto index = capabilityAt(*frame, path);
    if (judged) judge(*frame, envelope.descriptors.size(), path, index);
  }

  void judge(const Frame& frame, size_t table_size, const std::vector<uint16_t>& path,
             std::optional<uint32_t> index) {
    const Hooks hooks(table_size);
    Judge judge(frame, hooks);
    ASSERT_EQ(judge.payload().getCapTable().size(), table_size);
    test::Explorer(hooks).explore(judge.content());
    std::optional<uint32_t> judged;
    const auto failed = kj::runCatchingExceptions(
        [&] { judged = test::judgedCapability(judge.content(), path, hooks); });
    if (index && *index >= table_size) index = std::nullopt;
    if (failed == nullptr) {
      EXPECT_EQ(index, judged);
      if (judged) ++found_;
    } else {
      EXPECT_EQ(index, std::nullopt);
    }
  }

  BufferPool buffers_;
  FramePool frames_;
  int passed_ = 0;
  int found_ = 0;
};

TEST_F(Mutation, NeverReadsOutsideAndNeverLetsAnotherEnvelopeThrough) {
  for (uint32_t seed = 0; seed < 1500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const Segments original = randomMessage(random);
    for (int i = 0; i < 30; ++i) {
      Segments segments = original;
      mutate(segments, random);
      check(segments, i % 10 == 0, random);
      if (HasFailure()) return;
    }
  }
  EXPECT_GE(passed_, 10000);
  EXPECT_GE(found_, 40);
}

TEST_F(Mutation, DecodesControlMessagesOfAnyKind) {
  int readable = 0;
  for (uint32_t seed = 0; seed < 20000; ++seed) {
    Random random(seed);
    Segments segments = randomControl(random);
    mutate(segments, random);
    const InMessage message = test::makeMessage(buffers_, segments);
    Envelope envelope;
    if (!decode(message, {}, envelope).ok()) continue;
    ++readable;
    EXPECT_LE(envelope.exception.reason.size(), kMaxExceptionText);
    EXPECT_FALSE(describe(envelope).empty());
  }
  EXPECT_GE(readable, 10000);
  EXPECT_LE(readable, 19900);
}

TEST_F(Mutation, SurvivesMessagesCutAtEveryWord) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    Random random(seed);
    const Segments original = randomMessage(random);
    for (size_t segment = 0; segment < original.size(); ++segment) {
      for (size_t words = 0; words < original[segment].size(); ++words) {
        Segments cut = original;
        cut[segment].resize(words);
        check(cut, true, random);
        if (HasFailure()) return;
      }
    }
    for (size_t count = 1; count < original.size(); ++count) {
      check(Segments(original.begin(), original.begin() + static_cast<long>(count)), true, random);
    }
  }
}

TEST_F(Mutation, WaitsForTheRestOfAFrameCutAtEveryByte) {
  Random random(7);
  for (int i = 0; i < 10; ++i) {
    const auto bytes = test::frameBytes(randomMessage(random));
    for (size_t size = 0; size < bytes.size(); ++size) {
      FrameReader reader(buffers_, {});
      const auto room = reader.prepare();
      std::copy_n(bytes.begin(), size, room.begin());
      reader.commit(size);
      auto next = reader.next();
      ASSERT_TRUE(next.ok());
      ASSERT_FALSE(next->has_value());
      ASSERT_EQ(reader.pendingBytes(), size);
    }
  }
}

TEST_F(Mutation, ReadsAnyBytesAsFramesOrRefusesThem) {
  Random random(8);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    auto bytes = test::frameBytes(randomMessage(random));
    for (int changes = 0; changes < 2; ++changes) {
      bytes[random() % std::min<size_t>(bytes.size(), 16)] = static_cast<uint8_t>(random());
    }
    FrameReader reader(buffers_, {.max_bytes = 1u << 20, .max_segments = 64});
    const auto room = reader.prepare();
    const size_t size = std::min(room.size(), bytes.size());
    std::copy_n(bytes.begin(), size, room.begin());
    reader.commit(size);
    for (;;) {
      auto next = reader.next();
      if (!next.ok()) ++refused;
      if (!next.ok() || !*next) break;
      EXPECT_FALSE(describe(**next).empty());
    }
  }
  EXPECT_GE(refused, 100);
}

}  // namespace
}  // namespace vatmesh::wire
