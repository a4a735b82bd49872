// SPDX-License-Identifier: Apache-2.0
//
// Capability descriptors of every kind in parameters and results: what is broken, null, unknown or
// third-party (captp-engine 2.3; scenarios 32, 62, part of 87).
#include "tests/rpc/captp/draft.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

class Descriptor : public testing::Test {
 protected:
  Descriptor() : a(h.peer()), app(h.app()) { h.connect(a, app); }

  wire::FrameRef callWith(uint32_t question, const std::vector<wire::OutDescriptor>& table) {
    wire::OutCall call;
    call.question_id = question;
    call.target = importedCap(0);
    return wire::buildCall(h.frames(), call, table);
  }
  // a's question `question`, returned by the application with `table`.
  void returned(uint32_t question, const std::vector<wire::OutDescriptor>& table) {
    a.callImport(question, 0);
    app.returnCaps(app.next().id, table);
  }

  static constexpr const char* kNoExport = "receiverHosted names an export that does not exist";

  Harness h;
  Peer& a;
  Peer& app;
};

TEST_F(Descriptor, OfAnUnknownExportInParametersIsBroken) {
  a.callImport(1, 0, 0, {receiverHosted(99)});
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x1234/0 caps=[senderPromise 0]");
  EXPECT_EQ(app.nextLine(),
            std::string("Resolve promise=0 -> exception failed \"") + kNoExport + "\"");
  app.callImport(0, 0, 5);
  EXPECT_EQ(app.nextLine(), std::string("Return a=0 exception failed \"") + kNoExport + "\"");
  app.release(0, 1);
  EXPECT_FALSE(a.closed());
  EXPECT_FALSE(app.closed());
}

TEST_F(Descriptor, OfAnUnknownExportInResultsIsBroken) {
  returned(1, {receiverHosted(99)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  EXPECT_EQ(a.nextLine(),
            std::string("Resolve promise=1 -> exception failed \"") + kNoExport + "\"");
  a.finish(1, true);
  EXPECT_EQ(app.rest(), "Finish q=0\n");
  a.release(0, 1);
  EXPECT_TRUE(h.empty());
}

TEST_F(Descriptor, BrokenInTwoWaysIsOneEntryEach) {
  a.callImport(1, 0, 0, {receiverHosted(98), receiverAnswer(99, {})});
  EXPECT_EQ(app.nextLine(),
            "Call q=0 -> import 0 0x1234/0 caps=[senderPromise 0, senderPromise 1]");
  EXPECT_EQ(app.next().kind, wire::MessageKind::kResolve);
  EXPECT_EQ(app.next().kind, wire::MessageKind::kResolve);
  EXPECT_TRUE(app.quiet());
}

// The same broken object: one entry in one message, another one in the next, since the peer may
// have forgotten the first when it saw its Resolve.
TEST_F(Descriptor, BrokenAgainInAnotherMessageIsANewEntry) {
  Peer& c = h.peer();
  h.connect(c, app);
  c.callImport(1, 0, 0, {senderHosted(9)});
  app.nextLine();
  returned(1, {receiverHosted(0)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  h.lose(c, "cable cut");
  app.rest();
  a.callImport(2, 0, 0, {receiverHosted(1), receiverHosted(1)});
  wire::Envelope call = app.next();
  ASSERT_EQ(call.descriptors.size(), 2u);
  EXPECT_EQ(call.descriptors[0].kind, wire::DescriptorKind::kSenderPromise);
  EXPECT_EQ(call.descriptors[0].id, call.descriptors[1].id);
  EXPECT_EQ(app.nextLine(), "Resolve promise=" + std::to_string(call.descriptors[0].id) +
                                " -> exception disconnected \"cable cut\"");
  EXPECT_TRUE(app.quiet());
  a.callImport(3, 0, 0, {receiverHosted(1)});
  EXPECT_NE(app.next().descriptors[0].id, call.descriptors[0].id);
  app.release(call.descriptors[0].id, 2);
  EXPECT_FALSE(app.closed());
}

TEST_F(Descriptor, OfAnUnknownKindInParametersIsBroken) {
  a.send(Draft(callWith(1, {senderHosted(5), senderHosted(6)})).descriptorTag(0, 9).take());
  EXPECT_EQ(app.nextLine(), "Call q=0 -> import 0 0x0/0 caps=[senderPromise 0, senderHosted 1]");
  EXPECT_EQ(app.nextLine(),
            "Resolve promise=0 -> exception unimplemented \"a capability of a kind that we don't "
            "know\"");
}

TEST_F(Descriptor, OfAnUnknownKindInResultsIsBroken) {
  a.callImport(1, 0);
  app.nextLine();
  app.send(Draft(wire::buildReturnResults(h.frames(), {0, false}, std::vector{senderHosted(5)}))
               .descriptorTag(0, 9)
               .take());
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  EXPECT_EQ(a.next().exception.type, 3);
  EXPECT_FALSE(app.closed());
}

TEST_F(Descriptor, OfAThirdPartyIsItsVine) {
  a.callImport(1, 0);
  app.nextLine();
  app.send(
      Draft(wire::buildReturnResults(h.frames(), {0, false}, std::vector{receiverAnswer(6, {})}))
          .descriptorTag(0, 5)
          .take());
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderHosted 1]");
  a.callImport(2, 1, 3);
  EXPECT_EQ(app.nextLine(), "Call q=1 -> import 6 0x1234/3");
  a.finish(1, true);
  EXPECT_EQ(app.sortedRest(), "Finish q=0\nRelease import=6 count=1\n");
}

TEST_F(Descriptor, TableKeepsOrderAndSize) {
  a.callImport(1, 0, 0, {{}, senderHosted(5), receiverHosted(0), receiverHosted(99), {}});
  EXPECT_EQ(app.nextLine(),
            "Call q=0 -> import 0 0x1234/0 caps=[none, senderHosted 0, receiverHosted 0, "
            "senderPromise 1, none]");
}

TEST_F(Descriptor, OfALostLinksObjectInResultsIsBroken) {
  Peer& c = h.peer();
  h.connect(c, app);
  c.callImport(1, 0, 0, {senderHosted(9)});
  app.nextLine();
  a.callImport(1, 0);
  h.lose(c, "cable cut");
  app.rest();
  app.returnCaps(1, {receiverHosted(0)});
  EXPECT_EQ(a.nextLine(), "Return a=1 results caps=[senderPromise 1]");
  EXPECT_EQ(a.nextLine(), "Resolve promise=1 -> exception disconnected \"cable cut\"");
}

TEST_F(Descriptor, CalledAfterItsLinkIsLostFails) {
  Peer& c = h.peer();
  h.connect(c, app);
  c.callImport(1, 0, 0, {senderHosted(9)});
  app.nextLine();
  h.lose(c, "cable cut");
  app.rest();
  app.callImport(3, 0, 1);
  EXPECT_EQ(app.nextLine(), "Return a=3 exception disconnected \"cable cut\"");
  app.release(0, 1);
  EXPECT_TRUE(h.vat().tableSizes().exports == 1);  // a's
}

}  // namespace
}  // namespace vatmesh::captp
