// SPDX-License-Identifier: Apache-2.0
//
// Messages that we build, as the stock library and our own decoder read them.
#include "rpc/wire/build.h"

#include <string>

#include <gtest/gtest.h>

#include "rpc/wire/image.h"
#include "rpc/wire/printer.h"
#include "tests/rpc/wire/judge.h"

namespace vatmesh::wire {
namespace {

using test::Hooks;
using test::Judge;

class Build : public testing::Test {
 protected:
  capnp::rpc::Message::Reader read(const FrameRef& frame) {
    EXPECT_EQ(test::bytesOf(*frame), test::frameBytes(test::segmentsOf(*frame)));
    judge_.emplace(*frame, hooks_);
    return judge_->message();
  }

  FramePool frames_;
  Hooks hooks_{8};
  std::optional<Judge> judge_;
};

TEST_F(Build, WritesABootstrapWithItsIdAsText) {
  const auto none = read(buildBootstrap(frames_, 7, "")).getBootstrap();
  EXPECT_EQ(none.getQuestionId(), 7u);
  EXPECT_TRUE(none.getDeprecatedObjectId().isNull());
  const std::string id("\x01\x02\xff seven", 9);
  const auto some = read(buildBootstrap(frames_, 7, id)).getBootstrap();
  const auto text = some.getDeprecatedObjectId().getAs<capnp::Text>();
  EXPECT_EQ(std::string(text.begin(), text.end()), id);
}

TEST_F(Build, WritesFinishAndRelease) {
  for (const bool release : {false, true}) {
    const auto finish = read(buildFinish(frames_, 5, release, true)).getFinish();
    EXPECT_EQ(finish.getQuestionId(), 5u);
    EXPECT_EQ(finish.getReleaseResultCaps(), release);
    BufferPool pool;
    const Envelope ours = test::decoded(toMessage(*buildFinish(frames_, 5, true, release), pool));
    EXPECT_EQ(ours.early_cancellation_workaround, release);
  }
  const auto release = read(buildRelease(frames_, 0xfffffffe, 70000)).getRelease();
  EXPECT_EQ(release.getId(), 0xfffffffe);
  EXPECT_EQ(release.getReferenceCount(), 70000u);
}

TEST_F(Build, WritesResolveForEachDescriptor) {
  const std::vector<uint16_t> path{3, 4};
  const auto hosted =
      read(buildResolve(frames_, 9, {DescriptorKind::kSenderHosted, 4, {}})).getResolve();
  EXPECT_EQ(hosted.getPromiseId(), 9u);
  EXPECT_EQ(hosted.getCap().getSenderHosted(), 4u);
  EXPECT_EQ(hosted.getCap().getAttachedFd(), 0xff);
  const auto answer =
      read(buildResolve(frames_, 9, {DescriptorKind::kReceiverAnswer, 4, path})).getResolve();
  EXPECT_EQ(answer.getCap().getReceiverAnswer().getQuestionId(), 4u);
  EXPECT_EQ(answer.getCap().getReceiverAnswer().getTransform()[1].getGetPointerField(), 4);
  EXPECT_TRUE(read(buildResolve(frames_, 9, {})).getResolve().getCap().isNone());
}

TEST_F(Build, WritesExceptionsWithTypeAndReason) {
  const auto returned =
      read(buildReturnException(frames_, 6, 1, "too much", "at home")).getReturn();
  EXPECT_EQ(returned.getAnswerId(), 6u);
  EXPECT_FALSE(returned.getReleaseParamCaps());
  EXPECT_EQ(returned.getException().getType(), capnp::rpc::Exception::Type::OVERLOADED);
  EXPECT_EQ(std::string(returned.getException().getReason().cStr()), "too much");
  const auto broken = read(buildResolveException(frames_, 6, 2, "gone")).getResolve();
  EXPECT_EQ(std::string(broken.getException().getReason().cStr()), "gone");
  const auto abort = read(buildAbort(frames_, 0, "")).getAbort();
  EXPECT_EQ(abort.getReason().size(), 0u);
  const auto bounded = read(buildAbort(frames_, 3, std::string(10000, 'x'))).getAbort();
  EXPECT_EQ(bounded.getReason().size(), kMaxExceptionText);
  EXPECT_EQ(bounded.getType(), capnp::rpc::Exception::Type::UNIMPLEMENTED);
  BufferPool pool;
  const FrameRef frame = buildReturnException(frames_, 6, 1, "too much", "at home");
  EXPECT_EQ(test::decoded(toMessage(*frame, pool)).exception.trace, "at home");
}

TEST_F(Build, WritesDisembargoForEachTarget) {
  const std::vector<uint16_t> path{1};
  const auto sender = read(buildDisembargo(frames_, DisembargoKind::kSenderLoopback, 12,
                                           {Target::Kind::kImportedCap, 5, {}}))
                          .getDisembargo();
  EXPECT_EQ(sender.getContext().getSenderLoopback(), 12u);
  EXPECT_EQ(sender.getTarget().getImportedCap(), 5u);
  const auto receiver = read(buildDisembargo(frames_, DisembargoKind::kReceiverLoopback, 12,
                                             {Target::Kind::kPromisedAnswer, 5, path}))
                            .getDisembargo();
  EXPECT_EQ(receiver.getContext().getReceiverLoopback(), 12u);
  EXPECT_EQ(receiver.getTarget().getPromisedAnswer().getTransform()[0].getGetPointerField(), 1);
}

TEST_F(Build, WritesEachOtherReturn) {
  EXPECT_TRUE(read(buildReturnCanceled(frames_, 1)).getReturn().isCanceled());
  EXPECT_TRUE(read(buildReturnElsewhere(frames_, 1)).getReturn().isResultsSentElsewhere());
  const auto take = read(buildReturnTakeFrom(frames_, 1, 99)).getReturn();
  EXPECT_EQ(take.getTakeFromOtherQuestion(), 99u);
  EXPECT_FALSE(take.getReleaseParamCaps());
}

TEST_F(Build, WritesResultsWithCapabilities) {
  const FrameRef one = buildReturnCapability(frames_, 3, {DescriptorKind::kSenderPromise, 8, {}});
  const auto ret = read(one).getReturn();
  EXPECT_EQ(ret.getAnswerId(), 3u);
  EXPECT_EQ(ret.getResults().getCapTable()[0].getSenderPromise(), 8u);
  EXPECT_EQ(hooks_.indexOf(ret.getResults().getContent()), 0u);
  EXPECT_EQ(capabilityAt(*one, {}), 0u);

  const OutDescriptor table[] = {{}, {DescriptorKind::kReceiverHosted, 4, {}}};
  const FrameRef two = buildReturnResults(frames_, {3, true}, table);
  const auto results = read(two).getReturn().getResults();
  EXPECT_TRUE(results.getCapTable()[0].isNone());
  EXPECT_EQ(results.getCapTable()[1].getReceiverHosted(), 4u);
  const uint16_t second[] = {1};
  EXPECT_EQ(capabilityAt(*two, second), 1u);
  BufferPool pool;
  EXPECT_TRUE(test::decoded(toMessage(*two, pool)).no_finish_needed);
  const auto empty = read(buildReturnResults(frames_, {3, false}, {})).getReturn();
  EXPECT_TRUE(empty.getResults().getContent().isStruct());
}

TEST_F(Build, WritesACall) {
  const OutDescriptor table[] = {{DescriptorKind::kSenderHosted, 4, {}}};
  const FrameRef frame = buildCall(frames_,
                                   {.question_id = 1,
                                    .target = {Target::Kind::kImportedCap, 2, {}},
                                    .interface_id = 3,
                                    .method_id = 4,
                                    .no_promise_pipelining = true},
                                   table);
  const auto call = read(frame).getCall();
  EXPECT_EQ(call.getQuestionId(), 1u);
  EXPECT_EQ(call.getTarget().getImportedCap(), 2u);
  EXPECT_EQ(call.getInterfaceId(), 3u);
  EXPECT_EQ(call.getMethodId(), 4);
  EXPECT_TRUE(call.getSendResultsTo().isCaller());
  EXPECT_EQ(call.getParams().getCapTable()[0].getSenderHosted(), 4u);
  BufferPool pool;
  EXPECT_TRUE(test::decoded(toMessage(*frame, pool)).no_promise_pipelining);
}

TEST_F(Build, EchoesAMessageOfAnySegmentation) {
  BufferPool buffers;
  for (uint32_t seed = 0; seed < 200; ++seed) {
    test::Random random(seed);
    test::RandomBuilder builder(random, 1, seed % 20);
    auto call = builder.initRoot<capnp::rpc::Message>().initCall();
    call.setQuestionId(77);
    call.initTarget().initPromisedAnswer().initTransform(2)[1].setGetPointerField(5);
    call.initParams().getContent().setAs<capnp::Text>("something to say");
    const FrameRef frame =
        buildUnimplemented(frames_, test::makeMessage(buffers, builder.segments()));
    const auto inner = read(frame).getUnimplemented().getCall();
    EXPECT_EQ(inner.getQuestionId(), 77u);
    EXPECT_EQ(inner.getTarget().getPromisedAnswer().getTransform()[1].getGetPointerField(), 5);
    EXPECT_EQ(inner.getParams().getContent().getAs<capnp::Text>(), "something to say");
  }
  const FrameRef empty =
      buildUnimplemented(frames_, test::makeMessage(buffers, {{structWord(-1, 0, 0)}}));
  EXPECT_TRUE(read(empty).hasUnimplemented());
  const FrameRef broken =
      buildUnimplemented(frames_, test::makeMessage(buffers, {{structWord(5, 1, 0)}}));
  EXPECT_FALSE(read(broken).hasUnimplemented());
}

}  // namespace
}  // namespace vatmesh::wire
