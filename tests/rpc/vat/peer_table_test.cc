// SPDX-License-Identifier: Apache-2.0
//
// Which of several links to one vat lives, and which serves. The table of ocaml-network 5.4.
#include "rpc/vat/peer_table.h"

#include <gtest/gtest.h>

namespace vatmesh::vat {
namespace {

using captp::LinkId;
using Verdict = PeerTable::Verdict;

constexpr std::string_view kSmall = "a digest";
constexpr std::string_view kGreat = "z digest";

class PeerTableTest : public testing::Test {
 protected:
  // A new link to `peer`, which isn't of our kind unless it has an instance.
  PeerTable::Decision add(uint32_t slot, std::string_view own, std::string_view peer,
                          Initiative initiative, std::string instance = {}) {
    return table_.add(own, {.link = link(slot),
                            .initiative = initiative,
                            .digest = std::string(peer),
                            .instance = std::move(instance)});
  }
  static LinkId link(uint32_t slot) { return {.slot = slot, .generation = 1}; }

  PeerTable table_;
};

TEST_F(PeerTableTest, FindsTheOnlyLinkWhoeverOpenedIt) {
  EXPECT_EQ(table_.find(kGreat), LinkId());
  EXPECT_EQ(add(1, kSmall, kGreat, Initiative::kTheirs).verdict, Verdict::kKept);
  EXPECT_EQ(table_.find(kGreat), link(1));
  EXPECT_EQ(table_.find(kSmall), LinkId());
  table_.remove(link(1));
  EXPECT_EQ(table_.find(kGreat), LinkId());
}

TEST_F(PeerTableTest, KeepsTheNewLinkThatTheGreaterVatHasOpened) {
  struct Case {
    std::string_view own, peer;
    Initiative initiative;
  };
  for (const Case& c :
       {Case{kGreat, kSmall, Initiative::kOurs}, Case{kSmall, kGreat, Initiative::kTheirs}}) {
    table_ = {};
    add(1, c.own, c.peer, Initiative::kOurs);
    const auto decision = add(2, c.own, c.peer, c.initiative);
    EXPECT_EQ(decision.verdict, Verdict::kReplaces);
    EXPECT_EQ(decision.others, std::vector<LinkId>{link(1)});
    EXPECT_EQ(table_.find(c.peer), link(2));
    table_.remove(link(1));  // its end is told too; harmless
    EXPECT_EQ(table_.find(c.peer), link(2));
  }
}

TEST_F(PeerTableTest, RefusesOurOwnNewLinkToAGreaterVat) {
  add(1, kSmall, kGreat, Initiative::kTheirs);
  const auto decision = add(2, kSmall, kGreat, Initiative::kOurs);
  EXPECT_EQ(decision.verdict, Verdict::kRefused);
  EXPECT_EQ(decision.others, std::vector<LinkId>{link(1)});
  EXPECT_EQ(table_.find(kGreat), link(1));
}

TEST_F(PeerTableTest, DoubtsTheOldLinkBeforeASmallerVatIsRefused) {
  add(1, kGreat, kSmall, Initiative::kTheirs);
  const auto decision = add(2, kGreat, kSmall, Initiative::kTheirs);
  EXPECT_EQ(decision.verdict, Verdict::kDoubted);
  EXPECT_EQ(decision.others, std::vector<LinkId>{link(1)});
  EXPECT_EQ(table_.find(kSmall), link(1)) << "the old one serves until it is known to be dead";
  EXPECT_EQ(table_.doubting(link(1)), std::vector<LinkId>{link(2)});

  table_.remove(link(1));
  EXPECT_EQ(table_.find(kSmall), link(2));
  EXPECT_TRUE(table_.doubting(link(2)).empty());
}

TEST_F(PeerTableTest, PutsTheLastOfSeveralDoubtersInThePlaceOfADeadLink) {
  add(1, kGreat, kSmall, Initiative::kTheirs);
  add(2, kGreat, kSmall, Initiative::kTheirs);
  add(3, kGreat, kSmall, Initiative::kTheirs);
  EXPECT_EQ(table_.doubting(link(1)), (std::vector<LinkId>{link(2), link(3)}));
  table_.remove(link(1));
  EXPECT_EQ(table_.find(kSmall), link(3));
  table_.remove(link(3));
  EXPECT_EQ(table_.find(kSmall), link(2));
}

TEST_F(PeerTableTest, KeepsTheOldLinkWhenTheDoubterGoes) {
  add(1, kGreat, kSmall, Initiative::kTheirs);
  add(2, kGreat, kSmall, Initiative::kTheirs);
  table_.remove(link(2));
  EXPECT_EQ(table_.find(kSmall), link(1));
  EXPECT_TRUE(table_.doubting(link(1)).empty());
}

TEST_F(PeerTableTest, ComparesDigestsAsUnsignedBytes) {
  const std::string high = "\xff", low = "\x01";
  add(1, high, low, Initiative::kTheirs);
  EXPECT_EQ(add(2, high, low, Initiative::kOurs).verdict, Verdict::kReplaces);
}

TEST_F(PeerTableTest, KeepsAllLinksOfVatsOfOurKind) {
  for (const auto own : {kSmall, kGreat}) {
    const auto peer = own == kSmall ? kGreat : kSmall;
    for (const auto initiative : {Initiative::kOurs, Initiative::kTheirs}) {
      table_ = {};
      add(1, own, peer, Initiative::kOurs, "i");
      EXPECT_EQ(add(2, own, peer, initiative, "i").verdict, Verdict::kKept);
      table_.remove(table_.find(peer));
      EXPECT_NE(table_.find(peer), LinkId()) << "the other one is there still";
    }
  }
}

TEST_F(PeerTableTest, PrefersAmongLinksOfOneInstanceTheOneOfTheGreaterVat) {
  add(1, kGreat, kSmall, Initiative::kTheirs, "i");
  add(2, kGreat, kSmall, Initiative::kOurs, "i");
  EXPECT_EQ(table_.find(kSmall), link(2));
  add(3, kGreat, kSmall, Initiative::kTheirs, "i");
  EXPECT_EQ(table_.find(kSmall), link(2));
}

TEST_F(PeerTableTest, PrefersTheInstanceThatCameLast) {
  add(1, kGreat, kSmall, Initiative::kOurs, "old");
  add(2, kGreat, kSmall, Initiative::kTheirs, "new");
  EXPECT_EQ(table_.find(kSmall), link(2));
}

}  // namespace
}  // namespace vatmesh::vat
