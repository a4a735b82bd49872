// SPDX-License-Identifier: Apache-2.0
//
// Random peers, application and store: whatever the order of things, each Bootstrap has one answer,
// what was revoked is cut, and in the end nothing is left.
#include <map>
#include <random>
#include <set>

#include "tests/sidecar/restore/stored_refs_fixture.h"

namespace vatmesh::restore {
namespace {

class StoredRefsRandomTest : public StoredRefsTest {
 protected:
  static constexpr size_t kIds = 3;
  static constexpr int kSteps = 80;
  struct Peer {
    std::unique_ptr<test::RawVat> end;
    uint32_t questions = 0;
    std::map<uint32_t, size_t> open;  // what it has asked and not finished, with the id's number
  };

  static std::string id(size_t number) { return "id " + std::to_string(number); }
  size_t below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random_);
  }

  void ask(Peer& peer) {
    const size_t number = below(kIds);
    peer.open.emplace(peer.questions, number);
    peer.end->bootstrap(peer.questions++, id(number));
  }
  void finish(Peer& peer) {
    if (peer.open.empty()) return;
    const auto question = std::next(peer.open.begin(), static_cast<long>(below(peer.open.size())));
    peer.end->finish(question->first, /*release_result_caps=*/true);
    peer.open.erase(question);
  }
  void leave(Peer& peer) {
    peer.end->hangUp();
    until([&] { return peer.end->over(); });
    peer = Peer{.end = this->peer(), .questions = 0, .open = {}};
  }
  // The application answers something, or has another link from now on.
  void act() {
    if (source_.asked.empty() || below(8) == 0) {
      source_.link = captp::LinkId{.slot = static_cast<uint32_t>(below(3)), .generation = 1};
      return;
    }
    const size_t index = below(source_.asked.size());
    FakeSource::Asked asked = std::move(source_.asked[index]);
    source_.asked.erase(source_.asked.begin() + static_cast<long>(index));
    if (below(4) == 0) {
      asked.done(Status(Code::kFailed, "no"));
    } else {
      asked.done(object());
    }
  }
  void change() {
    const store::Digest digest = digestOf(id(below(kIds)));
    if (below(2) == 0) {
      store_.remove(digest, store::kAnyVersion, [](const auto&) {});
    } else {
      store_.put(digest, refTo("object"), store::kNoVersion, [](const auto&) {});
    }
  }
  void hold() {
    if (store_.holding) {
      store_.release();
    } else {
      store_.holding = true;
    }
  }
  void fail() {
    store_.failing = store_.failing.ok() ? Status(Code::kUnavailable, "away") : Status();
  }
  void step(std::vector<Peer>& peers) {
    Peer& peer = peers[below(peers.size())];
    switch (below(12)) {
      case 0:
        return leave(peer);
      case 1:
      case 2:
        return finish(peer);
      case 3:
        return change();
      case 4:
        return hold();
      case 5:
        return below(3) == 0 ? fail() : stored_.changed(std::nullopt);
      case 6:
      case 7:
      case 8:
        return act();
      default:
        return ask(peer);
    }
  }
  bool allAnswered(const std::vector<Peer>& peers) const {
    for (const Peer& peer : peers) {
      for (const auto& [question, number] : peer.open) {
        if (peer.end->returned(question) == nullptr) return false;
      }
    }
    return true;
  }
  // Everything that is still held, or can be had, is answered.
  void settle(std::vector<Peer>& peers) {
    store_.failing = Status();
    if (store_.holding) store_.release();
    until([&] {
      while (!source_.asked.empty()) act();
      return allAnswered(peers);
    });
  }
  void revokeAll() {
    for (size_t number = 0; number < kIds; ++number) {
      store_.remove(digestOf(id(number)), store::kAnyVersion, [](const auto&) {});
    }
    until([&] { return stored_.objects() == 0; });
  }

  std::mt19937_64 random_;
};

TEST_F(StoredRefsRandomTest, AnswersAllAndCutsAllAndKeepsNothing) {
  int cut = 0;
  for (uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_.seed(seed);
    std::vector<Peer> peers(3);
    for (Peer& peer : peers) peer.end = this->peer();
    for (int i = 0; i < kSteps; ++i) {
      step(peers);
      turns(static_cast<int>(below(3)));
    }
    settle(peers);
    revokeAll();
    for (Peer& peer : peers) {
      if (peer.open.empty()) continue;
      const uint32_t question = peer.open.begin()->first;
      if (outcome(*peer.end->returned(question)) != "ok") continue;
      ++cut;
      const uint32_t asked = peer.questions++;
      peer.end->callAnswer(asked, question);
      until([&] { return peer.end->returned(asked) != nullptr; });
      EXPECT_NE(outcome(*peer.end->returned(asked)).find("was revoked"), std::string::npos)
          << outcome(*peer.end->returned(asked));
    }
    for (Peer& peer : peers) {
      peer.end->hangUp();
      until([&] { return peer.end->over(); });
    }
    until([&] { return grants_.size() == 0 && stored_.objects() == 0; });
    source_.asked.clear();
    ASSERT_FALSE(testing::Test::HasFailure());
  }
  EXPECT_GT(cut, 20);  // the steps lead somewhere
}

}  // namespace
}  // namespace vatmesh::restore
