// SPDX-License-Identifier: Apache-2.0
//
// E-order over slow links: whatever moves where, calls that were made through one reference arrive
// in the order in which they were made (captp-engine 2.7, 0.1.1; scenarios 22, 58, 66, 79 for the
// routes that exist). Peers A, B and C at distances of their own around one vat:
//
//   A holds a promise (or a field of an answer) of B and calls c0, c1, ... through it, switching to
//     whatever it is told of as soon as it is told, behind an embargo if that is its own object
//   B resolves it, once or twice, to the target, and sends back what reaches the old place
//   C hosts the target; in some tests A does
//
// Each test tries every moment of B's resolutions between A's calls.
#include <functional>
#include <queue>

#include "tests/rpc/captp/harness.h"

namespace vatmesh::captp {
namespace {

using wire::DescriptorKind;
using wire::MessageKind;

// Ids of the peers' own exports.
constexpr uint32_t kTarget = 9;
constexpr uint32_t kPromise = 42;
constexpr uint32_t kMiddle = 43;

class World {
 public:
  struct Distance {
    int a, b, c;  // time that a message takes between the vat and the peer
  };
  enum class Host { kC, kA };
  enum class Form { kPromised, kField };

  World(Distance distance, Host host, Form form)
      : host_(host),
        form_(form),
        a_{h_.peer(), distance.a, {}},
        b_{h_.peer(), distance.b, {}},
        c_{h_.peer(), distance.c, {}} {
    a_.heard = [this](const wire::Envelope& message) { atA(message); };
    b_.heard = [this](const wire::Envelope& message) { atB(message); };
    c_.heard = [this](const wire::Envelope& message) { atHost(message); };
    setUp();
  }

  // A makes call `number` at `time`.
  void callAt(int time, uint16_t number) {
    at(time, [this, number] { callFromA(number); });
  }
  // B announces at `time` that its promise is `to`, which it is no longer when it is kTarget.
  void resolveAt(int time, uint32_t promise, bool to_target) {
    at(time, [this, promise, to_target] {
      say(b_, [=, this] {
        auto to = to_target ? receiverHosted(target_at_b_) : senderPromise(kMiddle);
        return wire::buildResolve(h_.frames(), promise, to);
      });
    });
  }
  // B returns A's question with the target in field 0.
  void returnAt(int time) {
    at(time, [this] {
      say(b_, [this] {
        return wire::buildReturnResults(h_.frames(), {asked_, false},
                                        std::vector{receiverHosted(target_at_b_)});
      });
    });
  }

  // The calls as they arrived.
  std::vector<uint16_t> run() {
    while (!events_.empty()) {
      Event event = events_.top();
      events_.pop();
      now_ = event.time;
      event.act();
    }
    return arrived_;
  }

 private:
  struct Place {
    Peer& peer;
    int distance;
    std::function<void(const wire::Envelope&)> heard;
  };
  struct Event {
    int time;
    int number;
    std::function<void()> act;
    bool operator>(const Event& other) const {
      return std::pair(time, number) > std::pair(other.time, other.number);
    }
  };

  void at(int time, std::function<void()> act) {
    events_.push({time, ++events_made_, std::move(act)});
  }

  // A message from `place` reaches the vat after its distance, and so does what that makes the vat
  // send.
  void say(Place& place, std::function<wire::FrameRef()> frame) {
    at(now_ + place.distance, [this, &place, frame] {
      place.peer.send(frame());
      for (Place* to : {&a_, &b_, &c_}) {
        while (!to->peer.quiet()) {
          at(now_ + to->distance, [to, message = to->peer.next()] { to->heard(message); });
        }
      }
    });
  }

  // Without time: B imports the target, A gets B's promise as import 0, or asks question 1.
  void setUp() {
    Peer& host = host_ == Host::kC ? c_.peer : a_.peer;
    b_.peer.bootstrap(0);
    h_.complete(host);
    host.send(wire::buildReturnCapability(h_.frames(), host.next().id, senderHosted(kTarget)));
    target_at_b_ = b_.peer.next().descriptors[0].id;
    b_.peer.finish(0);
    host.rest();
    a_.peer.bootstrap(0);
    h_.complete(b_.peer);
    auto first = form_ == Form::kPromised ? senderPromise(kPromise) : senderHosted(1);
    b_.peer.send(wire::buildReturnCapability(h_.frames(), b_.peer.next().id, first));
    reference_ = a_.peer.next().descriptors[0].id;
    a_.peer.finish(0);
    if (form_ == Form::kField) {
      a_.peer.callImport(1, reference_, 100);
      b_.peer.next();  // Finish
      asked_ = b_.peer.next().id;
    }
    for (Place* place : {&a_, &b_, &c_}) place->peer.rest();
  }

  wire::OutTarget oldTarget() {
    static constexpr std::array<uint16_t, 1> kField = {0};
    return promised_ && form_ == Form::kField ? promisedAnswer(1, kField) : importedCap(reference_);
  }

  void callFromA(uint16_t number) {
    if (embargoed_) return held_.push_back(number);
    if (own_) return arrived_.push_back(number);
    uint32_t question = next_question_++;
    wire::OutTarget target = oldTarget();
    say(a_, [=, this] {
      wire::OutCall call;
      call.question_id = question;
      call.target = target;
      call.method_id = number;
      return wire::buildCall(h_.frames(), call, {});
    });
  }

  void atA(const wire::Envelope& message) {
    if (message.kind == MessageKind::kCall) return arrived_.push_back(message.method_id);
    if (message.kind == MessageKind::kDisembargo) return lift();
    bool moved = message.kind == MessageKind::kResolve ||
                 (message.kind == MessageKind::kReturn && message.id == 1 && form_ == Form::kField);
    if (!moved) return;
    ASSERT_EQ(message.descriptors.size(), 1u) << wire::describe(message);
    const wire::Descriptor& to = message.descriptors[0];
    if (to.kind == DescriptorKind::kReceiverHosted) {
      embargoed_ = true;
      wire::OutTarget target = oldTarget();
      say(a_, [=, this] {
        return wire::buildDisembargo(h_.frames(), wire::DisembargoKind::kSenderLoopback, 7, target);
      });
    } else {
      ASSERT_TRUE(to.kind == DescriptorKind::kSenderHosted ||
                  to.kind == DescriptorKind::kSenderPromise);
      reference_ = to.id;
      promised_ = false;
    }
  }
  void lift() {
    embargoed_ = false;
    own_ = true;
    for (uint16_t number : std::exchange(held_, {})) arrived_.push_back(number);
  }

  // What comes to a place that has moved away goes on to where it is now, Disembargoes too.
  void atB(const wire::Envelope& message) {
    if (message.kind == MessageKind::kCall) {
      uint32_t question = next_question_++;
      say(b_, [=, this, number = message.method_id] {
        wire::OutCall call;
        call.question_id = question;
        call.target = importedCap(target_at_b_);
        call.method_id = number;
        return wire::buildCall(h_.frames(), call, {});
      });
    } else if (message.kind == MessageKind::kDisembargo) {
      say(b_, [=, this, id = message.id] {
        return wire::buildDisembargo(h_.frames(), wire::DisembargoKind::kReceiverLoopback, id,
                                     importedCap(target_at_b_));
      });
    }
  }
  void atHost(const wire::Envelope& message) {
    if (message.kind == MessageKind::kCall) arrived_.push_back(message.method_id);
  }

  Harness h_;
  Host host_;
  Form form_;
  Place a_, b_, c_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  int events_made_ = 0;
  int now_ = 0;
  uint32_t next_question_ = 10;
  uint32_t target_at_b_ = 0;
  uint32_t asked_ = 0;      // A's question 1 as B knows it
  uint32_t reference_ = 0;  // A's import
  bool promised_ = true;    // A knows of nothing but its question yet
  bool embargoed_ = false;
  bool own_ = false;
  std::vector<uint16_t> held_;
  std::vector<uint16_t> arrived_;
};

constexpr World::Distance kDistances[] = {
    {50, 5, 1}, {5, 50, 1}, {1, 5, 50}, {5, 5, 5}, {50, 50, 1}};

std::vector<uint16_t> upTo(uint16_t count) {
  std::vector<uint16_t> numbers(count);
  for (uint16_t i = 0; i < count; ++i) numbers[i] = i;
  return numbers;
}

// c0 may be far ahead, so that the promise is used or unused when it moves; c1 and c2 are close
// together.
void callThrice(World& world, bool used) {
  world.callAt(used ? 0 : 250, 0);
  world.callAt(250, 1);
  world.callAt(256, 2);
}

TEST(Order, IsKeptWhenAPromiseMovesToAThirdPeer) {
  for (World::Distance distance : kDistances) {
    for (bool used : {true, false}) {
      for (int time = 100; time < 320; time += 3) {
        World world(distance, World::Host::kC, World::Form::kPromised);
        callThrice(world, used);
        world.resolveAt(time, kPromise, true);
        ASSERT_EQ(world.run(), upTo(3)) << "resolved at " << time << ", used " << used;
      }
    }
  }
}

TEST(Order, IsKeptWhenAPromiseMovesToItsHolder) {
  for (World::Distance distance : kDistances) {
    for (bool used : {true, false}) {
      for (int time = 100; time < 320; time += 3) {
        World world(distance, World::Host::kA, World::Form::kPromised);
        callThrice(world, used);
        world.resolveAt(time, kPromise, true);
        ASSERT_EQ(world.run(), upTo(3)) << "resolved at " << time << ", used " << used;
      }
    }
  }
}

// The promise becomes another one of B, and that one moves away before A has heard of it.
TEST(Order, IsKeptAlongAChainOfPromises) {
  for (World::Distance distance : kDistances) {
    for (World::Host host : {World::Host::kC, World::Host::kA}) {
      for (int first = 90; first < 300; first += 7) {
        for (int wait : {1, 2, 40, 120}) {
          World world(distance, host, World::Form::kPromised);
          callThrice(world, true);
          world.callAt(300, 3);
          world.resolveAt(first, kPromise, false);
          world.resolveAt(first + wait, kMiddle, true);
          ASSERT_EQ(world.run(), upTo(4)) << "resolved at " << first << " and " << wait << " later";
        }
      }
    }
  }
}

TEST(Order, IsKeptWhenAFieldIsAThirdPeersObject) {
  for (World::Distance distance : kDistances) {
    for (bool used : {true, false}) {
      for (int time = 100; time < 320; time += 3) {
        World world(distance, World::Host::kC, World::Form::kField);
        callThrice(world, used);
        world.returnAt(time);
        ASSERT_EQ(world.run(), upTo(3)) << "returned at " << time << ", used " << used;
      }
    }
  }
}

TEST(Order, IsKeptWhenAFieldIsTheCallersOwnObject) {
  for (World::Distance distance : kDistances) {
    for (bool used : {true, false}) {
      for (int time = 100; time < 320; time += 3) {
        World world(distance, World::Host::kA, World::Form::kField);
        callThrice(world, used);
        world.returnAt(time);
        ASSERT_EQ(world.run(), upTo(3)) << "returned at " << time << ", used " << used;
      }
    }
  }
}

}  // namespace
}  // namespace vatmesh::captp
