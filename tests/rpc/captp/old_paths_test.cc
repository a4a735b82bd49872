// SPDX-License-Identifier: Apache-2.0
//
// A vat that leaves used paths as they are (vat::Behaviour). What its peers are told of may lead
// past such a path all the same: then the calls that went along it are followed as everywhere else
// (captp-engine 0.1.1, 0.1.11, 2.6).
#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/embargo_fixture.h"

namespace vatmesh::captp {
namespace {

class OldPaths : public Embargo {
 protected:
  OldPaths() : Embargo(Limits(), {.shortens_paths = false}) {}

  // a's call 2 on a field of what it asked has come to the application as question 1, which has
  // answered with the results of its own question 5.
  void answeredByAnother(uint32_t object) {
    app.tailCall(5, importedCap(object), 7);
    a.callAnswer(2, 1, {0}, 2);
    EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0.0 0x1234/2");
    app.takeFrom(0, 5);
    EXPECT_EQ(app.nextLine(), "Return a=5 resultsSentElsewhere");
  }
};

TEST_F(OldPaths, OfAUsedFieldIsWhatItsCallerIsToldOf) {
  a.callAnswer(2, 1, {0}, 2);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> answer 0.0 0x1234/2");
  app.returnCaps(0, {receiverHosted(kOfC)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  a.callImport(3, 1, 3);
  EXPECT_EQ(app.nextLine(), "Call q=2 -> answer 0.0 0x1234/3");
  EXPECT_TRUE(c.quiet());
}

TEST_F(OldPaths, OfTwoFieldsWithOneCapabilityAreBothFlushed) {
  a.callAnswer(2, 1, {0}, 2);
  a.callAnswer(3, 1, {1}, 3);
  EXPECT_EQ(app.rest(),
            "Call q=1 -> answer 0.0 0x1234/2\n"
            "Call q=2 -> answer 0.1 0x1234/3\n");
  Draft results(wire::buildReturnResults(h.frames(), {0, false},
                                         std::vector{receiverHosted(kOfC), senderHosted(5)}));
  app.send(results.contentField(1, capabilityField(0)).take());
  EXPECT_EQ(app.rest(),
            "Disembargo senderLoopback e=0 -> answer 0.0\n"
            "Disembargo senderLoopback e=1 -> answer 0.1\n");
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1, senderHosted 2]");
  a.callImport(4, 1, 4);
  app.callImport(7, kOfC, 2);
  echo(app, 0);
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/2");
  EXPECT_TRUE(c.quiet());
  app.callImport(8, kOfC, 3);
  echo(app, 1);
  EXPECT_EQ(c.rest(),
            "Call q=1 -> import 9 0x1234/3\n"
            "Call q=2 -> import 9 0x1234/4\n");
}

TEST_F(OldPaths, HoldBackWhatFollowsThemToTheResultsOfAnotherCall) {
  answeredByAnother(kOfC);
  EXPECT_EQ(c.nextLine(), "Call q=0 -> import 9 0x1234/7");
  c.returnCaps(0, {senderHosted(50)});
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> answer 0.0");
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  a.callAnswer(3, 1, {0}, 3);
  a.callImport(4, 1, 4);
  EXPECT_TRUE(c.quiet());
  EXPECT_TRUE(a.quiet());
  app.callAnswer(6, 5, {0}, 2);
  echo(app, 0);
  EXPECT_EQ(c.rest(),
            "Call q=1 -> answer 0.0 0x1234/2\n"
            "Call q=2 -> import 50 0x1234/3\n"
            "Call q=3 -> import 50 0x1234/4\n");
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> senderHosted 2");
}

TEST_F(OldPaths, TakeTheCallersDisembargoAlongWhenItsOwnObjectIsTheResultOfAnotherCall) {
  answeredByAnother(kOfA);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/7");
  a.returnCaps(0, {senderHosted(50)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[receiverHosted 50]");
  // For whoever else the vat may tell of it.
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=0 -> answer 0.0");
  a.disembargo(9, promisedAnswer(1, kField));
  EXPECT_EQ(app.nextLine(), "Disembargo senderLoopback e=1 -> answer 0.0");
  app.callAnswer(6, 5, {0}, 2);
  echo(app, 0);
  EXPECT_EQ(a.nextLine(), "Call q=1 -> answer 0.0 0x1234/2");
  EXPECT_TRUE(a.quiet());
  echo(app, 1);
  EXPECT_EQ(a.nextLine(), "Disembargo receiverLoopback e=9 -> answer 0.0");
}

}  // namespace
}  // namespace vatmesh::captp
