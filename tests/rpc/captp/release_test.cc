// SPDX-License-Identifier: Apache-2.0
//
// Reference counts: exact on the wire, gone when everything is dropped (captp-engine 6.3, scenarios
// 24 to 29, 31 to 34).
#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

class Release : public testing::Test {
 protected:
  Release() : a(h.peer()), app(h.app()) { h.connect(a, app); }

  // a calls the application with `capabilities`; gives what the application sees.
  wire::Envelope call(const std::vector<wire::OutDescriptor>& capabilities) {
    a.callImport(1, 0, 0, capabilities);
    return app.next();
  }

  Harness h;
  Peer& a;
  Peer& app;
};

TEST_F(Release, OfTheLastReferenceReleasesBelow) {
  a.release(0, 1);
  EXPECT_EQ(app.rest(), "Release import=0 count=1\n");
  EXPECT_TRUE(h.empty());
}

TEST_F(Release, IsHeldBackWhileAnotherLinkHoldsTheObject) {
  Peer& b = h.peer();
  h.connect(b, app);
  a.release(0, 1);
  EXPECT_TRUE(app.quiet());
  b.callImport(1, 0);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/0");
  b.release(0, 1);
  EXPECT_EQ(app.nextLine(), "Release import=0 count=2");
}

TEST_F(Release, RetainsParametersThatTheCalleeKeeps) {
  call({senderHosted(42)});
  app.returnCaps(0, {});
  a.finish(1);
  EXPECT_EQ(a.rest(), "Return a=1 results noFinishNeeded\n");
  app.callImport(0, 0, 9);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/9");
  a.returnCaps(0, {});
  app.release(0, 1);
  EXPECT_EQ(a.rest(), "Finish q=0\nRelease import=42 count=1\n");
}

TEST_F(Release, CountsEachDescriptorOfOneCapability) {
  wire::Envelope seen = call({senderHosted(42), senderHosted(42)});
  EXPECT_EQ(seen.descriptors[0].id, 0u);
  EXPECT_EQ(seen.descriptors[1].id, 0u);
  app.release(0, 1);
  EXPECT_TRUE(a.quiet());
  app.release(0, 1);
  EXPECT_EQ(a.nextLine(), "Release import=42 count=2");
}

TEST_F(Release, CountsDescriptorsAcrossMessages) {
  call({senderHosted(42)});
  a.callImport(2, 0, 0, {senderHosted(42)});
  EXPECT_EQ(app.next().descriptors[0].id, 0u);
  app.release(0, 2);
  EXPECT_EQ(a.nextLine(), "Release import=42 count=2");
}

TEST_F(Release, OfAPromiseToldTwiceIsOneEntryAndOneResolve) {
  call({senderPromise(42), senderPromise(42)});
  a.callImport(2, 0, 0, {senderPromise(42)});
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/0 caps=[senderPromise 0]");
  a.resolve(42, senderHosted(43));
  EXPECT_EQ(app.rest(), "Resolve promise=0 -> senderHosted 1\n");
  app.release(0, 3);
  EXPECT_EQ(a.rest(), "Release import=42 count=3\n");
  app.release(1, 1);
  EXPECT_EQ(a.rest(), "Release import=43 count=1\n");
}

TEST_F(Release, OfMoreThanWasGivenEndsTheLink) {
  call({senderHosted(42)});
  app.release(0, 2);
  EXPECT_EQ(app.nextLine(),
            "Abort failed \"a Release of more references than the peer was given\"");
  EXPECT_TRUE(app.closed());
  EXPECT_FALSE(a.closed());
}

TEST_F(Release, OfAnUnknownExportEndsTheLink) {
  a.release(5, 1);
  EXPECT_EQ(a.nextLine(), "Abort failed \"a Release of more references than the peer was given\"");
}

TEST_F(Release, OfNothingIsLetPass) {
  a.release(0, 0);
  a.release(77, 0);
  EXPECT_TRUE(a.quiet());
  EXPECT_FALSE(a.closed());
}

TEST_F(Release, CrossedByADescriptorOfTheSameIdIsANewImport) {
  call({});
  a.release(0, 1);
  EXPECT_EQ(app.nextLine(), "Release import=0 count=1");
  // Sent before that Release arrived.
  app.returnCaps(0, {senderHosted(0)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 0]");
  a.callImport(2, 0);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 0 0x1234/0");
  a.finish(1, true);
  EXPECT_EQ(app.sortedRest(), "Finish q=0\nRelease import=0 count=1\n");
}

TEST_F(Release, OfParametersByTheReturn) {
  call({senderHosted(42)});
  app.send(Draft(wire::buildReturnResults(h.frames(), {0, false}, {})).releaseParamCaps().take());
  EXPECT_EQ(a.sortedRest(), "Release import=42 count=1\nReturn a=1 results noFinishNeeded\n");
}

TEST_F(Release, OfParametersByTheReturnCountsAliases) {
  call({senderHosted(42), senderHosted(42), senderHosted(43)});
  app.send(Draft(wire::buildReturnResults(h.frames(), {0, false}, {})).releaseParamCaps().take());
  EXPECT_EQ(a.sortedRest(),
            "Release import=42 count=2\nRelease import=43 count=1\n"
            "Return a=1 results noFinishNeeded\n");
}

TEST_F(Release, OfParametersByAnException) {
  call({senderHosted(42)});
  app.send(Draft(wire::buildReturnException(h.frames(), 0, 0, "no")).releaseParamCaps().take());
  EXPECT_EQ(a.sortedRest(), "Release import=42 count=1\nReturn a=1 exception failed \"no\"\n");
}

TEST_F(Release, OfParametersByALateReturn) {
  call({senderHosted(42)});
  a.finish(1, true, false);
  EXPECT_EQ(a.rest(), "Return a=1 canceled\n");
  EXPECT_EQ(app.rest(), "Finish q=0 releaseResultCaps\n");
  app.send(Draft(wire::buildReturnCanceled(h.frames(), 0)).releaseParamCaps().take());
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");
}

TEST_F(Release, OfAParameterThatTheResultsName) {
  call({senderHosted(42)});
  // The result is read before the parameters are released.
  app.send(Draft(wire::buildReturnResults(h.frames(), {0, false}, std::vector{receiverHosted(0)}))
               .releaseParamCaps()
               .take());
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[receiverHosted 42]");
  EXPECT_TRUE(a.quiet());
  a.finish(1);
  EXPECT_EQ(a.rest(), "Release import=42 count=1\n");
}

TEST_F(Release, OfAPromiseByTheReturnThatResolvesItNeedsNoResolve) {
  static constexpr std::array<uint16_t, 1> kField = {0};
  a.callImport(1, 0, 0, {receiverAnswer(1, kField)});
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/0 caps=[senderPromise 0]");
  app.send(Draft(wire::buildReturnResults(h.frames(), {0, false}, std::vector{senderHosted(4)}))
               .releaseParamCaps()
               .take());
  EXPECT_TRUE(app.quiet());
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
}

TEST_F(Release, TwiceByMessageAndByFlagEndsTheLink) {
  call({senderHosted(42)});
  app.release(0, 1);
  app.send(Draft(wire::buildReturnResults(h.frames(), {0, false}, {})).releaseParamCaps().take());
  EXPECT_NE(app.rest().find("Abort failed"), std::string::npos);
  // The results came first.
  EXPECT_NE(a.rest().find("Return a=1 results"), std::string::npos);
}

TEST_F(Release, OfResultsByTheFinish) {
  call({});
  app.returnCaps(0, {senderHosted(4), senderHosted(4)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1, senderHosted 1]");
  a.finish(1, true);
  EXPECT_EQ(app.sortedRest(), "Finish q=0\nRelease import=4 count=2\n");
}

TEST_F(Release, OfSomeResultsThenTheFinishKeepsTheOthers) {
  call({});
  app.returnCaps(0, {senderHosted(4), senderHosted(5)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1, senderHosted 2]");
  a.release(1, 1);
  EXPECT_EQ(app.rest(), "Release import=4 count=1\n");  // for pipelined calls the question serves
  a.finish(1, false);
  EXPECT_EQ(app.rest(), "Finish q=0\n");
  a.callImport(2, 2);
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 5 0x1234/0");
}

TEST_F(Release, OfResultsTwiceEndsTheLink) {
  call({});
  app.returnCaps(0, {senderHosted(4)});
  a.release(1, 1);
  a.finish(1, true);
  EXPECT_TRUE(a.closed());
}

TEST_F(Release, OfResultsThatWereNeverReadIsLeftToTheCancelingFinish) {
  call({});
  a.finish(1, true, false);
  EXPECT_EQ(app.nextLine(), "Finish q=0 releaseResultCaps");
  app.returnCaps(0, {senderHosted(4), senderPromise(5)});
  EXPECT_TRUE(app.quiet());
  EXPECT_FALSE(app.closed());
}

TEST_F(Release, NullIsNoReference) {
  wire::Envelope seen = call({{}, senderHosted(42), {}});
  EXPECT_EQ(seen.descriptors[0].kind, wire::DescriptorKind::kNone);
  EXPECT_EQ(seen.descriptors[1].kind, wire::DescriptorKind::kSenderHosted);
  EXPECT_EQ(seen.descriptors[2].kind, wire::DescriptorKind::kNone);
  app.returnCaps(0, {{}, senderHosted(4)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[none, senderHosted 1]");
}

TEST_F(Release, NullAloneIsNoCapability) {
  call({{}});
  app.returnCaps(0, {{}, {}});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[none, none] noFinishNeeded");
  EXPECT_EQ(app.rest(), "Finish q=0\n");
}

TEST_F(Release, AnObjectThatGoesHomeIsTheOriginal) {
  wire::Envelope seen = call({receiverHosted(0)});
  EXPECT_EQ(seen.descriptors[0].kind, wire::DescriptorKind::kReceiverHosted);
  EXPECT_EQ(seen.descriptors[0].id, 0u);
}

TEST_F(Release, AnObjectSeenOverTwoLinksIsOneObjectToItsHost) {
  Peer& b = h.peer();
  h.connect(b, app);
  call({senderHosted(42)});
  b.callImport(1, 0);
  EXPECT_EQ(app.next().id, 1u);
  app.returnCaps(1, {receiverHosted(0)});
  EXPECT_EQ(b.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  b.callImport(2, 0, 0, {receiverHosted(1)});
  EXPECT_EQ(app.next().descriptors[0].id, 0u);  // the same export as before, counted up
  a.callImport(2, 0);
  app.next();
  app.returnCaps(3, {receiverHosted(0)});
  EXPECT_EQ(a.nextLine(), "Return a=2 results caps=[receiverHosted 42]");
}

TEST_F(Release, OfAVineReleasesIt) {
  wire::OutCall out;
  out.question_id = 1;
  out.target = importedCap(0);
  a.send(Draft(wire::buildCall(h.frames(), out, std::vector{receiverAnswer(42, {})}))
             .descriptorTag(0, 5)
             .take());
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x0/0 caps=[senderHosted 0]");
  app.callImport(0, 0, 3);
  EXPECT_EQ(a.nextLine(), "Call q=0 -> import 42 0x1234/3");
  app.release(0, 1);
  EXPECT_EQ(a.nextLine(), "Release import=42 count=1");
}

TEST_F(Release, OfEverythingLeavesEmptyTables) {
  call({senderHosted(42), senderPromise(43)});
  a.callAnswer(2, 1, {0});
  app.returnCaps(0, {receiverHosted(0), senderHosted(4), senderPromise(5)});
  app.returnCaps(1, {senderHosted(4)});
  EXPECT_EQ(a.nextLine(),
            "Return a=1 results caps=[receiverHosted 42, senderHosted 1, senderPromise 2]");
  EXPECT_EQ(a.nextLine(), "Return a=2 results caps=[senderHosted 1]");
  a.resolve(43, senderHosted(44));
  EXPECT_EQ(app.rest(),
            "Call q=1 -> answer 0.0 0x1234/0\nDisembargo senderLoopback e=0 -> answer 0.0\n"
            "Resolve promise=1 -> senderHosted 2\n");
  app.resolve(5, receiverHosted(1));
  EXPECT_EQ(a.rest(), "Release import=43 count=1\nResolve promise=2 -> receiverHosted 44\n");
  for (uint32_t question : {1, 2}) a.finish(question, true);
  a.release(0, 1);
  for (uint32_t import : {0, 1, 2}) app.release(import, 1);
  EXPECT_FALSE(h.idle(app));  // an echo is owed
  app.send(wire::buildDisembargo(h.frames(), wire::DisembargoKind::kReceiverLoopback, 0,
                                 importedCap(0)));
  EXPECT_TRUE(h.empty()) << h.vat().dump();
  EXPECT_TRUE(h.idle(a));
  EXPECT_TRUE(h.idle(app));
  EXPECT_EQ(a.sortedRest(), "Release import=42 count=1\nRelease import=44 count=1\n");
  EXPECT_EQ(app.sortedRest(),
            "Finish q=0\nFinish q=1\nRelease import=0 count=1\nRelease import=4 count=2\n"
            "Release import=5 count=1\n");
}

}  // namespace
}  // namespace vatmesh::captp
