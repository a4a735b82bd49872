// SPDX-License-Identifier: Apache-2.0
//
// Every kind of Return that can come for a question of ours, and what exceptions look like to the
// caller (captp-engine 1.4, 1.10; scenarios 5, 6, 7).
#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

// a's question 1 is question 0 of the application.
class Return : public testing::Test {
 protected:
  Return() : a(h.peer()), app(h.app()) {
    h.connect(a, app);
    a.callImport(1, 0, 1);
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/1");
  }
  // The application may not use the question any more, and a may go on.
  void expectFinished() {
    EXPECT_EQ(app.rest(), "Finish q=0\n");
    a.callAnswer(2, 1, {0});
    EXPECT_EQ(a.next().return_kind, wire::ReturnKind::kException);
    EXPECT_TRUE(app.quiet());
    EXPECT_FALSE(a.closed());
    EXPECT_FALSE(app.closed());
  }

  Harness h;
  Peer& a;
  Peer& app;
};

TEST_F(Return, OfAnExceptionKeepsTypeReasonAndTrace) {
  for (uint16_t type = 0; type < 4; ++type) {
    a.callImport(10 + type, 0);
    uint32_t question = app.next().id;
    app.send(wire::buildReturnException(h.frames(), question, type, "reason", "trace"));
    wire::Envelope returned = a.next();
    EXPECT_EQ(returned.exception.type, type);
    EXPECT_EQ(returned.exception.reason, "reason");  // no prefix is added
    EXPECT_EQ(returned.exception.trace, "trace");
    EXPECT_FALSE(returned.release_param_caps);
    EXPECT_FALSE(returned.no_finish_needed);
  }
}

TEST_F(Return, OfALongExceptionIsCut) {
  app.returnException(0, std::string(10000, 'x'));
  EXPECT_EQ(a.next().exception.reason, std::string(wire::kMaxExceptionText, 'x'));
}

TEST_F(Return, OfAnUnreadableExceptionIsOneOfOurs) {
  Draft draft(wire::buildReturnException(h.frames(), 0, 1, "reason"));
  draft.body(2) = 0xffff0000fffffff0;  // leads nowhere
  app.send(draft.take());
  wire::Envelope returned = a.next();
  EXPECT_EQ(returned.return_kind, wire::ReturnKind::kException);
  EXPECT_FALSE(app.closed());
  expectFinished();
}

TEST_F(Return, OfAnUnimplementedMethodIsForwarded) {
  app.returnException(0, "Method not implemented.", 3);
  EXPECT_EQ(a.nextLine(), "Return a=1 exception unimplemented \"Method not implemented.\"");
  expectFinished();
}

TEST_F(Return, CanceledThoughNobodyCanceledIsAnException) {
  app.send(wire::buildReturnCanceled(h.frames(), 0));
  EXPECT_EQ(a.nextLine(),
            "Return a=1 exception failed \"the peer canceled a call that nobody had finished\"");
  expectFinished();
}

TEST_F(Return, SentElsewhereUnaskedEndsTheLink) {
  app.send(wire::buildReturnElsewhere(h.frames(), 0));
  EXPECT_TRUE(app.closed());
  EXPECT_EQ(a.next().exception.type, 2);
  EXPECT_FALSE(a.closed());
}

TEST_F(Return, AwaitingAThirdPartyIsAnException) {
  app.send(Draft(wire::buildReturnCanceled(h.frames(), 0)).returnKind(5).take());
  EXPECT_EQ(a.nextLine(),
            "Return a=1 exception unimplemented \"awaitFromThirdParty was not offered\"");
  expectFinished();
}

TEST_F(Return, OfAnUnknownKindIsAnException) {
  app.send(Draft(wire::buildReturnCanceled(h.frames(), 0)).returnKind(9).take());
  EXPECT_EQ(a.nextLine(),
            "Return a=1 exception unimplemented \"the peer returned in a way that we don't know\"");
  expectFinished();
}

TEST_F(Return, WithoutAPayloadIsEmptyResults) {
  app.send(Draft(wire::buildReturnResults(h.frames(), {0, false}, {})).withoutPayload().take());
  EXPECT_EQ(a.nextLine(), "Return a=1 results noFinishNeeded");
  EXPECT_EQ(app.rest(), "Finish q=0\n");
}

TEST_F(Return, WithContentThatLeadsOutsideIsAnException) {
  app.send(Draft(wire::buildReturnResults(h.frames(), {0, false}, {})).badContent().take());
  EXPECT_EQ(a.next().return_kind, wire::ReturnKind::kException);
  expectFinished();
}

TEST_F(Return, OfAnyUnusualKindIsNothingToACanceledQuestion) {
  a.finish(1, true, false);
  a.rest();
  app.rest();
  app.send(wire::buildReturnElsewhere(h.frames(), 0));
  EXPECT_FALSE(app.closed());
  for (uint16_t kind : std::initializer_list<uint16_t>{2, 5, 9}) {
    a.callImport(2, 0);
    uint32_t question = app.next().id;
    a.finish(2, true, false);
    app.rest();
    app.send(Draft(wire::buildReturnCanceled(h.frames(), question)).returnKind(kind).take());
    EXPECT_TRUE(app.quiet());
    EXPECT_FALSE(app.closed());
  }
  EXPECT_EQ(h.vat().tableSizes().questions, 0u);
}

TEST_F(Return, InAnyOrderGoesToTheRightCaller) {
  app.returnCaps(0, {});
  a.rest();
  app.rest();
  Peer& b = h.peer();
  h.connect(b, app);
  std::vector<uint32_t> questions;
  for (uint16_t i = 0; i < 100; ++i) {
    (i % 2 == 0 ? a : b).callImport(1000 + i, 0, i);
    wire::Envelope call = app.next();
    EXPECT_EQ(call.method_id, i);
    questions.push_back(call.id);
  }
  for (uint16_t i = 100; i-- > 0;) {
    app.returnException(questions[i], std::to_string(i));
    wire::Envelope returned = (i % 2 == 0 ? a : b).next();
    EXPECT_EQ(returned.id, 1000u + i);
    EXPECT_EQ(returned.exception.reason, std::to_string(i));
  }
  EXPECT_TRUE(a.quiet() && b.quiet());
}

TEST_F(Return, IsToldToTheCallersThatAreLeft) {
  Peer& b = h.peer();
  h.connect(b, app);
  b.callImport(1, 0, 2);
  h.lose(b);
  EXPECT_EQ(app.sortedRest(), "Call q=1 -> import 0 0x1234/2\nFinish q=1 releaseResultCaps\n");
  app.returnCaps(1, {senderHosted(4)});
  app.returnCaps(0, {});
  EXPECT_EQ(a.nextLine(), "Return a=1 results noFinishNeeded");
}

}  // namespace
}  // namespace vatmesh::captp
