// SPDX-License-Identifier: Apache-2.0
//
// Passes the stream's callbacks to the Hub, and counts and logs what becomes of the connection.
#include "sidecar/link/link.h"

#include "rpc/sturdy/identity.h"
#include "sidecar/link/hub.h"

namespace vatmesh::link {
namespace {

using metrics::CloseReason;
using metrics::HandshakeResult;

HandshakeResult handshakeResult(const Status& status) {
  switch (status.code()) {
    case Code::kTimeout:
      return HandshakeResult::kTimeout;
    case Code::kRefused:
      return HandshakeResult::kBadKey;
    default:
      return HandshakeResult::kOther;
  }
}

}  // namespace

void LinkOwner::onRestore(Link& link, captp::OpId op, const std::string& object_id) {
  link.hub().complete(op, Status(Code::kFailed, "This vat has no restorer"));
}

Link::Link(Hub& hub, LinkSpec spec, LinkOwner& owner, std::unique_ptr<net::Transport> transport)
    : hub_(hub),
      spec_(std::move(spec)),
      owner_(owner),
      stream_(hub.loop(), hub.pool_, hub.settings().frames, std::move(transport), *this) {}

std::string Link::describe() const {
  if (peerFingerprint().empty()) return spec_.name;
  return spec_.name + " (" + sturdy::shortFingerprint(peerFingerprint()) + ")";
}

void Link::onOpen() {
  noteUp();
  hub_.opened(*this);
}

void Link::onMessage(wire::InMessage message) {
  counts().received_bytes += message.frameBytes();
  hub_.received(*this, std::move(message));
}

void Link::onArriving(size_t bytes) {
  hub_.arriving(*this, bytes);
}

bool Link::onBadFrame(const Status& status) {
  hub_.close(*this, status, CloseReason::kProtocolError);
  return true;
}

// As the OCaml network does it: whoever still reads learns that nothing more will be answered.
bool Link::onPeerEnd(const Status& status) {
  if (spec_.kind != captp::LinkKind::kPeer || !isUp()) return false;
  hub_.log().debug("link", describe() + ": " + status.message());
  hub_.peerEnded(*this);
  return true;
}

void Link::onFlushed(size_t bytes) {
  counts().sent_bytes += bytes;
  hub_.flushed(*this, bytes);
}

void Link::onClosed(const Status& status) {
  hub_.closed(*this, status);
}

void Link::pause() {
  ++counts().pauses;
  stream_.pauseReading();
}

metrics::ConnectionCounts& Link::counts() {
  return hub_.counters().of(spec_.direction, spec_.transport);
}

bool Link::isTls() const {
  return spec_.transport == metrics::Transport::kTls;
}

void Link::noteUp() {
  ++counts().opened;
  ++counts().open;
  if (isTls()) {
    ++hub_.counters().handshakes[metrics::at(spec_.direction)][metrics::at(HandshakeResult::kOk)];
  }
  const std::string agreed = stream_.agreed();
  hub_.log().write(logLevel(), "link",
                   describe() + ": connected" + (agreed.empty() ? "" : " (" + agreed + ")"));
}

void Link::noteDown(const Status& why) {
  if (state_ == State::kOpening) {
    if (!isTls() || close_reason_ != CloseReason::kPeerClose) return;
    const size_t result = metrics::at(handshakeResult(why));
    ++hub_.counters().handshakes[metrics::at(spec_.direction)][result];
    // What strangers do must not hide what becomes of our own dials.
    const bool incoming = spec_.direction == metrics::Direction::kIn;
    hub_.limitedLog().write(LogLevel::kWarning, "link",
                            std::string(incoming ? "from " : "to ") +
                                std::string(metrics::kHandshakeResultNames[result]),
                            describe() + ": no connection: " + why.message());
    return;
  }
  const bool by_peer = close_reason_ == CloseReason::kPeerClose;
  if (by_peer && why.code() == Code::kProtocol) close_reason_ = CloseReason::kProtocolError;
  if (by_peer && spec_.kind == captp::LinkKind::kApp) close_reason_ = CloseReason::kAppGone;
  --counts().open;
  ++counts().closed[metrics::at(close_reason_)];
  const bool broken = close_reason_ == CloseReason::kProtocolError;
  hub_.log().write(broken ? LogLevel::kWarning : logLevel(), "link",
                   describe() + ": closed (" +
                       std::string(metrics::kCloseReasonNames[metrics::at(close_reason_)]) +
                       "): " + why.message());
}

// Peers are few and matter; local programs come and go.
LogLevel Link::logLevel() const {
  return spec_.kind == captp::LinkKind::kPeer ? LogLevel::kInfo : LogLevel::kDebug;
}

}  // namespace vatmesh::link
