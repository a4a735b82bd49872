// SPDX-License-Identifier: Apache-2.0
//
// Unimplemented, both ways, and Abort, both ways (captp-engine 1.10, 0.1.7; scenarios 10, 51, 59).
#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

// a's question 1 is question 0 of the application, with a's objects 42 and promise 43 as exports 0
// and 1.
class Unimplemented : public testing::Test {
 protected:
  Unimplemented() : a(h.peer()), app(h.app()) {
    h.connect(a, app);
    a.callImport(1, 0, 1, {senderHosted(42), senderPromise(43)});
    EXPECT_EQ(app.nextLine(),
              "Call q=0 -> import 0 0x1234/1 caps=[senderHosted 0, senderPromise 1]");
  }
  // The application says that it does not know `message`.
  void unknownToApp(const wire::FrameRef& message) {
    app.send(wire::buildUnimplemented(h.frames(), wire::toMessage(*message, h.buffers())));
  }
  wire::FrameRef call(uint32_t question) {
    wire::OutCall out;
    out.question_id = question;
    return wire::buildCall(h.frames(), out, {});
  }

  Harness h;
  Peer& a;
  Peer& app;
};

TEST_F(Unimplemented, CallFailsWithoutAFinish) {
  a.callAnswer(2, 1, {0}, 2);
  app.nextLine();
  unknownToApp(call(0));
  EXPECT_EQ(a.nextLine(),
            "Return a=1 exception unimplemented \"the peer does not implement this call\"");
  EXPECT_TRUE(app.quiet());
  // The parameters were never taken.
  EXPECT_EQ(a.sortedRest(), "Release import=42 count=1\nRelease import=43 count=1\n");
  unknownToApp(call(1));
  EXPECT_EQ(a.nextLine(),
            "Return a=2 exception unimplemented \"the peer does not implement this call\"");
  a.callImport(3, 0, 3);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/3");  // the id is free again
}

TEST_F(Unimplemented, CallThatWasCanceledIsForgotten) {
  a.finish(1, true, false);
  a.rest();
  EXPECT_EQ(app.nextLine(), "Finish q=0 releaseResultCaps");
  unknownToApp(call(0));
  EXPECT_FALSE(app.closed());
  EXPECT_EQ(h.vat().tableSizes().questions, 0u);
  EXPECT_EQ(a.sortedRest(), "Release import=42 count=1\nRelease import=43 count=1\n");
}

TEST_F(Unimplemented, CallThatWasNeverMadeEndsTheLink) {
  unknownToApp(call(7));
  EXPECT_TRUE(app.closed());
  EXPECT_FALSE(a.closed());
}

TEST_F(Unimplemented, CallThatHasReturnedEndsTheLink) {
  app.returnCaps(0, {senderHosted(4)});
  unknownToApp(call(0));
  EXPECT_TRUE(app.closed());
}

TEST_F(Unimplemented, BootstrapFailsWithoutAFinish) {
  a.bootstrap(5);
  h.complete(app);
  EXPECT_EQ(app.nextLine(), "Bootstrap q=1");
  unknownToApp(wire::buildBootstrap(h.frames(), 1, ""));
  EXPECT_EQ(a.nextLine(),
            "Return a=5 exception unimplemented \"the peer does not implement this call\"");
  EXPECT_TRUE(app.quiet());
}

TEST_F(Unimplemented, ResolveReleasesTheReplacement) {
  a.resolve(43, senderHosted(44));
  EXPECT_EQ(app.nextLine(), "Resolve promise=1 -> senderHosted 2");
  unknownToApp(wire::buildResolve(h.frames(), 1, senderHosted(2)));
  EXPECT_EQ(h.vat().tableSizes().exports, 3u);  // a's, and 0 and 1 of the application
  EXPECT_EQ(a.rest(), "Release import=43 count=1\n");
  // The promise itself goes on, and leads to the replacement.
  app.callImport(0, 1, 5);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 44 0x1234/5");
  a.returnCaps(0, {});
  a.rest();
  app.release(1, 1);
  EXPECT_EQ(a.rest(), "Release import=44 count=1\n");
}

TEST_F(Unimplemented, ResolveToAnExceptionReleasesNothing) {
  a.resolveException(43, "never");
  EXPECT_EQ(a.rest(), "Release import=43 count=1\n");
  app.nextLine();
  unknownToApp(wire::buildResolveException(h.frames(), 1, 0, "never"));
  unknownToApp(wire::buildResolve(h.frames(), 1, receiverHosted(0)));
  EXPECT_TRUE(a.quiet());
  EXPECT_FALSE(app.closed());
}

TEST_F(Unimplemented, ResolveOfMoreThanWasGivenEndsTheLink) {
  unknownToApp(wire::buildResolve(h.frames(), 1, senderHosted(77)));
  EXPECT_TRUE(app.closed());
}

TEST_F(Unimplemented, OtherMessagesAreCounted) {
  unknownToApp(wire::buildReturnCanceled(h.frames(), 3));
  unknownToApp(wire::buildFinish(h.frames(), 3, false, false));
  unknownToApp(wire::buildRelease(h.frames(), 3, 1));
  unknownToApp(wire::buildAbort(h.frames(), 0, "x"));
  EXPECT_FALSE(app.closed());
  EXPECT_EQ(h.vat().counters().tolerated, 4u);
}

TEST_F(Unimplemented, AroundNothingReadableEndsTheLink) {
  app.send(wire::buildUnimplemented(h.frames(), Draft(call(0)).kind(99).take()));
  EXPECT_TRUE(app.closed());
  EXPECT_FALSE(a.closed());
}

TEST_F(Unimplemented, IsTheReplyToMessagesOfOtherLevels) {
  for (uint16_t kind : std::initializer_list<uint16_t>{7, 9, 10, 11, 12, 14}) {
    Draft draft(wire::buildFinish(h.frames(), 3, false, false));
    a.send(draft.kind(kind).take());
    wire::Envelope reply = a.next();
    EXPECT_EQ(reply.kind, wire::MessageKind::kUnimplemented);
    EXPECT_EQ(reply.inner_raw_kind, kind);
  }
  EXPECT_FALSE(a.closed());
  a.callImport(9, 0, 9);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/9");
}

TEST_F(Unimplemented, IsTheReplyToMessagesThatNobodyKnows) {
  for (uint16_t kind : std::initializer_list<uint16_t>{15, 99, 65535}) {
    a.send(Draft(wire::buildFinish(h.frames(), 3, false, false)).kind(kind).take());
    wire::Envelope reply = a.next();
    EXPECT_EQ(reply.kind, wire::MessageKind::kUnimplemented);
    EXPECT_EQ(reply.inner_raw_kind, kind);
  }
  EXPECT_FALSE(a.closed());
}

TEST_F(Unimplemented, IsNeverTheReplyToALargeMessage) {
  wire::OutCall out;
  Draft draft(wire::buildCall(h.frames(), out, {}));
  a.send(draft.content(8 * 1024).kind(99).take());
  EXPECT_EQ(a.nextLine(),
            "Abort failed \"a message of a kind that we don't know, too large to be sent back\"");
  EXPECT_TRUE(a.closed());
}

TEST_F(Unimplemented, IsTheExceptionForResultsToAThirdParty) {
  wire::OutCall out;
  out.question_id = 5;
  out.target = importedCap(0);
  for (uint16_t where : std::initializer_list<uint16_t>{2, 9}) {
    a.send(Draft(wire::buildCall(h.frames(), out, std::vector{senderHosted(45)}))
               .sendResultsTo(where)
               .take());
    EXPECT_EQ(a.nextLine(),
              "Return a=5 exception unimplemented \"results can be sent to the caller or kept for "
              "it, nowhere else\"");
    EXPECT_EQ(a.nextLine(), "Release import=45 count=1");
    a.finish(5);
  }
  EXPECT_TRUE(app.quiet());
}

TEST_F(Unimplemented, IsTheExceptionForAnUnknownTarget) {
  wire::OutCall out;
  out.question_id = 5;
  out.target = importedCap(0);
  Draft draft(wire::buildCall(h.frames(), out, {}));
  draft.body(6) |= uint64_t{7} << 32;  // the target's tag
  a.send(draft.take());
  EXPECT_EQ(a.nextLine(),
            "Return a=5 exception unimplemented \"a call target of a kind that we don't know\"");
  EXPECT_FALSE(a.closed());
}

TEST_F(Unimplemented, AbortOfAPeerIsToldToAllAndNotAnswered) {
  Peer& b = h.peer();
  h.connect(b, app);
  b.callImport(1, 0, 1);
  app.rest();
  app.send(wire::buildAbort(h.frames(), 0, "I give up"));
  EXPECT_TRUE(app.quiet());
  EXPECT_TRUE(app.closed());
  EXPECT_EQ(b.nextLine(), "Return a=1 exception disconnected \"I give up\"");
  EXPECT_EQ(a.nextLine(), "Return a=1 exception disconnected \"I give up\"");
  EXPECT_FALSE(a.closed());
  EXPECT_EQ(h.vat().counters().protocol_errors, 0u);
}

TEST_F(Unimplemented, AbortIsSentWhenWeEndALink) {
  h.turn([&](Effects& out) {
    h.vat().closeLink(app.id(), Status(Code::kDisconnected, "shutting down"), out);
  });
  EXPECT_EQ(app.nextLine(), "Abort disconnected \"shutting down\"");
  EXPECT_TRUE(app.quiet());
  EXPECT_TRUE(app.closed());
  EXPECT_EQ(a.next().exception.type, 2);
}

TEST_F(Unimplemented, AbortedLinkIsNotHeardAnyMore) {
  a.callImport(2, 99);
  EXPECT_NE(a.rest().find("Abort"), std::string::npos);
  app.rest();
  a.callImport(3, 0);
  EXPECT_TRUE(a.quiet());
  EXPECT_TRUE(app.quiet());
}

}  // namespace
}  // namespace vatmesh::captp
