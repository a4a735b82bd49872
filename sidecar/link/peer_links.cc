// SPDX-License-Identifier: Apache-2.0
//
// A link is found by who the other vat is, not by where it is.
#include "sidecar/link/peer_links.h"

#include <utility>

namespace vatmesh::link {
namespace {

metrics::ConnectResult connectResult(const Status& why, OutgoingLink::WasUp was_up) {
  if (was_up == OutgoingLink::WasUp::kYes) return metrics::ConnectResult::kOk;
  return why.code() == Code::kTimeout ? metrics::ConnectResult::kTimeout
                                      : metrics::ConnectResult::kError;
}

// The name that texts and logs use: HOST:PORT or a path.
std::string displayName(const net::Address& address) {
  const std::string text = address.toString();
  return text.substr(text.find(':') + 1);
}

}  // namespace

PeerLinks::PeerLinks(Hub& hub, net::Dialer& dialer, Restorer& restorer, Duration idle_time)
    : hub_(hub), dialer_(dialer), restorer_(restorer), idle_time_(idle_time) {}

void PeerLinks::get(const sturdy::SturdyUri& uri, const std::string& sharer,
                    std::shared_ptr<tls::TlsContext> tls, OutgoingLink::Done done) {
  const std::string location = sturdy::printLocation(uri.location);
  const std::string key = uri.secure ? "key " + uri.digest : sharer + " " + location;
  if (!entries_.contains(key)) {
    Result<net::Address> address = net::Address::parse(location);
    if (!address.ok()) {
      done(address.status());
      return;
    }
    open(key, *address, uri, std::move(tls));
  }
  entries_.at(key)->link->get(std::move(done));
}

void PeerLinks::open(const std::string& key, const net::Address& address,
                     const sturdy::SturdyUri& uri, std::shared_ptr<tls::TlsContext> tls) {
  const std::string name = displayName(address);
  OutgoingLink::Target target{
      .address = address,
      .options = {.timeout = hub_.settings().connect, .tcp = hub_.settings().tcp},
      .spec = {.kind = captp::LinkKind::kPeer,
               .direction = metrics::Direction::kOut,
               .transport = uri.secure ? metrics::Transport::kTls : metrics::Transport::kPlain,
               .name = name},
      .wrap = [tls = std::move(tls), digest = uri.digest,
               name](event::Fd fd) -> std::unique_ptr<net::Transport> {
        if (tls) return tls->client(std::move(fd), digest, name);
        return std::make_unique<net::PlainTransport>(std::move(fd));
      }};
  auto entry = std::make_unique<Entry>(hub_.loop(), [this, key] { endUnused(key); });
  event::Timer& unused = entry->unused;
  OutgoingLink::Events events;
  events.on_up = [this, &unused](Link&) {
    ++hub_.counters().connects[metrics::at(metrics::ConnectResult::kOk)];
    unused.arm(idle_time_);
  };
  events.on_idle = [this, &unused](bool idle) {
    if (idle) {
      unused.arm(idle_time_);
    } else {
      unused.cancel();
    }
  };
  events.on_restore = [this](Link& link, captp::OpId op, const std::string& object_id) {
    restorer_.restore(link, op, object_id);
  };
  events.on_down = [this, key](const Status& why, OutgoingLink::WasUp was_up, captp::LinkId id) {
    down(key, why, was_up, id);
  };
  entry->link = std::make_unique<OutgoingLink>(hub_, dialer_, std::move(target), std::move(events));
  entries_.emplace(key, std::move(entry));
}

void PeerLinks::endUnused(const std::string& key) {
  Entry& entry = *entries_.at(key);
  if (!entry.link->isUp()) return;
  if (hub_.vat().idle(entry.link->link()->id())) {
    entry.link->end(Status(Code::kDisconnected, "not used for a while"),
                    metrics::CloseReason::kIdle);
  }
}

void PeerLinks::down(const std::string& key, const Status& why, OutgoingLink::WasUp was_up,
                     captp::LinkId id) {
  const auto found = entries_.find(key);
  hub_.loop().deferDelete(std::move(found->second));
  entries_.erase(found);
  if (was_up == OutgoingLink::WasUp::kNo) {
    ++hub_.counters().connects[metrics::at(connectResult(why, was_up))];
    return;
  }
  restorer_.peerGone(id);
  for (const OnLost& on_lost : observers_) on_lost(id, why);
}

}  // namespace vatmesh::link
