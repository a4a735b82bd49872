// SPDX-License-Identifier: Apache-2.0
//
// Calls on answers: before and after the Return, along paths, in chains (captp-engine 6.2,
// scenarios 13 to 18, 21, 22). Answers as arguments: receiver_answer_test.cc.
#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

// A caller and an application whose question 0 is the caller's answer 1, not yet returned.
class Pipelining : public testing::Test {
 protected:
  Pipelining() : a(h.peer()), app(h.app()) {
    h.connect(a, app);
    a.callImport(1, 0, 1);
    EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/1");
  }

  static constexpr std::array<uint16_t, 1> kField = {0};

  Harness h;
  Peer& a;
  Peer& app;
};

TEST_F(Pipelining, GoesOutBeforeTheReturnWithoutARoundTrip) {
  a.callAnswer(2, 1, {0}, 2);
  a.callAnswer(3, 1, {0}, 3);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0.0 0x1234/2");
  EXPECT_EQ(app.nextLine(), "Call q=2 -> answer 0.0 0x1234/3");
}

TEST_F(Pipelining, GoesTheSameWayAfterTheReturn) {
  app.returnCaps(0, {senderHosted(4)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  a.callAnswer(2, 1, {0}, 2);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0.0 0x1234/2");
}

TEST_F(Pipelining, StaysDeliveredWhenTheResultsAreDropped) {
  a.callAnswer(2, 1, {0}, 2);
  app.nextLine();
  app.returnCaps(0, {senderHosted(4)});
  a.finish(1, true);
  EXPECT_EQ(app.sortedRest(), "Finish q=0\nRelease import=4 count=1\n");
  app.returnCaps(1, {});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  EXPECT_EQ(a.nextLine(), "Return a=2 results noFinishNeeded");
}

TEST_F(Pipelining, CapabilityOutlivesTheAnswerThatBroughtIt) {
  app.returnCaps(0, {senderHosted(4)});
  a.finish(1);
  EXPECT_EQ(app.rest(), "Finish q=0\n");
  a.callImport(2, 1);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 4 0x1234/0");
}

TEST_F(Pipelining, ChainsOnResultsOfPipelinedCalls) {
  a.callAnswer(2, 1, {0}, 2);
  a.callAnswer(3, 2, {1, 2}, 3);
  a.callAnswer(4, 3, {}, 4);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0.0 0x1234/2");
  EXPECT_EQ(app.nextLine(), "Call q=2 -> answer 1.1.2 0x1234/3");
  EXPECT_EQ(app.nextLine(), "Call q=3 -> answer 2 0x1234/4");
}

TEST_F(Pipelining, OnResultsWithoutCapabilitiesIsAnException) {
  app.returnCaps(0, {});
  EXPECT_EQ(a.nextLine(), "Return a=1 results noFinishNeeded");
  a.callAnswer(2, 1, {0});
  EXPECT_EQ(a.nextLine(),
            "Return a=2 exception failed \"pipelined on a question that is not open\"");
  EXPECT_EQ(app.rest(), "Finish q=0\n");
  EXPECT_FALSE(a.closed());
}

TEST_F(Pipelining, OnAnAnswerThatWasNeverAskedIsAnException) {
  a.callAnswer(2, 77, {0});
  EXPECT_EQ(a.nextLine(),
            "Return a=2 exception failed \"pipelined on a question that is not open\"");
  EXPECT_FALSE(a.closed());
}

TEST_F(Pipelining, OnItsOwnAnswerIsAnException) {
  a.callAnswer(2, 2, {});
  EXPECT_EQ(a.nextLine(),
            "Return a=2 exception failed \"pipelined on a question that is not open\"");
}

TEST_F(Pipelining, OnAnExceptionGetsThatException) {
  app.returnException(0, "out of paper", 1);
  EXPECT_EQ(a.nextLine(), "Return a=1 exception overloaded \"out of paper\"");
  EXPECT_EQ(app.rest(), "Finish q=0\n");
  a.callAnswer(2, 1, {0});
  a.callAnswer(3, 2, {});
  EXPECT_EQ(a.nextLine(), "Return a=2 exception overloaded \"out of paper\"");
  EXPECT_EQ(a.nextLine(), "Return a=3 exception overloaded \"out of paper\"");
  EXPECT_TRUE(app.quiet());
}

TEST_F(Pipelining, AlongAPathOfMoreThan64StepsIsAnException) {
  a.callAnswer(2, 1, std::vector<uint16_t>(wire::kMaxPathSteps));
  EXPECT_EQ(app.next().id, 1u);
  a.callAnswer(3, 1, std::vector<uint16_t>(wire::kMaxPathSteps + 1));
  EXPECT_EQ(a.nextLine(), "Return a=3 exception failed \"a path that can't be followed\"");
  EXPECT_TRUE(app.quiet());
}

TEST_F(Pipelining, AlongTooManyPathsIsAnException) {
  for (uint16_t i = 0; i < 1024; ++i) a.callAnswer(2 + i, 1, {i});
  app.rest();
  a.callAnswer(5000, 1, {2000});
  EXPECT_EQ(a.nextLine(), "Return a=5000 exception overloaded \"too many paths are used\"");
  a.callAnswer(5001, 1, {7});
  EXPECT_EQ(app.nextLine(), "Call q=1025 -> answer 0.7 0x1234/0");
}

TEST_F(Pipelining, OnAReflectedFieldThatNobodyUsedGoesStraightToTheObject) {
  Peer& c = h.peer();
  h.connect(c, app);
  c.callImport(1, 0, 0, {senderHosted(9)});
  uint32_t held = app.next().descriptors[0].id;
  app.returnCaps(0, {receiverHosted(held)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  a.callAnswer(2, 1, {0}, 2);
  a.callImport(3, 1, 3);
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/2");
  EXPECT_EQ(c.nextLine(), "Call q=1 -> import 9 0x1234/3");
  EXPECT_TRUE(app.quiet());
}

TEST_F(Pipelining, TwoFieldsWithOneCapabilityLeadToOneObject) {
  Peer& c = h.peer();
  h.connect(c, app);
  c.callImport(1, 0, 0, {senderHosted(9), senderHosted(9)});
  wire::Envelope held = app.next();
  EXPECT_EQ(held.descriptors[0].id, held.descriptors[1].id);
  Draft results(wire::buildReturnResults(
      h.frames(), {0, false},
      std::vector{receiverHosted(held.descriptors[0].id), senderHosted(5)}));
  app.send(results.contentField(1, capabilityField(0)).take());
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1, senderHosted 2]");
  a.callAnswer(2, 1, {0}, 2);
  a.callAnswer(3, 1, {1}, 3);
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/2");
  EXPECT_EQ(c.nextLine(), "Call q=1 -> import 9 0x1234/3");
}

TEST_F(Pipelining, OnANullFieldBesideAReflectedOneIsLeftToTheApplication) {
  a.callImport(2, 0, 0, {senderHosted(42)});
  uint32_t held = app.next().descriptors[0].id;
  app.returnCaps(0, {receiverHosted(held), {}});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[receiverHosted 42, none]");
  a.callAnswer(3, 1, {1});
  EXPECT_EQ(app.nextLine(), "Call q=2 -> answer 0.1 0x1234/0");
  a.callAnswer(4, 1, {5});
  EXPECT_EQ(app.nextLine(), "Call q=3 -> answer 0.5 0x1234/0");
}

TEST_F(Pipelining, TakesAUsedPathToTheQuestionEvenWhenTheObjectIsTheCallersOwn) {
  a.callImport(2, 0, 0, {senderHosted(42)});
  uint32_t held = app.next().descriptors[0].id;
  a.callAnswer(3, 1, {0}, 3);
  EXPECT_EQ(app.nextLine(), "Call q=2 -> answer 0.0 0x1234/3");
  app.returnCaps(0, {receiverHosted(held)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[receiverHosted 42]");
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> answer 0.0");
  // Whatever a sends on the path can't overtake the call above, its own Disembargo last.
  a.callAnswer(4, 1, {0}, 4);
  a.disembargo(9, promisedAnswer(1, kField));
  a.callAnswer(5, 1, {0}, 5);
  EXPECT_EQ(app.rest(),
            "Call q=3 -> answer 0.0 0x1234/4\nDisembargo senderLoopback e=1 -> answer 0.0\n"
            "Call q=4 -> answer 0.0 0x1234/5\n");
}

TEST_F(Pipelining, TakesAUsedPathToAThirdPeersObjectBehindItsFlush) {
  Peer& c = h.peer();
  h.connect(c, app);
  c.callImport(1, 0, 0, {senderHosted(9)});
  uint32_t held = app.next().descriptors[0].id;
  a.callAnswer(3, 1, {0}, 3);
  EXPECT_EQ(app.nextLine(), "Call q=2 -> answer 0.0 0x1234/3");
  app.returnCaps(0, {receiverHosted(held)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> answer 0.0");
  a.callAnswer(4, 1, {0}, 4);
  a.callImport(5, 1, 5);
  EXPECT_TRUE(app.quiet());
  EXPECT_TRUE(c.quiet());
  app.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, 0,
                                 importedCap(held)));
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/4");
  EXPECT_EQ(c.nextLine(), "Call q=1 -> import 9 0x1234/5");
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> senderHosted 2");
}

TEST_F(Pipelining, OnlyPromisePipelineGetsNoReturn) {
  wire::OutCall call;
  call.question_id = 1u << 31;
  call.target = importedCap(0);
  a.send(Draft(wire::buildCall(h.frames(), call, {})).onlyPromisePipeline().take());
  a.callAnswer(2, 1u << 31, {0}, 2);
  // Below it is an ordinary question.
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x0/0");
  EXPECT_EQ(app.nextLine(), "Call q=2 -> answer 1.0 0x1234/2");
  app.returnCaps(1, {senderHosted(3)});
  EXPECT_TRUE(a.quiet());
  a.callAnswer(3, 1u << 31, {0}, 3);
  EXPECT_EQ(app.nextLine(), "Call q=3 -> answer 1.0 0x1234/3");
  a.finish(1u << 31);
  EXPECT_TRUE(a.quiet());
  EXPECT_EQ(app.sortedRest(), "Finish q=1\nRelease import=3 count=1\n");
}

TEST_F(Pipelining, OnlyPromisePipelineGetsNoExceptionEither) {
  wire::OutCall call;
  call.question_id = 7;
  call.target = importedCap(0);
  a.send(Draft(wire::buildCall(h.frames(), call, {})).onlyPromisePipeline().take());
  app.nextLine();
  app.returnException(1, "no");
  EXPECT_TRUE(a.quiet());
  a.callAnswer(2, 7, {0});
  EXPECT_EQ(a.nextLine(), "Return a=2 exception failed \"no\"");
  a.finish(7);
  EXPECT_TRUE(a.quiet());
}

TEST_F(Pipelining, OnlyPromisePipelineCanceledGetsNoReturn) {
  wire::OutCall call;
  call.question_id = 7;
  call.target = importedCap(0);
  a.send(Draft(wire::buildCall(h.frames(), call, {})).onlyPromisePipeline().take());
  app.nextLine();
  a.finish(7, true, false);
  EXPECT_TRUE(a.quiet());
  EXPECT_EQ(app.nextLine(), "Finish q=1 releaseResultCaps");
}

TEST_F(Pipelining, CopiesNoPromisePipelining) {
  wire::OutCall call;
  call.question_id = 2;
  call.target = importedCap(0);
  a.send(Draft(wire::buildCall(h.frames(), call, {})).noPromisePipelining().take());
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x0/0 noPromisePipelining");
}

}  // namespace
}  // namespace vatmesh::captp
