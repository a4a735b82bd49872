// SPDX-License-Identifier: Apache-2.0
//
// Bootstrap, Call, Return, Finish, Release between scripted peers (captp-engine 6.1 to 6.4).
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

using wire::DescriptorKind;
using wire::MessageKind;
using wire::ReturnKind;

TEST(Bootstrap, IsRestoredThenAskedOfTheApplication) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  a.bootstrap(7);
  EXPECT_EQ(h.restore().from, a.id());
  EXPECT_EQ(h.restore().object_id, "");
  h.complete(app);
  wire::Envelope asked = app.next();
  EXPECT_EQ(asked.kind, MessageKind::kBootstrap);
  app.send(wire::buildReturnCapability(h.frames(), asked.id, senderHosted(3)));
  wire::Envelope returned = a.next();
  EXPECT_EQ(returned.kind, MessageKind::kReturn);
  EXPECT_EQ(returned.id, 7u);
  EXPECT_FALSE(returned.release_param_caps);
  EXPECT_FALSE(returned.no_finish_needed);
  ASSERT_EQ(returned.descriptors.size(), 1u);
  EXPECT_EQ(returned.descriptors[0].kind, DescriptorKind::kSenderHosted);
  a.finish(7);
  wire::Envelope finish = app.next();
  EXPECT_EQ(finish.kind, MessageKind::kFinish);
  EXPECT_FALSE(finish.release_result_caps);
  a.release(returned.descriptors[0].id, 1);
  wire::Envelope release = app.next();
  EXPECT_EQ(release.kind, MessageKind::kRelease);
  EXPECT_EQ(release.id, 3u);
  EXPECT_EQ(release.count, 1u);
  EXPECT_TRUE(h.idle(a));
  EXPECT_TRUE(h.idle(app));
}

TEST(Bootstrap, PassesTheObjectIdToTheRestorer) {
  Harness h;
  Peer& a = h.peer();
  a.send(wire::buildBootstrap(h.frames(), 0, std::string("\0id", 3)));
  EXPECT_EQ(h.restore().object_id, std::string("\0id", 3));
  h.completeWith(Status(Code::kFailed, "Unknown persistent service ID"));
  wire::Envelope returned = a.next();
  EXPECT_EQ(returned.return_kind, ReturnKind::kException);
  EXPECT_EQ(returned.exception.reason, "Unknown persistent service ID");
  a.finish(0);
  EXPECT_TRUE(h.idle(a));
}

TEST(Call, IsForwardedAndItsReturnComesBack) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  h.connect(a, app);
  a.callImport(1, 0, 5);
  wire::Envelope call = app.next();
  EXPECT_EQ(call.kind, MessageKind::kCall);
  EXPECT_EQ(call.target.kind, wire::Target::Kind::kImportedCap);
  EXPECT_EQ(call.target.id, 0u);
  EXPECT_EQ(call.interface_id, 0x1234u);
  EXPECT_EQ(call.method_id, 5);
  EXPECT_EQ(call.send_results_to, wire::SendResultsTo::kCaller);
  app.returnCaps(call.id, {});
  wire::Envelope returned = a.next();
  EXPECT_EQ(returned.id, 1u);
  EXPECT_EQ(returned.return_kind, ReturnKind::kResults);
  EXPECT_TRUE(returned.no_finish_needed);
  EXPECT_EQ(app.next().kind, MessageKind::kFinish);
  // An old peer does not know the hint: its Finish changes nothing.
  a.finish(1);
  EXPECT_TRUE(a.quiet());
  EXPECT_TRUE(app.quiet());
  EXPECT_FALSE(a.closed());
}

TEST(Call, PipelinedBeforeTheRestoreIsDoneWaitsInOrder) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  a.bootstrap(0);
  for (uint16_t i = 1; i <= 3; ++i) a.callAnswer(i, 0, {}, i);
  EXPECT_TRUE(app.quiet());
  h.complete(app);
  wire::Envelope asked = app.next();
  for (uint16_t i = 1; i <= 3; ++i) {
    wire::Envelope call = app.next();
    EXPECT_EQ(call.method_id, i);
    EXPECT_EQ(call.target.kind, wire::Target::Kind::kPromisedAnswer);
    EXPECT_EQ(call.target.id, asked.id);
  }
}

TEST(Call, PipelinedOnAFailedRestoreGetsItsException) {
  Harness h;
  Peer& a = h.peer();
  a.bootstrap(0);
  a.callAnswer(1, 0, {});
  h.completeWith(Status(Code::kFailed, "no"));
  EXPECT_EQ(a.next().exception.reason, "no");
  EXPECT_EQ(a.next().exception.reason, "no");
  a.callAnswer(2, 0, {});
  EXPECT_EQ(a.next().exception.reason, "no");
}

TEST(Call, OfAnUnknownExportEndsTheLinkAlone) {
  Harness h;
  Peer& a = h.peer();
  Peer& b = h.peer();
  Peer& app = h.app();
  h.connect(b, app);
  a.callImport(0, 9);
  EXPECT_EQ(a.next().kind, MessageKind::kAbort);
  EXPECT_TRUE(a.closed());
  b.callImport(1, 0);
  EXPECT_EQ(app.next().kind, MessageKind::kCall);
  EXPECT_FALSE(b.closed());
}

// The application calls an object of a, which calls the application, and so on.
TEST(Call, MayRecurseThroughBothEnds) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  h.connect(a, app);
  a.callImport(99, 0, 0, {senderHosted(42)});
  std::vector<uint32_t> asked_of_app = {app.next().id};
  std::vector<uint32_t> asked_of_a;
  for (uint16_t depth = 0; depth < 20; ++depth) {
    app.callImport(10 + depth, 0, depth);
    asked_of_a.push_back(a.next().id);
    a.callImport(100 + depth, 0, depth);
    asked_of_app.push_back(app.next().id);
  }
  for (uint32_t depth = 20; depth-- > 0;) {
    app.returnCaps(asked_of_app[depth + 1], {});
    EXPECT_EQ(a.next().id, 100 + depth);
    EXPECT_EQ(app.next().kind, MessageKind::kFinish);
    a.returnCaps(asked_of_a[depth], {});
    EXPECT_EQ(app.next().id, 10 + depth);
    EXPECT_EQ(a.next().kind, MessageKind::kFinish);
  }
  app.returnCaps(asked_of_app[0], {});
  EXPECT_EQ(a.next().id, 99u);
}

TEST(Finish, BeforeTheReturnCancelsBelow) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  h.connect(a, app);
  a.callImport(1, 0);
  wire::Envelope call = app.next();
  a.finish(1, true, false);
  EXPECT_EQ(a.next().return_kind, ReturnKind::kCanceled);
  wire::Envelope finish = app.next();
  EXPECT_EQ(finish.kind, MessageKind::kFinish);
  EXPECT_TRUE(finish.release_result_caps);
  EXPECT_FALSE(finish.early_cancellation_workaround);
  // The id is free for the peer at once, ours only after the late Return, whose capabilities our
  // Finish released.
  a.callImport(1, 0);
  EXPECT_NE(app.next().id, call.id);
  app.returnCaps(call.id, {senderHosted(4)});
  EXPECT_TRUE(app.quiet());
  EXPECT_TRUE(a.quiet());
}

TEST(Reflection, AnObjectThatComesBackIsTheOriginal) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  h.connect(a, app);
  a.callImport(1, 0, 0, {senderHosted(42)});
  wire::Envelope call = app.next();
  ASSERT_EQ(call.descriptors.size(), 1u);
  EXPECT_EQ(call.descriptors[0].kind, DescriptorKind::kSenderHosted);
  app.returnCaps(call.id, {receiverHosted(call.descriptors[0].id)});
  wire::Envelope returned = a.next();
  ASSERT_EQ(returned.descriptors.size(), 1u);
  EXPECT_EQ(returned.descriptors[0].kind, DescriptorKind::kReceiverHosted);
  EXPECT_EQ(returned.descriptors[0].id, 42u);
}

TEST(Reflection, AnObjectThatWasUsedOnItsWayBackIsTheOriginal) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  h.connect(a, app);
  a.callImport(1, 0, 0, {senderHosted(42)});
  wire::Envelope call = app.next();
  a.callAnswer(2, 1, {0}, 1);
  wire::Envelope early = app.next();
  EXPECT_EQ(early.target.kind, wire::Target::Kind::kPromisedAnswer);
  app.returnCaps(call.id, {receiverHosted(call.descriptors[0].id)});
  wire::Envelope returned = a.next();
  ASSERT_EQ(returned.descriptors.size(), 1u);
  EXPECT_EQ(returned.descriptors[0].kind, DescriptorKind::kReceiverHosted);
  EXPECT_EQ(returned.descriptors[0].id, 42u);
  wire::Envelope flush = app.next();
  EXPECT_EQ(flush.kind, MessageKind::kDisembargo);
  // A later call on the path takes the way that the early one took, so that it can't overtake it.
  a.callAnswer(3, 1, {0}, 2);
  wire::Envelope late = app.next();
  EXPECT_EQ(late.target.kind, wire::Target::Kind::kPromisedAnswer);
  EXPECT_EQ(late.target.id, call.id);
  // Finishing the answer does not end the question that is being flushed.
  a.finish(1);
  EXPECT_TRUE(app.quiet());
  app.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, flush.id,
                                 importedCap(0)));
  EXPECT_EQ(app.next().kind, MessageKind::kFinish);
}

TEST(Link, LossFailsWhatWasAskedOfItAndNothingElse) {
  Harness h;
  Peer& a = h.peer();
  Peer& app = h.app();
  h.connect(a, app);
  a.callImport(1, 0);
  app.next();
  h.lose(app);
  wire::Envelope returned = a.next();
  EXPECT_EQ(returned.return_kind, ReturnKind::kException);
  EXPECT_EQ(returned.exception.type, 2);
  a.finish(1);
  a.callImport(2, 0);
  EXPECT_EQ(a.next().exception.type, 2);
  EXPECT_FALSE(a.closed());
}

}  // namespace
}  // namespace vatmesh::captp
