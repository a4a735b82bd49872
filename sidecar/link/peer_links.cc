// SPDX-License-Identifier: Apache-2.0
//
// A link is found by who the other vat is, not by where it is.
#include "sidecar/link/peer_links.h"

#include <algorithm>
#include <utility>

namespace vatmesh::link {
namespace {

metrics::ConnectResult connectResult(const Status& why) {
  return why.code() == Code::kTimeout ? metrics::ConnectResult::kTimeout
                                      : metrics::ConnectResult::kError;
}

// The name that texts and logs use: HOST:PORT or a path.
std::string displayName(const net::Address& address) {
  const std::string text = address.toString();
  return text.substr(text.find(':') + 1);
}

std::string keyOf(const std::string& digest) {
  return "key " + digest;
}

OutgoingLink::Target targetOf(const Hub& hub, const net::Address& address,
                              const sturdy::SturdyUri& uri, std::shared_ptr<tls::TlsContext> tls) {
  const std::string name = displayName(address);
  return {.address = address,
          .options = {.timeout = hub.settings().connect, .tcp = hub.settings().tcp},
          .spec = {.kind = captp::LinkKind::kPeer,
                   .direction = metrics::Direction::kOut,
                   .transport = uri.secure ? metrics::Transport::kTls : metrics::Transport::kPlain,
                   .name = name},
          .wrap = [tls = std::move(tls), digest = uri.digest,
                   name](event::Fd fd) -> std::unique_ptr<net::Transport> {
            if (tls) return tls->client(std::move(fd), digest, name);
            return std::make_unique<net::PlainTransport>(std::move(fd));
          }};
}

}  // namespace

PeerLinks::PeerLinks(Hub& hub, net::Dialer& dialer, Restorer& restorer, PeerTimes times)
    : hub_(hub), dialer_(dialer), restorer_(restorer), times_(times) {}

void PeerLinks::get(const sturdy::SturdyUri& uri, const std::string& sharer,
                    std::shared_ptr<tls::TlsContext> tls, OutgoingLink::Done done) {
  if (uri.secure) {
    const tls::MinTls version = tls->minVersion();
    if (auto link = shared(uri.digest, version)) return done(std::move(*link));
    done = sharing(uri.digest, version, std::move(done));
  }
  const std::string location = sturdy::printLocation(uri.location);
  const std::string key = uri.secure ? keyOf(uri.digest) : sharer + " " + location;
  if (!dialled_.contains(key)) {
    Result<net::Address> address = net::Address::parse(location);
    if (!address.ok()) return done(address.status());
    dial(key, *address, uri, std::move(tls));
  }
  dialled_.at(key)->link->get(std::move(done));
}

// The link to `digest`, if there is one. It may have come in by a listener that takes older
// versions than whoever wants it.
std::optional<Result<captp::LinkId>> PeerLinks::shared(const std::string& digest,
                                                       tls::MinTls version) const {
  const captp::LinkId id = table_.find(digest);
  const Link* link = hub_.find(id);
  if (link == nullptr) return std::nullopt;
  if (version == tls::MinTls::k12 || link->isTls13()) return Result<captp::LinkId>(id);
  return Result<captp::LinkId>(
      Status(Code::kRefused,
             link->describe() + " is connected with TLS 1.2: may it be? then set minTls: 1.2"));
}

// Whatever became of our own dial: a link that came in meanwhile does as well.
OutgoingLink::Done PeerLinks::sharing(const std::string& digest, tls::MinTls version,
                                      OutgoingLink::Done done) {
  return [this, digest, version, done = std::move(done)](Result<captp::LinkId> link) {
    std::optional<Result<captp::LinkId>> other;
    if (!link.ok()) other = shared(digest, version);
    done(other ? std::move(*other) : std::move(link));
  };
}

void PeerLinks::dial(const std::string& key, const net::Address& address,
                     const sturdy::SturdyUri& uri, std::shared_ptr<tls::TlsContext> tls) {
  auto dialled = std::make_unique<Dialled>(hub_.loop(), [this, key] { endUnused(key); });
  event::Timer& unused = dialled->unused;
  OutgoingLink::Events events;
  events.on_up = [this, &unused, own = tls ? tls->key().fingerprint() : std::string()](Link& link) {
    ++hub_.counters().connects[metrics::at(metrics::ConnectResult::kOk)];
    unused.arm(times_.idle);
    if (!own.empty()) admit(link, vat::Initiative::kOurs, own);
  };
  events.on_idle = [this, &unused](bool idle) {
    if (idle) {
      unused.arm(times_.idle);
    } else {
      unused.cancel();
    }
  };
  events.on_restore = [this](Link& link, captp::OpId op, const std::string& object_id) {
    restorer_.restore(link, op, object_id);
  };
  events.on_cancel = [this](captp::OpId op) { restorer_.cancel(op); };
  events.on_down = [this, key](const Status& why, OutgoingLink::WasUp was_up, captp::LinkId id) {
    dialledDown(key, why, was_up, id);
  };
  dialled->link = std::make_unique<OutgoingLink>(
      hub_, dialer_, targetOf(hub_, address, uri, std::move(tls)), std::move(events));
  dialled_.emplace(key, std::move(dialled));
}

void PeerLinks::cameIn(Link& link, const tls::TlsContext* tls) {
  if (tls == nullptr) return;
  const std::string digest = link.peerFingerprint();
  admit(link, vat::Initiative::kTheirs, tls->key().fingerprint());
  // A dial that the peer has heard nothing of yet is not needed any more.
  const auto found = dialled_.find(keyOf(digest));
  if (found == dialled_.end() || found->second->link->isUp() || !table_.find(digest)) return;
  found->second->link->end(Status(Code::kDisconnected, "the vat has dialled us meanwhile"),
                           metrics::CloseReason::kLocalClose);
}

void PeerLinks::admit(Link& link, vat::Initiative initiative, const std::string& own) {
  using Verdict = vat::PeerTable::Verdict;
  const vat::PeerTable::Decision decision = table_.add(own, {.link = link.id(),
                                                             .initiative = initiative,
                                                             .digest = link.peerFingerprint(),
                                                             .instance = link.peerInstance()});
  switch (decision.verdict) {
    case Verdict::kKept:
      return;
    case Verdict::kReplaces:
      for (const captp::LinkId other : decision.others) {
        Link* old = hub_.find(other);
        if (old == nullptr) continue;
        hub_.close(*old, Status(Code::kFailed, std::string(vat::PeerTable::kInvalidated)),
                   metrics::CloseReason::kPolicy);
      }
      return;
    case Verdict::kRefused:
      hub_.end(link, Status(Code::kDisconnected, "an older connection to this vat is kept"),
               metrics::CloseReason::kPolicy);
      return;
    case Verdict::kDoubted:
      doubt(decision.others.front());
      return;
  }
}

void PeerLinks::doubt(captp::LinkId old) {
  if (table_.doubting(old).size() > 1) return;  // it is being asked already
  hub_.probe(old, times_.patience, [this, old](bool lives) { doubted(old, lives); });
}

void PeerLinks::doubted(captp::LinkId old, bool lives) {
  Link* link = hub_.find(old);
  if (link == nullptr) return;  // the newcomer has its place already
  if (!lives) {
    hub_.log().info("link", link->describe() + ": gave no answer, and its vat is back");
    hub_.close(*link, Status(Code::kDisconnected, "Connection closed"),
               metrics::CloseReason::kPolicy);
    return;
  }
  for (const captp::LinkId newcomer : table_.doubting(old)) {
    if (Link* refused = hub_.find(newcomer)) {
      hub_.end(*refused, Status(Code::kDisconnected, "an older connection to this vat is kept"),
               metrics::CloseReason::kPolicy);
    }
  }
}

void PeerLinks::endUnused(const std::string& key) {
  Dialled& dialled = *dialled_.at(key);
  if (!dialled.link->isUp()) return;
  if (hub_.vat().idle(dialled.link->link()->id())) {
    dialled.link->end(Status(Code::kDisconnected, "not used for a while"),
                      metrics::CloseReason::kIdle);
  }
}

void PeerLinks::dialledDown(const std::string& key, const Status& why, OutgoingLink::WasUp was_up,
                            captp::LinkId id) {
  const auto found = dialled_.find(key);
  hub_.loop().deferDelete(std::move(found->second));
  dialled_.erase(found);
  if (was_up == OutgoingLink::WasUp::kYes) {
    down(id, why);
  } else {
    ++hub_.counters().connects[metrics::at(connectResult(why))];
  }
}

void PeerLinks::down(captp::LinkId id, const Status& why) {
  table_.remove(id);
  restorer_.peerGone(id);
  for (const OnLost& on_lost : observers_) on_lost(id, why);
}

}  // namespace vatmesh::link
