// SPDX-License-Identifier: Apache-2.0
//
// Link is one connection of this vat: a net::Stream on one side, a link of vat::Vat on the other.
// The Hub owns every Link; whoever had it opened is its LinkOwner and learns what becomes of it.
//
//   opening --handshake--> up --lost, closed or ended--> down
//      \------- handshake failed or closed -------------/
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "rpc/base/log.h"
#include "rpc/captp/effects.h"
#include "rpc/captp/profile.h"
#include "sidecar/metrics/counters.h"
#include "sidecar/net/stream.h"

namespace vatmesh::link {

class Hub;
class Link;

// A link's id as a key of maps, and back.
inline uint64_t linkKey(captp::LinkId id) {
  return uint64_t{id.generation} << 32 | id.slot;
}
inline captp::LinkId linkOfKey(uint64_t key) {
  return {.slot = static_cast<uint32_t>(key), .generation = static_cast<uint32_t>(key >> 32)};
}

// What the one who had a link opened is told. It outlives the link, or the Hub dies first. Every
// method may call the Hub; none runs inside a turn of the engine.
class LinkOwner {
 public:
  virtual ~LinkOwner() = default;

  // `link` is up: its id and peer are known.
  virtual void onUp(Link& link) {}
  // `link` is over, or never came up. Comes once, and last; `link` ends soon after.
  virtual void onDown(Link& link, const Status& why) = 0;
  // All tables of `link` are empty, or no longer are.
  virtual void onIdle(Link& link, bool idle) {}
  // The other end asks for a bootstrap (`object_id` empty) or for an object. Must lead to one
  // Hub::complete, at once or later. By default there is nothing to be had.
  virtual void onRestore(Link& link, captp::OpId op, const std::string& object_id);
  // What `op` of an earlier onRestore asked for is no longer wanted; completing it is harmless.
  virtual void onCancel(captp::OpId op) {}
};

// What a link is, known before it is up.
struct LinkSpec {
  captp::LinkKind kind = captp::LinkKind::kPeer;
  metrics::Direction direction = metrics::Direction::kIn;
  metrics::Transport transport = metrics::Transport::kPlain;
  std::string name;  // for logs: "10.1.2.3:7000", "application", "import bank"
};

class Link : private net::StreamHandler {
 public:
  Link(Hub& hub, LinkSpec spec, LinkOwner& owner, std::unique_ptr<net::Transport> transport);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // The engine's name of this link; none until it is up. Stays after it is down.
  captp::LinkId id() const { return id_; }
  bool isUp() const { return state_ == State::kUp; }
  Hub& hub() { return hub_; }
  const LinkSpec& spec() const { return spec_; }
  // 32 raw bytes; empty without TLS or before it is up.
  const std::string& peerFingerprint() const { return stream_.peerFingerprint(); }
  // Of the peer's process; empty when it isn't of our kind (vat::PeerTable).
  std::string peerInstance() const { return stream_.peerInstance(); }
  bool isTls13() const { return stream_.isTls13(); }
  // For logs: the name, and the first characters of the peer's fingerprint when it has one.
  std::string describe() const;

 private:
  friend class Hub;
  enum class State : uint8_t { kOpening, kUp, kDown };

  void onOpen() override;
  void onMessage(wire::InMessage message) override;
  void onArriving(size_t bytes) override;
  bool onBadFrame(const Status& status) override;
  bool onPeerEnd(const Status& status) override;
  void onFlushed(size_t bytes) override;
  void onClosed(const Status& status) override;

  void pause();
  metrics::ConnectionCounts& counts();
  bool isTls() const;
  LogLevel logLevel() const;
  void noteUp();
  void noteDown(const Status& why);

  Hub& hub_;
  LinkSpec spec_;
  LinkOwner& owner_;
  State state_ = State::kOpening;
  captp::LinkId id_;
  metrics::CloseReason close_reason_ = metrics::CloseReason::kPeerClose;
  net::Stream stream_;
};

}  // namespace vatmesh::link
