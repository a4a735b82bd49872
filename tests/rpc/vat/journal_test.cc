// SPDX-License-Identifier: Apache-2.0
//
// What stands in a journal and what does not. That it has the same effects when it is played again:
// tests/fuzz/journal_test.cc.
#include <gtest/gtest.h>

#include "rpc/vat/journal_reader.h"
#include "tests/rpc/captp/harness.h"

namespace vatmesh::vat {
namespace {

using captp::Harness;
using captp::Peer;
using Payloads = Journal::Payloads;

constexpr const char* kId = "swordfish-of-the-caller";
constexpr const char* kOtherId = "swordfish-of-the-application";
constexpr const char* kText = "what the application said";

// A Bootstrap with an id, a call on it, an exception, and the loss of a link.
std::string recorded(Payloads payloads, uint64_t limit = 1 << 20) {
  Journal journal(payloads, limit);
  Harness h;
  h.vat().recordIn(journal);
  Peer& a = h.peer();
  Peer& app = h.app();
  h.tick(Instant(std::chrono::seconds(5)));
  a.send(wire::buildBootstrap(h.frames(), 0, kId));
  h.complete(app, kOtherId);
  app.send(wire::buildReturnCapability(h.frames(), app.next().id, captp::senderHosted(0)));
  a.callImport(1, 0);
  app.returnException(app.next().id, kText);
  app.rest();
  // Echoed, with the id in it.
  a.send(wire::buildBootstrap(h.frames(), 2, kId));
  h.complete(app, kOtherId);
  auto unknown = wire::buildBootstrap(h.frames(), app.next().id, kOtherId);
  app.send(wire::buildUnimplemented(h.frames(), wire::toMessage(*unknown, h.buffers())));
  h.flush(a);
  h.lose(app, "Connection reset by peer");
  h.turn([&](Effects& out) {
    h.vat().closeLink(a.id(), Status(Code::kFailed, "the sidecar ends"), out);
  });
  return journal.take();
}

std::vector<JournalInput> read(std::string_view bytes) {
  std::vector<JournalInput> inputs;
  auto reader = JournalReader::open(bytes);
  EXPECT_TRUE(reader.ok());
  for (;;) {
    auto next = reader->next();
    EXPECT_TRUE(next.ok());
    if (!next.ok() || !*next) return inputs;
    inputs.push_back(std::move(**next));
  }
}

TEST(Journal, KeepsNoObjectIdAndNoText) {
  std::string journal = recorded(Payloads::kOmitted);
  EXPECT_EQ(journal.find("swordfish"), std::string::npos);
  EXPECT_EQ(journal.find(kText), std::string::npos);
}

TEST(Journal, KeepsNoObjectIdWithPayloadsEither) {
  std::string journal = recorded(Payloads::kRecorded);
  EXPECT_EQ(journal.find("swordfish"), std::string::npos);
  // Words of text without zeros stand there as they are, a byte of tag between them.
  EXPECT_NE(journal.find(" applica"), std::string::npos);
}

TEST(Journal, KeepsEveryInputInItsOrder) {
  auto inputs = read(recorded(Payloads::kOmitted));
  ASSERT_EQ(inputs.size(), 14u);
  EXPECT_EQ(std::get<JournalLink>(inputs[0]).info.kind, captp::LinkKind::kPeer);
  EXPECT_EQ(std::get<JournalLink>(inputs[1]).info.kind, captp::LinkKind::kApp);
  EXPECT_EQ(std::get<JournalLink>(inputs[1]).info.limits.stall, captp::Limits().stall);
  EXPECT_EQ(std::get<JournalTick>(inputs[2]).now, Instant(std::chrono::seconds(5)));
  EXPECT_EQ(std::get<JournalMessage>(inputs[3]).link, std::get<JournalLink>(inputs[0]).id);
  auto& completion = std::get<JournalCompletion>(inputs[4]);
  EXPECT_EQ(completion.result->link, std::get<JournalLink>(inputs[1]).id);
  EXPECT_EQ(completion.result->object_id.size(), std::string(kOtherId).size());
  for (size_t i : {5u, 6u, 7u, 8u, 10u}) {
    EXPECT_TRUE(std::holds_alternative<JournalMessage>(inputs[i])) << i;
  }
  EXPECT_GT(std::get<JournalFlushed>(inputs[11]).bytes, 0u);
  EXPECT_EQ(std::get<JournalLost>(inputs[12]).reason.message(), "Connection reset by peer");
  EXPECT_EQ(std::get<JournalClose>(inputs[13]).reason.message(), "the sidecar ends");
}

// A save that the vat makes for a peer is no input; what comes back from it is not recorded.
TEST(Journal, KeepsThatALinkLeadsToAGatewayAndEndsWithTheFirstAnswerToASave) {
  Journal journal(Payloads::kOmitted, 1 << 20);
  Harness h;
  h.objects().setSaver(
      [](SaveRequest, Responder responder) { responder.fail(Status(Code::kFailed, "no store")); });
  h.vat().recordIn(journal);
  Peer& a = h.peer();
  Peer& app = h.app();
  h.vat().makeGateway(app.id());
  h.connect(a, app);
  wire::OutCall save;
  save.question_id = 1;
  save.target = captp::importedCap(0);
  save.interface_id = 0xc8cb212fcd9f5691;
  a.send(wire::buildCall(h.frames(), save, {}));
  app.returnCaps(app.next().id, {});
  h.tick(Instant(std::chrono::seconds(5)));
  auto inputs = read(journal.take());
  ASSERT_EQ(inputs.size(), 11u);
  EXPECT_EQ(std::get<JournalGateway>(inputs[2]).link, app.id());
  EXPECT_TRUE(std::holds_alternative<JournalMessage>(inputs[8]));  // the application's answer
  EXPECT_FALSE(std::get<JournalCompletion>(inputs[9]).result.ok());
  EXPECT_TRUE(std::holds_alternative<JournalFull>(inputs[10]));
}

TEST(Journal, StopsAtItsLimitAndSaysSo) {
  std::string whole = recorded(Payloads::kOmitted);
  auto all = read(whole);
  for (uint64_t limit = kJournalHead + 3; limit < whole.size() + 2; ++limit) {
    std::string journal = recorded(Payloads::kOmitted, limit);
    ASSERT_LE(journal.size(), limit);
    auto inputs = read(journal);
    ASSERT_FALSE(inputs.empty());
    ASSERT_TRUE(std::holds_alternative<JournalFull>(inputs.back())) << limit;
    ASSERT_LE(inputs.size(), all.size());
  }
  EXPECT_EQ(recorded(Payloads::kOmitted, whole.size() + 2), whole);
}

TEST(Journal, IsReadWhateverItsBytesAre) {
  const std::string whole = recorded(Payloads::kOmitted);
  for (size_t at = kJournalHead; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ 1 << bit);
      auto reader = JournalReader::open(changed);
      ASSERT_TRUE(reader.ok());
      size_t entries = 0;
      for (auto next = reader->next(); next.ok() && *next; next = reader->next()) ++entries;
      ASSERT_LE(entries, whole.size());
    }
  }
}

}  // namespace
}  // namespace vatmesh::vat
