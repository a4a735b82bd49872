// SPDX-License-Identifier: Apache-2.0
//
// Peers that send anything: well-formed messages in any order, mostly with ids that are in use and
// now and then with ones that are not. Whatever they do costs at most their own link; the tables
// stay sound, and end empty.
#include <random>

#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

// What one peer has seen of its link.
struct Seen {
  std::vector<uint32_t> asked;  // questions of the vat that wait for a Return
  std::vector<uint32_t> given;  // exports of the vat
  std::vector<uint32_t> mine;   // questions to the vat

  void read(Peer& peer) {
    while (!peer.quiet()) {
      wire::Envelope message = peer.next();
      if (message.kind == wire::MessageKind::kCall ||
          message.kind == wire::MessageKind::kBootstrap) {
        asked.push_back(message.id);
      }
      for (const wire::Descriptor& descriptor : message.descriptors) {
        if (descriptor.kind == wire::DescriptorKind::kSenderHosted ||
            descriptor.kind == wire::DescriptorKind::kSenderPromise) {
          given.push_back(descriptor.id);
        }
      }
    }
  }
};

// Makes random messages from what a peer has seen.
class Babbler {
 public:
  Babbler(Harness& harness, uint32_t seed) : harness_(harness), random_(seed) {}

  void speakFor(Seen& seen) { seen_ = &seen; }
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }
  // Our own exports, or anything at all.
  uint32_t id() { return below(6); }
  uint32_t oneOf(const std::vector<uint32_t>& ids) {
    return ids.empty() || below(100) == 0 ? id() : ids[below(static_cast<uint32_t>(ids.size()))];
  }
  uint32_t take(std::vector<uint32_t>& ids) {
    uint32_t taken = oneOf(ids);
    if (below(50) != 0) std::erase(ids, taken);
    return taken;
  }
  uint32_t fresh() {
    uint32_t made = below(100) == 0 ? id() : next_question_++;
    seen_->mine.push_back(made);
    return made;
  }

  std::span<const uint16_t> path() {
    static const std::array<uint16_t, 2> kSteps = {0, 1};
    return std::span(kSteps).first(below(3));
  }

  wire::OutDescriptor descriptor() {
    switch (below(6)) {
      case 0:
        return {};
      case 1:
        return senderHosted(id());
      case 2:
        return senderPromise(id());
      case 3:
        return receiverHosted(oneOf(seen_->given));
      default:
        return receiverAnswer(oneOf(seen_->mine), path());
    }
  }

  std::vector<wire::OutDescriptor> descriptors() {
    std::vector<wire::OutDescriptor> all(below(4));
    for (auto& one : all) one = descriptor();
    return all;
  }

  wire::OutTarget target() {
    return below(2) == 0 && !seen_->given.empty() ? importedCap(oneOf(seen_->given))
                                                  : promisedAnswer(oneOf(seen_->mine), path());
  }

  wire::FrameRef message() {
    wire::FramePool& frames = harness_.frames();
    switch (below(16)) {
      case 0:
        return wire::buildBootstrap(frames, fresh(), "");
      case 1:
      case 2:
      case 3:
      case 4:
      case 5: {
        wire::OutCall call;
        call.target = target();
        call.question_id = fresh();
        if (below(4) == 0) call.send_results_to = wire::SendResultsTo::kYourself;
        return wire::buildCall(frames, call, descriptors());
      }
      case 6:
      case 7:
      case 8:
        return wire::buildReturnResults(frames, {take(seen_->asked), below(4) == 0}, descriptors());
      case 9:
        return wire::buildReturnException(frames, take(seen_->asked),
                                          static_cast<uint16_t>(below(5)), "why");
      case 10:
        return wire::buildReturnTakeFrom(frames, take(seen_->asked), oneOf(seen_->mine));
      case 11:
        return wire::buildFinish(frames, take(seen_->mine), below(2) == 0, below(2) == 0);
      case 12:
        return wire::buildResolve(frames, id(), descriptor());
      case 13:
        return wire::buildRelease(frames, take(seen_->given), 1);
      case 14:
        return wire::buildResolveException(frames, id(), 0, "broken");
      default:
        return wire::buildDisembargo(frames,
                                     below(50) == 0 ? wire::DisembargoKind::kReceiverLoopback
                                                    : wire::DisembargoKind::kSenderLoopback,
                                     id(), target());
    }
  }

 private:
  Harness& harness_;
  std::mt19937 random_;
  Seen* seen_ = nullptr;
  uint32_t next_question_ = 0;
};

struct Stranger {
  Peer* peer;
  Seen seen;
};

// One life of three links; a link that was ended is replaced. Gives the number of messages that
// were heard before their link ended.
int babble(uint32_t seed, int steps) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Harness h;
  Babbler babbler(h, seed);
  std::vector<Stranger> strangers = {{&h.peer(), {}}, {&h.app(), {}}, {&h.peer(), {}}};
  int heard = 0;
  for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
    Stranger& stranger = strangers[babbler.below(3)];
    if (stranger.peer->closed()) stranger = {&h.peer(), {}};
    if (h.restores() > 0 && babbler.below(3) == 0) {
      Peer* other = strangers[babbler.below(3)].peer;
      if (babbler.below(5) == 0 || other->closed()) {
        h.completeWith(Status(Code::kFailed, "not found"));
      } else {
        h.complete(*other);
      }
    } else if (babbler.below(200) == 0) {
      h.lose(*stranger.peer);
      stranger = {&h.peer(), {}};
    } else {
      stranger.seen.read(*stranger.peer);
      babbler.speakFor(stranger.seen);
      stranger.peer->send(babbler.message());
      if (!stranger.peer->closed()) ++heard;
    }
  }
  return heard;
}

TEST(HostilePeers, CostAtMostTheirOwnLink) {
  int heard = 0;
  for (uint32_t seed = 1; seed <= 300 && !HasFailure(); ++seed) heard += babble(seed, 400);
  // Else the test would have looked at nothing but refusals.
  EXPECT_GT(heard, 300 * 400 / 2);
}

}  // namespace
}  // namespace vatmesh::captp
