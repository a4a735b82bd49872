// SPDX-License-Identifier: Apache-2.0
//
// Messages of the stock library, and fields that it doesn't know yet, decoded to plain values.
#include "rpc/wire/envelope.h"

#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "tests/rpc/wire/judge.h"

namespace vatmesh::wire {
namespace {

using test::decoded;
using test::makeMessage;
using test::Segments;

Envelope decodedFrom(const std::function<void(capnp::rpc::Message::Builder)>& fill) {
  test::Random random(1);
  test::RandomBuilder builder(random, 64, 0);
  fill(builder.initRoot<capnp::rpc::Message>());
  BufferPool pool;
  return decoded(makeMessage(pool, builder.segments()));
}

TEST(Decode, ReadsACall) {
  const Envelope call = decodedFrom([](auto message) {
    auto built = message.initCall();
    built.setQuestionId(3);
    built.setInterfaceId(0xd1dcc8128441255e);
    built.setMethodId(9);
    built.getSendResultsTo().setYourself();
    auto answer = built.initTarget().initPromisedAnswer();
    answer.setQuestionId(77);
    auto ops = answer.initTransform(3);
    ops[0].setGetPointerField(5);
    ops[1].setNoop();
    ops[2].setGetPointerField(65535);
    auto table = built.initParams().initCapTable(6);
    table[1].setSenderHosted(11);
    table[2].setSenderPromise(12);
    table[3].setReceiverHosted(13);
    table[4].initReceiverAnswer().setQuestionId(14);
    table[4].getReceiverAnswer().initTransform(1)[0].setGetPointerField(2);
    table[5].initThirdPartyHosted().setVineId(15);
  });
  EXPECT_EQ(call.kind, MessageKind::kCall);
  EXPECT_EQ(call.id, 3u);
  EXPECT_EQ(call.interface_id, 0xd1dcc8128441255e);
  EXPECT_EQ(call.method_id, 9);
  EXPECT_EQ(call.send_results_to, SendResultsTo::kYourself);
  EXPECT_EQ(call.target.kind, Target::Kind::kPromisedAnswer);
  EXPECT_EQ(call.target.id, 77u);
  EXPECT_TRUE(call.target.path.ok);
  const auto path = call.path(call.target.path);
  EXPECT_EQ(std::vector<uint16_t>(path.begin(), path.end()), (std::vector<uint16_t>{5, 65535}));
  ASSERT_EQ(call.descriptors.size(), 6u);
  for (uint32_t i = 0; i < 6; ++i) {
    EXPECT_EQ(static_cast<uint32_t>(call.descriptors[i].kind), i);
    EXPECT_EQ(call.descriptors[i].id, i == 0 ? 0 : 10 + i);
    EXPECT_FALSE(call.descriptors[i].unknown);
  }
  ASSERT_EQ(call.descriptors[4].path.size, 1);
  EXPECT_EQ(call.path(call.descriptors[4].path)[0], 2);
  EXPECT_TRUE(call.payload.present);
  EXPECT_EQ(call.payload.content_word, 0u);
}

TEST(Decode, ReadsEachKindOfReturn) {
  const auto ret = [](const std::function<void(capnp::rpc::Return::Builder)>& fill) {
    return decodedFrom([&](auto message) {
      auto built = message.initReturn();
      built.setAnswerId(8);
      fill(built);
    });
  };
  const Envelope results = ret([](auto built) {
    built.setReleaseParamCaps(false);
    built.initResults().getContent().initAsAnyList(capnp::ElementSize::BYTE, 9);
  });
  EXPECT_EQ(results.kind, MessageKind::kReturn);
  EXPECT_EQ(results.id, 8u);
  EXPECT_EQ(results.return_kind, ReturnKind::kResults);
  EXPECT_FALSE(results.release_param_caps);
  EXPECT_TRUE(results.payload.has_content);
  EXPECT_NE(results.payload.content_word, 0u);

  const Envelope failed = ret([](auto built) {
    built.initException().setReason("why");
    built.getException().setType(capnp::rpc::Exception::Type::DISCONNECTED);
  });
  EXPECT_EQ(failed.return_kind, ReturnKind::kException);
  EXPECT_TRUE(failed.release_param_caps);
  EXPECT_EQ(failed.exception.type, 2);
  EXPECT_EQ(failed.exception.reason, "why");
  EXPECT_FALSE(failed.payload.present);

  EXPECT_EQ(ret([](auto built) { built.setCanceled(); }).return_kind, ReturnKind::kCanceled);
  EXPECT_EQ(ret([](auto built) { built.setResultsSentElsewhere(); }).return_kind,
            ReturnKind::kResultsSentElsewhere);
  const Envelope take = ret([](auto built) { built.setTakeFromOtherQuestion(44); });
  EXPECT_EQ(take.return_kind, ReturnKind::kTakeFromOtherQuestion);
  EXPECT_EQ(take.take_from, 44u);
  EXPECT_EQ(ret([](auto built) { built.initAcceptFromThirdParty(); }).return_kind,
            ReturnKind::kAwaitFromThirdParty);
}

TEST(Decode, ReadsFinishReleaseAndAbort) {
  const Envelope finish = decodedFrom([](auto message) {
    message.initFinish().setQuestionId(5);
    message.getFinish().setReleaseResultCaps(false);
  });
  EXPECT_EQ(finish.kind, MessageKind::kFinish);
  EXPECT_EQ(finish.id, 5u);
  EXPECT_FALSE(finish.release_result_caps);
  EXPECT_TRUE(finish.early_cancellation_workaround);

  const Envelope release = decodedFrom([](auto message) {
    message.initRelease().setId(6);
    message.getRelease().setReferenceCount(70000);
  });
  EXPECT_EQ(release.kind, MessageKind::kRelease);
  EXPECT_EQ(release.id, 6u);
  EXPECT_EQ(release.count, 70000u);

  const Envelope abort = decodedFrom([](auto message) { message.initAbort().setReason("bye"); });
  EXPECT_EQ(abort.kind, MessageKind::kAbort);
  EXPECT_EQ(abort.exception.reason, "bye");
}

TEST(Decode, ReadsResolveAndDisembargo) {
  const Envelope cap = decodedFrom([](auto message) {
    message.initResolve().setPromiseId(21);
    message.getResolve().initCap().initReceiverAnswer().setQuestionId(22);
  });
  EXPECT_EQ(cap.kind, MessageKind::kResolve);
  EXPECT_EQ(cap.id, 21u);
  ASSERT_EQ(cap.descriptors.size(), 1u);
  EXPECT_EQ(cap.descriptors[0].kind, DescriptorKind::kReceiverAnswer);
  EXPECT_EQ(cap.descriptors[0].id, 22u);

  const Envelope broken =
      decodedFrom([](auto message) { message.initResolve().initException().setReason("gone"); });
  EXPECT_TRUE(broken.is_exception);
  EXPECT_TRUE(broken.descriptors.empty());
  EXPECT_EQ(broken.exception.reason, "gone");

  const Envelope sender = decodedFrom([](auto message) {
    auto built = message.initDisembargo();
    built.initTarget().setImportedCap(31);
    built.getContext().setSenderLoopback(32);
  });
  EXPECT_EQ(sender.kind, MessageKind::kDisembargo);
  EXPECT_EQ(sender.disembargo_kind, DisembargoKind::kSenderLoopback);
  EXPECT_EQ(sender.id, 32u);
  EXPECT_EQ(sender.target.id, 31u);

  const Envelope receiver = decodedFrom(
      [](auto message) { message.initDisembargo().getContext().setReceiverLoopback(33); });
  EXPECT_EQ(receiver.disembargo_kind, DisembargoKind::kReceiverLoopback);
  EXPECT_EQ(receiver.id, 33u);
}

TEST(Decode, ReadsAnObjectIdFromTextOrDataAlike) {
  const auto bootstrap = [](const std::function<void(capnp::AnyPointer::Builder)>& fill) {
    return decodedFrom([&](auto message) {
      message.initBootstrap().setQuestionId(4);
      fill(message.getBootstrap().getDeprecatedObjectId());
    });
  };
  const Envelope none = bootstrap([](auto) {});
  EXPECT_EQ(none.kind, MessageKind::kBootstrap);
  EXPECT_EQ(none.id, 4u);
  EXPECT_FALSE(none.has_object_id);
  EXPECT_TRUE(none.object_id_readable);

  const Envelope text = bootstrap([](auto id) { id.template setAs<capnp::Text>("main"); });
  EXPECT_TRUE(text.has_object_id);
  EXPECT_EQ(text.object_id, "main");

  const Envelope data = bootstrap(
      [](auto id) { id.template setAs<capnp::Data>(kj::StringPtr("m\x80in").asBytes()); });
  EXPECT_TRUE(data.object_id_readable);
  EXPECT_EQ(data.object_id, "m\x80in");

  const Envelope empty = bootstrap([](auto id) { id.template setAs<capnp::Text>(""); });
  EXPECT_TRUE(empty.has_object_id);
  EXPECT_EQ(empty.object_id, "");

  const Envelope odd = bootstrap([](auto id) { id.template initAs<capnp::rpc::Finish>(); });
  EXPECT_TRUE(odd.has_object_id);
  EXPECT_FALSE(odd.object_id_readable);

  const Envelope large =
      bootstrap([](auto id) { id.template initAs<capnp::Data>(kMaxObjectId + 1); });
  EXPECT_FALSE(large.object_id_readable);
  EXPECT_TRUE(large.object_id.empty());
}

TEST(Decode, TellsWhatAnUnimplementedIsAbout) {
  const auto echo = [](const std::function<void(capnp::rpc::Message::Builder)>& fill) {
    return decodedFrom([&](auto message) { fill(message.initUnimplemented()); });
  };
  const Envelope call = echo([](auto inner) { inner.initCall().setQuestionId(51); });
  EXPECT_EQ(call.kind, MessageKind::kUnimplemented);
  EXPECT_TRUE(call.inner_readable);
  EXPECT_EQ(call.inner_kind, MessageKind::kCall);
  EXPECT_EQ(call.inner_id, 51u);

  const Envelope resolve = echo([](auto inner) {
    inner.initResolve().setPromiseId(52);
    inner.getResolve().initCap().setSenderHosted(53);
  });
  EXPECT_EQ(resolve.inner_kind, MessageKind::kResolve);
  EXPECT_EQ(resolve.inner_id, 52u);
  EXPECT_TRUE(resolve.inner_resolve_has_descriptor);
  EXPECT_EQ(resolve.inner_resolve.kind, DescriptorKind::kSenderHosted);
  EXPECT_EQ(resolve.inner_resolve.id, 53u);
  EXPECT_TRUE(resolve.descriptors.empty());

  const Envelope disembargo =
      echo([](auto inner) { inner.initDisembargo().getContext().setReceiverLoopback(54); });
  EXPECT_EQ(disembargo.inner_kind, MessageKind::kDisembargo);
  EXPECT_EQ(disembargo.inner_disembargo, DisembargoKind::kReceiverLoopback);
  EXPECT_EQ(disembargo.inner_id, 54u);

  const Envelope nothing = decodedFrom([](auto) {});
  EXPECT_EQ(nothing.kind, MessageKind::kUnimplemented);
  EXPECT_FALSE(nothing.inner_readable);
}

TEST(Decode, ReadsFieldsThatAreNewerThanTheStockSchema) {
  BufferPool pool;
  const Envelope call = decoded(
      makeMessage(pool, {{structWord(0, 1, 1), 2, structWord(0, 3, 3), 1, 0, 2 | 4, 0, 0, 0}}));
  EXPECT_TRUE(call.no_promise_pipelining);
  EXPECT_TRUE(call.only_promise_pipeline);
  const Envelope ret = decoded(
      makeMessage(pool, {{structWord(0, 1, 1), 3, structWord(0, 2, 1), uint64_t{3} << 32, 0, 0}}));
  EXPECT_TRUE(ret.no_finish_needed);
  EXPECT_FALSE(ret.release_param_caps);
  const Envelope finish = decoded(
      makeMessage(pool, {{structWord(0, 1, 1), 4, structWord(0, 1, 0), uint64_t{2} << 32}}));
  EXPECT_FALSE(finish.early_cancellation_workaround);
  EXPECT_TRUE(finish.release_result_caps);
}

TEST(Decode, KeepsNothingOfTheMessageBefore) {
  BufferPool pool;
  test::Random random(1);
  test::RandomBuilder builder(random, 64, 0);
  auto call = builder.initRoot<capnp::rpc::Message>().initCall();
  call.setInterfaceId(5);
  call.initTarget().initPromisedAnswer().initTransform(1)[0].setGetPointerField(1);
  call.initParams().initCapTable(3);
  Envelope envelope;
  ASSERT_TRUE(decode(makeMessage(pool, builder.segments()), {}, envelope).ok());
  const Segments finish{{structWord(0, 1, 1), 4, structWord(0, 1, 0), 9}};
  ASSERT_TRUE(decode(makeMessage(pool, finish), {}, envelope).ok());
  EXPECT_EQ(envelope.kind, MessageKind::kFinish);
  EXPECT_EQ(envelope.id, 9u);
  EXPECT_EQ(envelope.interface_id, 0u);
  EXPECT_EQ(envelope.target.kind, Target::Kind::kImportedCap);
  EXPECT_TRUE(envelope.descriptors.empty());
  EXPECT_TRUE(envelope.steps.empty());
  EXPECT_FALSE(envelope.payload.present);
}

}  // namespace
}  // namespace vatmesh::wire
