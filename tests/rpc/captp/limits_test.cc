// SPDX-License-Identifier: Apache-2.0
//
// What happens above each bound (captp-engine 5.4, 0.1.5, 0.1.6; design 4.7, 4.8; scenarios 8,
// 106).
#include "tests/rpc/captp/limits_fixture.h"

namespace vatmesh::captp {
namespace {

TEST_F(LimitsOf, AnswersRefusesCallsAboveAndEndsAFlood) {
  Limits limits;
  limits.answers = 4;
  connect(limits);
  for (uint32_t i = 1; i <= 4; ++i) a->callImport(i, 0);
  EXPECT_TRUE(a->quiet());
  a->callImport(5, 0);
  EXPECT_EQ(a->nextLine(), "Return a=5 exception overloaded \"too many open questions\"");
  a->bootstrap(6);
  EXPECT_EQ(a->nextLine(), "Return a=6 exception overloaded \"too many open questions\"");
  EXPECT_EQ(h.restores(), 0u);
  a->finish(5);
  a->finish(6);
  a->finish(1);
  a->rest();
  a->callImport(7, 0);
  EXPECT_TRUE(a->quiet());  // there is room again
  for (uint32_t i = 8; i <= 11; ++i) a->callImport(i, 0);
  EXPECT_FALSE(a->closed());
  a->callImport(12, 0);
  EXPECT_TRUE(a->closed());
  EXPECT_FALSE(app->closed());
}

TEST_F(LimitsOf, CapabilitiesRefusesACallAndReleasesThem) {
  Limits limits;
  limits.capabilities = 3;
  connect(limits);
  a->callImport(1, 0, 0, hosted(10, 3));
  app->nextLine();
  a->callImport(2, 0, 0, hosted(20, 4));
  EXPECT_EQ(a->next().exception.type, 1);
  EXPECT_EQ(a->sortedRest(),
            "Release import=20 count=1\nRelease import=21 count=1\nRelease import=22 count=1\n"
            "Release import=23 count=1\n");
  EXPECT_TRUE(app->quiet());
}

TEST_F(LimitsOf, CapabilitiesRefusesResultsAndReleasesThem) {
  Limits limits;
  limits.capabilities = 3;
  connect({}, limits);
  a->callImport(1, 0);
  app->nextLine();
  app->returnCaps(0, hosted(20, 4));
  EXPECT_EQ(a->next().exception.type, 1);
  EXPECT_EQ(app->sortedRest(),
            "Finish q=0\nRelease import=20 count=1\nRelease import=21 count=1\n"
            "Release import=22 count=1\nRelease import=23 count=1\n");
  EXPECT_FALSE(app->closed());
}

TEST_F(LimitsOf, ExportsRefusesACallBeforeAnythingIsCounted) {
  Limits limits;
  limits.exports = 2;
  connect({}, limits);
  a->callImport(1, 0, 0, hosted(10, 2));
  app->nextLine();
  a->callImport(2, 0, 0, hosted(12, 1));
  EXPECT_EQ(a->nextLine(),
            "Return a=2 exception overloaded \"the receiver holds too many capabilities already\"");
  EXPECT_EQ(a->nextLine(), "Release import=12 count=1");
  EXPECT_TRUE(app->quiet());
  EXPECT_EQ(h.vat().tableSizes().exports, 3u);
  EXPECT_EQ(h.vat().tableSizes().questions, 1u);
}

TEST_F(LimitsOf, ExportsLetsCallsPassThatNeedNone) {
  Limits limits;
  limits.exports = 2;
  connect({}, limits);
  a->callImport(1, 0, 0, hosted(10, 2));
  EXPECT_EQ(app->next().id, 0u);
  // Known already, null, and at home there.
  a->callImport(2, 0, 0, {senderHosted(10), {}, receiverHosted(0)});
  EXPECT_EQ(app->nextLine(),
            "Call q=1 -> import 0 0x1234/0 caps=[senderHosted 0, none, receiverHosted 0]");
}

TEST_F(LimitsOf, ExportsRefusesResultsAndReleasesThem) {
  Limits limits;
  limits.exports = 1;
  connect(limits);
  a->callImport(1, 0);
  app->nextLine();
  app->returnCaps(0, hosted(20, 1));
  EXPECT_EQ(a->nextLine(),
            "Return a=1 exception overloaded \"the receiver holds too many capabilities already\"");
  EXPECT_EQ(h.vat().tableSizes().exports, 1u);
  EXPECT_EQ(app->nextLine(), "Release import=20 count=1");
  a->callAnswer(2, 1, {0});
  EXPECT_EQ(a->next().exception.type, 1);
  a->finish(1);
  EXPECT_EQ(app->rest(), "Finish q=0\n");
}

TEST_F(LimitsOf, ImportsRefusesACall) {
  Limits limits;
  limits.imports = 2;
  connect(limits);
  a->callImport(1, 0, 0, hosted(10, 2));
  app->nextLine();
  a->callImport(2, 0, 0, hosted(11, 2));
  EXPECT_EQ(a->nextLine(),
            "Return a=2 exception overloaded \"too many capabilities are held already\"");
  EXPECT_EQ(a->rest(), "Release import=12 count=1\n");  // 11 is held, now counted twice
  app->release(1, 1);
  EXPECT_EQ(a->rest(), "Release import=11 count=2\n");
}

TEST_F(LimitsOf, ImportsMakesResultsAnExceptionAndReleasesThem) {
  Limits limits;
  limits.imports = 2;
  connect({}, limits);
  a->callImport(1, 0);
  app->nextLine();
  app->returnCaps(0, hosted(20, 2));
  EXPECT_EQ(
      a->nextLine(),
      "Return a=1 exception overloaded \"too many capabilities of that peer are held already\"");
  EXPECT_EQ(app->sortedRest(),
            "Finish q=0\nRelease import=20 count=1\nRelease import=21 count=1\n");
}

TEST_F(LimitsOf, ImportsBreaksAPromiseAndReleases) {
  Limits limits;
  limits.imports = 2;
  connect(limits);
  a->callImport(1, 0, 0, {senderPromise(42), senderHosted(43)});
  app->nextLine();
  a->resolve(42, senderHosted(44));
  EXPECT_EQ(app->next().exception.type, 1);
  EXPECT_EQ(a->sortedRest(), "Release import=42 count=1\nRelease import=44 count=1\n");
  EXPECT_FALSE(a->closed());
}

TEST_F(LimitsOf, ReferencesEndTheLinkThatNeverReleases) {
  Limits limits;
  limits.references = 4;
  connect({}, limits);
  a->callImport(1, 0, 0, {senderHosted(10), senderHosted(10)});
  a->callImport(2, 0, 0, {senderHosted(10), senderHosted(10)});
  EXPECT_FALSE(app->closed());
  app->release(0, 3);
  a->callImport(3, 0, 0, {senderHosted(10), senderHosted(10), senderHosted(10)});
  EXPECT_FALSE(app->closed());
  a->callImport(4, 0, 0, {senderHosted(10)});
  ASSERT_TRUE(app->closed());
  EXPECT_EQ(app->closed()->code(), Code::kProtocol);
  EXPECT_FALSE(a->closed());
}

TEST_F(LimitsOf, ReferencesToAnImportAreGivenBackInTime) {
  Limits limits;
  limits.references = 4;
  connect(limits);
  a->callImport(1, 0, 0, {senderHosted(10), senderHosted(10), senderHosted(10)});
  a->callImport(2, 0, 0, {senderHosted(10)});
  EXPECT_TRUE(a->quiet());
  a->callImport(3, 0, 0, {senderHosted(10)});
  EXPECT_EQ(a->rest(), "Release import=10 count=4\n");
  app->release(0, 5);
  EXPECT_EQ(a->rest(), "Release import=10 count=1\n");
}

TEST_F(LimitsOf, PathsRefusesNewPathsOnAllAnswersTogether) {
  Limits limits;
  limits.paths = 3;
  connect(limits);
  a->callImport(1, 0);
  a->callImport(2, 0);
  a->callAnswer(3, 1, {0});
  a->callAnswer(4, 1, {1});
  a->callAnswer(5, 2, {0});
  a->callAnswer(6, 2, {0});  // known already
  EXPECT_TRUE(a->quiet());
  a->callAnswer(7, 2, {1});
  EXPECT_EQ(a->nextLine(), "Return a=7 exception overloaded \"too many paths are used\"");
  // What is finished makes room.
  for (uint32_t question = 1; question <= 7; ++question) a->finish(question, true);
  a->rest();
  a->callImport(1, 0);
  for (uint16_t field = 0; field < 3; ++field) a->callAnswer(2 + field, 1, {field});
  EXPECT_TRUE(a->quiet());
  EXPECT_FALSE(a->closed());
}

TEST_F(LimitsOf, PathsCountsEachOfManyOnce) {
  constexpr uint16_t kPaths = 1000;
  Limits limits;
  limits.paths = kPaths;
  connect(limits);
  a->callImport(1, 0);
  app->nextLine();
  std::vector<std::array<uint16_t, 1>> paths;
  for (uint16_t field = 0; field < kPaths; ++field) paths.push_back({field});
  std::vector<wire::OutDescriptor> table;
  for (const auto& path : paths) table.push_back(receiverAnswer(1, path));
  for (uint32_t question = 2; question < 5; ++question) {
    a->callImport(question, 0, 0, table);
    wire::Envelope call = app->next();
    ASSERT_EQ(call.descriptors.size(), kPaths);
    for (uint16_t field = 0; field < kPaths; ++field) {
      ASSERT_EQ(call.descriptors[field].kind, wire::DescriptorKind::kReceiverAnswer);
      ASSERT_EQ(call.path(call.descriptors[field].path)[0], field);
    }
  }
  a->callAnswer(5, 1, {kPaths});
  EXPECT_EQ(a->nextLine(), "Return a=5 exception overloaded \"too many paths are used\"");
}

TEST_F(LimitsOf, TheReceiversFrameRefusesACallBeforeAnythingIsCounted) {
  Profile profile;
  profile.max_message_words = 200;
  connect({}, {}, profile);
  a->send(Draft(callWith(1, hosted(42, 1))).content(100).take());
  EXPECT_EQ(app->nextLine(), "Call q=0 -> import 0 0x0/0 caps=[senderHosted 0]");
  a->send(Draft(callWith(2, hosted(43, 1))).content(190).take());
  EXPECT_EQ(a->next().exception.type, 0);
  EXPECT_EQ(a->nextLine(), "Release import=43 count=1");
  EXPECT_TRUE(app->quiet());
  EXPECT_EQ(h.vat().tableSizes().exports, 2u);
  EXPECT_EQ(h.vat().tableSizes().questions, 1u);
  a->callAnswer(3, 2, {});
  EXPECT_EQ(a->next().exception.type, 0);
}

TEST_F(LimitsOf, TheCallersFrameMakesResultsAnException) {
  Profile profile;
  profile.max_message_words = 200;
  Peer& b = h.add(LinkKind::kPeer, {}, profile);
  app = &h.app();
  h.connect(b, *app);
  b.callImport(1, 0);
  app->nextLine();
  app->send(
      Draft(wire::buildReturnResults(h.frames(), {0, false}, hosted(20, 1))).content(190).take());
  wire::Envelope returned = b.next();
  EXPECT_EQ(returned.return_kind, wire::ReturnKind::kException);
  EXPECT_EQ(returned.exception.type, 0);
  EXPECT_EQ(app->nextLine(), "Release import=20 count=1");
  EXPECT_EQ(h.vat().tableSizes().exports, 1u);
  b.callAnswer(2, 1, {0});
  EXPECT_EQ(b.next().return_kind, wire::ReturnKind::kException);
  b.finish(1);
  EXPECT_EQ(app->rest(), "Finish q=0\n");
  EXPECT_FALSE(b.closed());
}

// 1000 descriptors of one bad path: one object that is broken, told once (0.1.5).
TEST_F(LimitsOf, DescriptorsThatAreBrokenAlikeAreOneObject) {
  connect({});
  std::vector<uint16_t> path(wire::kMaxPathSteps);
  a->callImport(1, 0);
  app->nextLine();
  std::vector<wire::OutDescriptor> table(1000, receiverAnswer(1, path));
  a->send(callWith(2, table));
  wire::Envelope call = app->next();
  ASSERT_EQ(call.descriptors.size(), 1000u);
  uint32_t fields = 0;
  for (const wire::Descriptor& one : call.descriptors) {
    fields += one.kind == wire::DescriptorKind::kReceiverAnswer;
  }
  EXPECT_EQ(fields, 4096u / wire::kMaxPathSteps);  // as many as all steps together may be
  EXPECT_EQ(app->next().kind, wire::MessageKind::kResolve);
  EXPECT_TRUE(app->quiet());
  EXPECT_EQ(h.vat().tableSizes().exports, 2u);
  app->release(call.descriptors.back().id, 1000 - fields);
  EXPECT_FALSE(app->closed());
}

TEST_F(LimitsOf, DescriptorsOfUnknownExportsAreOneObject) {
  connect({});
  std::vector<wire::OutDescriptor> table(100, receiverHosted(99));
  a->send(callWith(1, table));
  EXPECT_EQ(app->next().kind, wire::MessageKind::kCall);
  EXPECT_EQ(app->next().kind, wire::MessageKind::kResolve);
  EXPECT_TRUE(app->quiet());
  a->send(callWith(2, table));
  wire::Envelope call = app->next();
  EXPECT_EQ(call.descriptors[0].id, 1u);  // another entry: 0 has been resolved
}

// c's message is within bounds; the path that stands behind its target makes it too large.
TEST_F(LimitsOf, StepsThatMakeTheEnvelopeTooLargeRefuseTheCall) {
  connect({});
  Peer& c = h.peer();
  h.connect(c, *app);
  std::vector<uint16_t> path(wire::kMaxPathSteps);
  c.callImport(1, 0, 0, {senderHosted(9)});
  EXPECT_EQ(app->next().id, 0u);
  a->callImport(1, 0);
  app->next();
  app->returnCaps(1, {receiverHosted(0)});
  EXPECT_EQ(a->nextLine(), "Return a=1 results caps=[senderHosted 1]");
  a->callImport(2, 0);
  EXPECT_EQ(app->next().id, 2u);
  a->callImport(3, 1, 0, {receiverAnswer(2, path)});
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/0 caps=[senderPromise 1]");
  c.callImport(2, 1, 0, std::vector(63, receiverAnswer(1, path)));
  EXPECT_EQ(app->next().descriptors.size(), 63u);
  c.callImport(3, 1, 0, std::vector(64, receiverAnswer(1, path)));
  EXPECT_EQ(c.next().exception.type, 0);
  EXPECT_TRUE(app->quiet());
}

}  // namespace
}  // namespace vatmesh::captp
