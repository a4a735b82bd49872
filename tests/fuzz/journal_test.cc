// SPDX-License-Identifier: Apache-2.0
//
// What was recorded in any run of the fuzzer has the same effects when it is played again.
#include <algorithm>

#include <gtest/gtest.h>

#include "rpc/wire/build.h"
#include "rpc/wire/printer.h"
#include "tests/fuzz/journal_replay.h"
#include "tests/fuzz/world.h"

namespace vatmesh::fuzz {
namespace {

using Payloads = vat::Journal::Payloads;
using Lines = std::vector<std::string>;

Lines replayed(const std::string& journal) {
  Lines lines;
  auto result = replayJournal(
      journal, [](const std::string&) {}, [&](const std::string& line) { lines.push_back(line); });
  EXPECT_EQ(result.failure, "");
  EXPECT_FALSE(result.cut);
  return lines;
}

// Without what is in quotes: texts are no part of a journal without payloads.
Lines withoutTexts(Lines lines) {
  for (std::string& line : lines) {
    size_t begin = line.find('"');
    if (begin != std::string::npos) line.erase(begin);
  }
  return lines;
}

TEST(JournalReplay, HasTheSameEffectsAsTheRun) {
  size_t effects = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    for (const Recording& each : record(makeRun(seed), Payloads::kRecorded)) {
      ASSERT_EQ(replayed(each.journal), each.effects) << "seed " << seed;
      effects += each.effects.size();
    }
  }
  EXPECT_GT(effects, 2000u);
}

TEST(JournalReplay, HasTheSameEffectsWithoutPayloads) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    for (const Recording& each : record(makeRun(seed), Payloads::kOmitted)) {
      ASSERT_EQ(withoutTexts(replayed(each.journal)), withoutTexts(each.effects))
          << "seed " << seed;
    }
  }
}

// The call that the vat makes in the place of a peer's save comes about again by itself.
TEST(JournalReplay, MakesTheSavesOfAGatewayAgain) {
  wire::BufferPool buffers;
  vat::Journal journal(Payloads::kOmitted, 1 << 20);
  vat::Vat vat;
  vat.recordIn(journal);
  captp::Effects effects;
  const captp::LinkId peer = vat.addLink({});
  vat::LinkInfo info;
  info.kind = captp::LinkKind::kApp;
  const captp::LinkId app = vat.addLink(info);
  vat.makeGateway(app);
  auto send = [&](captp::LinkId link, const wire::FrameRef& frame) {
    vat.onMessage(link, wire::toMessage(*frame, buffers), effects);
  };
  send(peer, wire::buildBootstrap(vat.framePool(), 0, ""));
  vat.complete(std::get<captp::Start>(effects.at(0)).op, vat::BootstrapOf{app, ""}, effects);
  wire::OutCall save;
  save.question_id = 1;
  save.target = {wire::Target::Kind::kPromisedAnswer, 0, {}};
  save.interface_id = 0xc8cb212fcd9f5691;
  send(peer, wire::buildCall(vat.framePool(), save, {}));
  send(app, wire::buildReturnException(vat.framePool(), 1, 0, "no"));
  Lines lines;
  for (const captp::Effect& effect : effects) lines.push_back(describe(effect));
  EXPECT_EQ(std::ranges::count(lines, "operation 2 saves by call 1 for link 0.1"), 1);
  EXPECT_EQ(withoutTexts(replayed(journal.take())), withoutTexts(lines));
}

TEST(JournalReplay, GoesUpToWhereTheJournalWasCut) {
  Recording whole = record(makeRun(3), Payloads::kOmitted).at(0);
  Lines all = replayed(whole.journal);
  size_t last = 0;
  for (size_t size = vat::kJournalHead; size < whole.journal.size(); size += 97) {
    Lines lines;
    auto result = replayJournal(
        whole.journal.substr(0, size), [](const std::string&) {},
        [&](const std::string& line) { lines.push_back(line); });
    ASSERT_EQ(result.failure, "");
    ASSERT_GE(result.inputs, last);
    last = result.inputs;
    ASSERT_LE(lines.size(), all.size());
    ASSERT_TRUE(std::equal(lines.begin(), lines.end(), all.begin()));
  }
  EXPECT_GT(last, 10u);
}

TEST(JournalReplay, RefusesWhatIsNoJournal) {
  Recording whole = record(makeRun(3), Payloads::kOmitted).at(0);
  auto silent = [](const std::string&) {};
  EXPECT_NE(replayJournal("hello, world", silent, silent).failure, "");
  std::string other = whole.journal;
  other[3] = 99;
  EXPECT_EQ(replayJournal(other, silent, silent).failure,
            "this journal has version 99, known is 1");
  // An entry of no known kind.
  EXPECT_EQ(replayJournal(whole.journal + std::string("\x63\0", 2), silent, silent).failure,
            "the journal has an entry that can't be one");
}

}  // namespace
}  // namespace vatmesh::fuzz
