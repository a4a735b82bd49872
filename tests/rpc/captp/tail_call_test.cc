// SPDX-License-Identifier: Apache-2.0
//
// Tail calls that peers make: `yourself`, takeFromOtherQuestion, resultsSentElsewhere
// (captp-engine 1.6, scenarios 46 to 50, in the receiving role).
#include "rpc/captp/pipeline.h"
#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

// a's question 1 is question 0 of the application, which holds objects of a (import 0) and of c
// (import 1) and passes calls on to them.
class TailCall : public testing::Test {
 protected:
  TailCall() : a(h.peer()), c(h.peer()), app(h.app()) {
    h.connect(a, app);
    h.connect(c, app);
    a.callImport(1, 0, 1, {senderHosted(42)});
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/1 caps=[senderHosted 0]");
    c.callImport(1, 0, 1, {senderHosted(9)});
    EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/1 caps=[senderHosted 1]");
    app.returnCaps(1, {});
    EXPECT_EQ(app.nextLine(), "Finish q=1");
    c.rest();
  }

  // The application passes the call on to c as its question 5.
  void passOn() {
    app.tailCall(5, importedCap(1), 7);
    EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/7");
  }
  void take() {
    app.takeFrom(0, 5);
    EXPECT_EQ(app.nextLine(), "Return a=5 resultsSentElsewhere");
  }
  // Everybody drops everything.
  void dropAll() {
    a.finish(1, true);
    app.finish(5, true);
    for (Peer* peer : {&a, &c}) {
      while (!peer->quiet()) {
        wire::Envelope message = peer->next();
        if (message.kind == wire::MessageKind::kCall) peer->returnException(message.id, "end");
      }
      peer->release(0, 1);
    }
    app.release(0, 1);
    app.release(1, 1);
    EXPECT_TRUE(h.empty()) << h.vat().dump();
  }

  static constexpr std::array<uint16_t, 1> kField = {0};

  Harness h;
  Peer& a;
  Peer& c;
  Peer& app;
};

// Two peers that pass a call to and fro and finish what was taken: no table grows, the row of takes
// does, and every path is looked up along all of it.
TEST_F(TailCall, ARowOfTakesIsBounded) {
  Peer* asked = &app;
  Peer* other = &a;
  uint32_t question = 0;  // ours to `asked`, the end of the row
  for (uint32_t i = 0; i <= Pipeline::kMaxTakes; ++i) {
    const uint32_t answer = 100 + i;
    asked->tailCall(answer, importedCap(0), 7);
    const wire::Envelope call = other->next();
    ASSERT_EQ(call.kind, wire::MessageKind::kCall) << i;
    asked->takeFrom(question, answer);
    ASSERT_EQ(asked->nextLine(), "Return a=" + std::to_string(answer) + " resultsSentElsewhere");
    if (i == Pipeline::kMaxTakes) break;
    ASSERT_TRUE(a.quiet() && app.quiet()) << i;
    asked->finish(answer);
    std::swap(asked, other);
    question = call.id;
  }
  // That one alone is refused, and the first caller hears of it.
  EXPECT_EQ(asked->nextLine(), "Finish q=" + std::to_string(question));
  EXPECT_EQ(a.nextLine(), "Return a=1 exception overloaded \"too many tail calls in a row\"");
  a.callAnswer(2, 1, {7});
  EXPECT_EQ(a.nextLine(), "Return a=2 exception overloaded \"too many tail calls in a row\"");
  EXPECT_FALSE(a.closed() || app.closed());
}

TEST_F(TailCall, ToTheCallersOwnObjectComesBackAsItsResults) {
  app.tailCall(5, importedCap(0), 7);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/7");
  take();
  a.returnCaps(0, {senderHosted(50), receiverHosted(0)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[receiverHosted 50, senderHosted 0]");
  a.finish(1);
  EXPECT_EQ(app.nextLine(), "Finish q=0");
  EXPECT_TRUE(a.quiet());
  app.finish(5);
  EXPECT_EQ(a.sortedRest(), "Finish q=0\nRelease import=50 count=1\n");
}

TEST_F(TailCall, AcrossLinksReturnsToTheFirstCaller) {
  passOn();
  take();
  EXPECT_TRUE(a.quiet());
  c.returnCaps(0, {senderHosted(50)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  a.callImport(2, 1);
  EXPECT_EQ(c.nextLine(), "Call q=1 -> import 50 0x1234/0");
  c.returnCaps(1, {});
  dropAll();
}

TEST_F(TailCall, WhoseResultsAreThereAlreadyReturnsAtTheTake) {
  passOn();
  c.returnCaps(0, {senderHosted(50)});
  EXPECT_TRUE(a.quiet());
  EXPECT_TRUE(app.quiet());
  EXPECT_GT(h.vat().tableSizes().charged_bytes, 0u);  // they wait here
  take();
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  dropAll();
}

TEST_F(TailCall, ReturnsAnExceptionAtTheTake) {
  passOn();
  c.returnException(0, "no", 1);
  EXPECT_EQ(c.nextLine(), "Finish q=0");
  EXPECT_TRUE(a.quiet());
  take();
  EXPECT_EQ(a.nextLine(), "Return a=1 exception overloaded \"no\"");
  a.callAnswer(2, 1, {0});
  EXPECT_EQ(a.nextLine(), "Return a=2 exception overloaded \"no\"");
  a.finish(2);
  dropAll();
}

TEST_F(TailCall, ReturnsAnExceptionAfterTheTake) {
  passOn();
  take();
  c.returnException(0, "no", 1);
  EXPECT_EQ(a.nextLine(), "Return a=1 exception overloaded \"no\"");
  a.callAnswer(2, 1, {0});
  EXPECT_EQ(a.nextLine(), "Return a=2 exception overloaded \"no\"");
  a.finish(2);
  dropAll();
}

TEST_F(TailCall, HoldsBackWhatFollowsCallsThatWereMadeBefore) {
  passOn();
  a.callAnswer(2, 1, {0}, 2);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0.0 0x1234/2");
  app.takeFrom(0, 5);
  EXPECT_EQ(app.nextLine(), "Return a=5 resultsSentElsewhere");
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> answer 0.0");
  // a has heard of nothing and goes on the same way, which is flushed again when it is told.
  a.callAnswer(3, 1, {0}, 3);
  EXPECT_EQ(app.nextLine(), "Call q=2 -> answer 0.0 0x1234/3");
  c.returnCaps(0, {senderHosted(50), senderHosted(51)});
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=1 -> answer 0.0");
  // The used field is still to be flushed, the other one is c's.
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1, senderHosted 2]");
  a.callAnswer(4, 1, {0}, 4);
  a.callImport(5, 1, 5);
  a.callAnswer(6, 1, {1}, 6);
  a.callImport(7, 2, 7);
  EXPECT_EQ(c.rest(), "Call q=1 -> import 51 0x1234/6\nCall q=2 -> import 51 0x1234/7\n");
  EXPECT_TRUE(app.quiet());
  auto echo = [&](uint32_t id) {
    app.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, id,
                                   promisedAnswer(5, {})));
  };
  app.callAnswer(6, 5, {0}, 2);
  echo(0);
  app.callAnswer(7, 5, {0}, 3);
  EXPECT_EQ(c.rest(), "Call q=3 -> answer 0.0 0x1234/2\nCall q=4 -> answer 0.0 0x1234/3\n");
  EXPECT_TRUE(a.quiet());
  echo(1);
  EXPECT_EQ(c.rest(), "Call q=5 -> import 50 0x1234/4\nCall q=6 -> import 50 0x1234/5\n");
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> senderHosted 3");
}

TEST_F(TailCall, SendsCallsMadeAfterTheTakeToTheNewQuestion) {
  passOn();
  take();
  a.callAnswer(2, 1, {0}, 2);
  EXPECT_EQ(c.nextLine(), "Call q=1 -> answer 0.0 0x1234/2");
  c.returnCaps(0, {senderHosted(50)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  a.callAnswer(3, 1, {0}, 3);
  EXPECT_EQ(c.nextLine(), "Call q=2 -> import 50 0x1234/3");
  EXPECT_TRUE(app.quiet());
}

TEST_F(TailCall, LetsItsMakerPipelineOnIt) {
  passOn();
  app.callAnswer(6, 5, {0}, 2);
  EXPECT_EQ(c.nextLine(), "Call q=1 -> answer 0.0 0x1234/2");
  take();
  app.callAnswer(7, 5, {0}, 3);
  EXPECT_EQ(c.nextLine(), "Call q=2 -> answer 0.0 0x1234/3");
  c.returnCaps(0, {receiverHosted(0)});  // the application itself
  EXPECT_EQ(c.nextLine(), "Disembargo senderLoopback e=0 -> answer 0.0");
  // a has called nothing.
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 0]");
  // The application is told of no results, and goes on the same way; whom it tells of it waits.
  app.callAnswer(8, 5, {0}, 4);
  EXPECT_EQ(c.nextLine(), "Call q=3 -> answer 0.0 0x1234/4");
  app.callImport(9, 0, 5, {receiverAnswer(5, kField)});
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/5 caps=[senderPromise 1]");
  a.callImport(2, 1, 6);
  EXPECT_TRUE(app.quiet());
  c.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, 0,
                               importedCap(0)));
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/6");
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> senderHosted 0");
}

TEST_F(TailCall, AnswersALateFieldFromTheTakenResults) {
  passOn();
  take();
  c.returnCaps(0, {receiverHosted(0)});  // the application itself
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 0]");
  a.callAnswer(2, 1, {0}, 2);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2");
}

TEST_F(TailCall, TakenTwiceEndsTheLink) {
  passOn();
  a.callImport(2, 0, 2);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/2");
  take();
  app.takeFrom(1, 5);
  EXPECT_EQ(app.nextLine(),
            "Abort failed \"takeFromOtherQuestion names no answer whose results were redirected\"");
  EXPECT_EQ(a.next().exception.type, 2);
}

TEST_F(TailCall, TakenFromAnOrdinaryCallEndsTheLink) {
  app.callImport(5, 1, 7);
  c.nextLine();
  app.takeFrom(0, 5);
  EXPECT_TRUE(app.closed());
  EXPECT_FALSE(a.closed());
  EXPECT_EQ(a.nextLine().substr(0, 33), "Return a=1 exception disconnected");
}

TEST_F(TailCall, TakenFromAnUnknownQuestionEndsTheLink) {
  app.takeFrom(0, 99);
  EXPECT_TRUE(app.closed());
}

TEST_F(TailCall, TakenAfterItsFinishEndsTheLink) {
  passOn();
  app.finish(5, true, false);
  EXPECT_EQ(app.nextLine(), "Return a=5 canceled");
  EXPECT_EQ(c.nextLine(), "Finish q=0 releaseResultCaps");
  app.takeFrom(0, 5);
  EXPECT_TRUE(app.closed());
}

TEST_F(TailCall, NeverTakenIsCanceledByItsFinish) {
  passOn();
  c.returnCaps(0, {senderHosted(50)});
  app.finish(5, true, false);
  EXPECT_EQ(app.nextLine(), "Return a=5 canceled");
  EXPECT_EQ(c.sortedRest(), "Finish q=0\nRelease import=50 count=1\n");
  EXPECT_EQ(h.vat().tableSizes().charged_bytes, 0u);
}

TEST_F(TailCall, CanceledBeforeTheTakeStillGetsItsReturn) {
  passOn();
  a.finish(1, true, false);
  EXPECT_EQ(a.nextLine(), "Return a=1 canceled");
  EXPECT_EQ(app.nextLine(), "Finish q=0 releaseResultCaps");
  take();
  EXPECT_TRUE(c.quiet());
  app.finish(5, true, false);
  EXPECT_EQ(c.rest(), "Finish q=0 releaseResultCaps\n");  // exactly once
  c.returnCaps(0, {senderHosted(50)});
  EXPECT_TRUE(c.quiet());
  EXPECT_TRUE(a.quiet());
}

TEST_F(TailCall, CanceledAndFinishedBeforeTheTakeIsLetPass) {
  passOn();
  a.finish(1, true, false);
  app.finish(5, true, false);
  app.takeFrom(0, 5);
  EXPECT_FALSE(app.closed());
}

TEST_F(TailCall, CanceledAfterTheTakeIsCanceledBelowOnce) {
  passOn();
  take();
  a.finish(1, true, false);
  EXPECT_EQ(a.nextLine(), "Return a=1 canceled");
  EXPECT_EQ(app.rest(), "Finish q=0\n");
  EXPECT_TRUE(c.quiet());  // the application still holds its question
  app.finish(5, true, false);
  EXPECT_EQ(c.rest(), "Finish q=0 releaseResultCaps\n");
}

TEST_F(TailCall, FinishedByItsMakerAfterTheTakeGoesOn) {
  passOn();
  take();
  app.finish(5);
  EXPECT_TRUE(c.quiet());
  c.returnCaps(0, {senderHosted(50)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  a.finish(1);
  EXPECT_EQ(app.rest(), "Finish q=0\n");
  EXPECT_EQ(c.rest(), "Finish q=0\n");
}

TEST_F(TailCall, ThatIsRefusedFailsAtTheTake) {
  wire::OutCall call;
  call.question_id = 5;
  call.target = importedCap(1);
  call.send_results_to = wire::SendResultsTo::kYourself;
  app.send(Draft(wire::buildCall(h.frames(), call, {})).badContent().take());
  EXPECT_TRUE(app.quiet());
  EXPECT_TRUE(c.quiet());
  take();
  EXPECT_EQ(a.next().return_kind, wire::ReturnKind::kException);
}

TEST_F(TailCall, WhoseMakerIsLostAfterTheTakeStillReturns) {
  passOn();
  take();
  h.lose(app);
  EXPECT_EQ(a.nextLine(), "Release import=42 count=1");
  EXPECT_TRUE(a.quiet());
  c.returnCaps(0, {});
  EXPECT_EQ(a.nextLine(), "Return a=1 results noFinishNeeded");
}

TEST_F(TailCall, WhoseCalleeIsLostFailsAtTheTake) {
  passOn();
  h.lose(c, "cable cut");
  EXPECT_TRUE(a.quiet());
  take();
  EXPECT_EQ(a.nextLine(), "Return a=1 exception disconnected \"cable cut\"");
}

TEST_F(TailCall, WhoseCalleeIsLostAfterItReturnedStillHasItsResults) {
  passOn();
  c.returnCaps(0, {{}, {}});
  h.lose(c, "cable cut");
  take();
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[none, none] noFinishNeeded");
}

TEST_F(TailCall, OfATailCallReturnsToTheFirstCaller) {
  passOn();
  // c passes it on once more, to the application's bootstrap.
  c.tailCall(6, importedCap(0), 8);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/8");
  c.takeFrom(0, 6);
  EXPECT_EQ(c.nextLine(), "Return a=6 resultsSentElsewhere");
  EXPECT_TRUE(a.quiet());
  take();
  app.returnCaps(1, {senderHosted(50)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  a.callAnswer(2, 1, {0}, 2);
  EXPECT_EQ(app.nextLine(), "Call q=2 -> import 50 0x1234/2");
}

TEST_F(TailCall, ThatAnswersItselfIsAnException) {
  app.tailCall(5, importedCap(0), 7);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/7");
  a.tailCall(6, importedCap(0), 8);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/8");
  a.callAnswer(7, 6, {0}, 9);
  EXPECT_EQ(app.nextLine(), "Call q=2 -> answer 1.0 0x1234/9");
  a.takeFrom(0, 6);
  EXPECT_EQ(a.nextLine(), "Return a=6 resultsSentElsewhere");
  app.takeFrom(1, 5);
  EXPECT_EQ(app.nextLine(), "Return a=5 resultsSentElsewhere");
  a.callAnswer(8, 6, {1}, 9);
  EXPECT_EQ(a.nextLine(), "Return a=8 exception failed \"a question was answered by itself\"");
  app.returnException(0, "end");
  app.returnException(2, "end");
  app.finish(5);
  for (uint32_t question : {1, 6, 7, 8}) a.finish(question);
  EXPECT_EQ(h.vat().tableSizes().questions, 0u);
  EXPECT_EQ(h.vat().tableSizes().answers, 0u);
}

// The application answers with the results of its own question, and that one is answered with a
// field of what it asked.
TEST_F(TailCall, ThatAnswersItselfThroughAFieldLeavesNothing) {
  app.tailCall(5, importedCap(0), 7);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/7");
  a.tailCall(6, importedCap(0), 8);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/8");
  a.returnCaps(0, {receiverAnswer(6, kField)});
  app.takeFrom(1, 5);
  EXPECT_EQ(app.nextLine(), "Return a=5 resultsSentElsewhere");
  a.callAnswer(7, 6, {0}, 9);
  EXPECT_EQ(a.nextLine(), "Return a=7 exception failed \"the promise resolves to itself\"");
  app.returnException(0, "end");
  app.finish(5);
  for (uint32_t question : {1, 6, 7}) a.finish(question);
  EXPECT_EQ(h.vat().tableSizes().questions, 0u) << h.vat().dump();
  EXPECT_EQ(h.vat().tableSizes().charged_bytes, 0u);
}

TEST_F(TailCall, ResolvesAPromiseMadeFromItsCaller) {
  // a tells c of a field of its answer, through an object of c.
  c.callImport(2, 0, 0, {senderHosted(10)});
  app.next();
  a.callImport(2, 0, 0);
  app.nextLine();
  app.returnCaps(2, {receiverHosted(2)});
  EXPECT_EQ(a.nextLine(), "Return a=2 results caps=[senderHosted 1]");
  a.callImport(3, 1, 0, {receiverAnswer(1, kField)});
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 10 0x1234/0 caps=[senderPromise 1]");
  app.tailCall(5, importedCap(1), 7);
  c.nextLine();
  take();
  // Not used yet, so it moves: from the application's question to c's own, which names c's answer.
  EXPECT_EQ(c.nextLine(), "Resolve promise=1 -> receiverAnswer 1.0");
  c.returnCaps(1, {senderHosted(50)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 2]");
}

// The results have been lost as a target, but not as results; where they can't be told, that is.
TEST_F(TailCall, WhoseResultsCanNotBeToldAfterTheirLinkWasLostFails) {
  Limits few;
  few.exports = 1;
  Peer& b = h.add(LinkKind::kPeer, few);
  h.connect(b, app);
  b.callImport(1, 0, 1);
  const uint32_t question = app.next().id;
  passOn();
  c.returnCaps(0, {senderHosted(50)});
  h.lose(c, "cable cut");
  app.takeFrom(question, 5);
  EXPECT_EQ(b.nextLine(),
            "Return a=1 exception overloaded \"the receiver holds too many capabilities already\"");
}

// One path was named before the take and used after it, so its calls went straight to c; the other
// was used before, and its calls are still on their way through the application. What a is told for
// both waits for the slower one.
TEST_F(TailCall, ResultsOfTwoPathsWaitForTheLastOfThem) {
  a.callImport(2, 0, 2, {receiverAnswer(1, kField)});
  a.callAnswer(3, 1, {1}, 3);
  app.rest();
  passOn();
  take();
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> answer 0.1");
  a.callAnswer(4, 1, {0}, 4);
  EXPECT_EQ(c.nextLine(), "Call q=1 -> answer 0.0 0x1234/4");
  c.send(Draft(wire::buildReturnResults(h.frames(), {0, false},
                                        std::vector{senderHosted(50), senderHosted(51)}))
             .contentField(1, capabilityField(0))
             .take());
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1, senderHosted 2]");
  EXPECT_TRUE(a.quiet());
  a.callImport(5, 1, 5);
  EXPECT_TRUE(c.quiet());
  // Call 3 comes back from the application, and the Disembargo behind it.
  app.callAnswer(6, 5, {1}, 3);
  EXPECT_EQ(c.nextLine(), "Call q=2 -> answer 0.1 0x1234/3");
}

}  // namespace
}  // namespace vatmesh::captp
