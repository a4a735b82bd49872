// SPDX-License-Identifier: Apache-2.0
//
// Harness drives one vat without I/O between scripted peers. Each input is one turn; afterwards
// every effect lands where it belongs (frames in the inbox of the peer that they were sent to) and
// the invariants are checked.
//
//   Harness h;
//   Peer& a = h.peer();
//   Peer& app = h.app();
//   a.send(wire::buildBootstrap(h.frames(), 0, ""));
//   h.complete(app);                       // the restore found the application's bootstrap
//   EXPECT_EQ(app.next().kind, wire::MessageKind::kBootstrap);
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "rpc/vat/objects.h"
#include "rpc/vat/vat.h"
#include "rpc/wire/build.h"
#include "rpc/wire/envelope.h"
#include "rpc/wire/printer.h"

namespace vatmesh::captp {

class Harness;

// The other end of one link, played by the test.
class Peer {
 public:
  Peer(Harness& harness, LinkId id) : harness_(harness), id_(id) {}

  LinkId id() const { return id_; }

  // One message from this peer to the vat.
  void send(const wire::FrameRef& frame);
  void send(wire::InMessage&& message);
  // The oldest message that the vat sent here and that was not looked at; a test failure when there
  // is none.
  wire::Envelope next();
  // The same as a line.
  std::string nextLine();
  // The same as it was sent.
  wire::FrameRef take();
  // True when nothing is left to look at.
  bool quiet() const { return inbox_.empty(); }
  // Everything left, a line each.
  std::string rest();
  // The same, sorted: for messages whose order among each other is nobody's business.
  std::string sortedRest();

  // Set once the vat has closed the link, to its reason.
  const std::optional<Status>& closed() const { return closed_; }
  // Whether the vat wants nothing to be read from it; what is sent all the same arrives.
  bool paused() const { return paused_; }
  // What the vat told last of the link's tables: whether they are empty.
  bool toldIdle() const { return told_idle_; }

  // What is most often sent.
  void bootstrap(uint32_t question);
  void call(uint32_t question, const wire::OutTarget& target, uint16_t method = 0,
            const std::vector<wire::OutDescriptor>& capabilities = {});
  void callImport(uint32_t question, uint32_t import, uint16_t method = 0,
                  const std::vector<wire::OutDescriptor>& capabilities = {});
  void callAnswer(uint32_t question, uint32_t answer, const std::vector<uint16_t>& path,
                  uint16_t method = 0, const std::vector<wire::OutDescriptor>& capabilities = {});
  void tailCall(uint32_t question, const wire::OutTarget& target, uint16_t method = 0);
  // Results whose content is a struct with one capability per field, in order.
  void returnCaps(uint32_t answer, const std::vector<wire::OutDescriptor>& capabilities);
  void returnException(uint32_t answer, const std::string& reason, uint16_t type = 0);
  void takeFrom(uint32_t answer, uint32_t other);
  void finish(uint32_t question, bool release_results = false, bool workaround = true);
  void release(uint32_t import, uint32_t count);
  void resolve(uint32_t promise, const wire::OutDescriptor& descriptor);
  void resolveException(uint32_t promise, const std::string& reason);
  void disembargo(uint32_t id, const wire::OutTarget& target);

 private:
  friend class Harness;
  Harness& harness_;
  LinkId id_;
  std::deque<wire::FrameRef> inbox_;
  std::optional<Status> closed_;
  bool told_idle_ = true;
  bool paused_ = false;
};

class Harness : private vat::Turns {
 public:
  explicit Harness(Limits limits = {}, const VatLimits& vat_limits = {},
                   vat::Behaviour behaviour = {})
      : vat_(vat_limits, behaviour), limits_(limits) {}
  ~Harness() override;

  Peer& peer() { return add(LinkKind::kPeer); }
  Peer& app() { return add(LinkKind::kApp); }
  Peer& add(LinkKind kind) { return add(kind, limits_); }
  Peer& add(LinkKind kind, const Limits& limits, const Profile& profile = {});

  vat::Vat& vat() { return vat_; }
  // What lives inside the vat. Whatever it leads to happens in run(), or in the next turn.
  vat::Objects& objects() { return objects_; }
  wire::FramePool& frames() { return vat_.framePool(); }
  wire::BufferPool& buffers() { return buffers_; }

  // The oldest restore that was started and neither completed nor canceled.
  const Restore& restore() const;
  size_t restores() const { return starts_.size(); }
  OpId restoreOp() const { return starts_.front().op; }
  void complete(Peer& bootstrap_of, std::string object_id = {});
  void completeWith(const Status& error);
  void completeWith(Capability capability, CallId awaits = {});
  // With a gate in front.
  ObjectId completeGated(Peer& bootstrap_of, const std::string& object_id = {});

  // The peer's transport ends; until all its entries have failed.
  void lose(Peer& peer, const std::string& reason = "Connection closed");
  void tick(Instant now);
  // Everything sent to `peer` has left its queue.
  void flush(Peer& peer);

  // True when the tables of the link are empty.
  bool idle(const Peer& peer) const { return vat_.idle(peer.id()); }
  // True when nothing at all is left: every table empty, nothing charged.
  bool empty() const;

  // Peer `a` has imported `app`'s bootstrap: export 0 here, import 0 of a; app hosts it as its
  // export 0. Afterwards all inboxes are empty and a's question 0 is finished.
  void connect(Peer& a, Peer& app);

  // Runs one turn and lands its effects.
  template <typename F>
  void turn(F f) {
    f(queue_);
    run();
  }
  // Lands what is left, until nothing is.
  void run();

 private:
  friend class Peer;
  Effects& next() override { return queue_; }
  void land(Effects effects);
  OpId takeRestore();
  Peer* find(LinkId id);

  // The vat goes last but for the pools: frames in inboxes and effects belong to it.
  wire::BufferPool buffers_;
  vat::Vat vat_;
  Effects queue_;
  bool landing_ = false;
  vat::Objects objects_{vat_, *this};
  Limits limits_;
  Instant now_{};
  std::vector<std::unique_ptr<Peer>> peers_;
  std::deque<Start> starts_;
};

// Short forms for descriptors and targets.
inline wire::OutDescriptor senderHosted(uint32_t id) {
  return {wire::DescriptorKind::kSenderHosted, id, {}};
}
inline wire::OutDescriptor senderPromise(uint32_t id) {
  return {wire::DescriptorKind::kSenderPromise, id, {}};
}
inline wire::OutDescriptor receiverHosted(uint32_t id) {
  return {wire::DescriptorKind::kReceiverHosted, id, {}};
}
inline wire::OutDescriptor receiverAnswer(uint32_t id, std::span<const uint16_t> path) {
  return {wire::DescriptorKind::kReceiverAnswer, id, path};
}
inline wire::OutTarget importedCap(uint32_t id) {
  return {wire::Target::Kind::kImportedCap, id, {}};
}
inline wire::OutTarget promisedAnswer(uint32_t id, std::span<const uint16_t> path) {
  return {wire::Target::Kind::kPromisedAnswer, id, path};
}

}  // namespace vatmesh::captp
