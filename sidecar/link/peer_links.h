// SPDX-License-Identifier: Apache-2.0
//
// PeerLinks keeps the connections to other vats: those that we dial, when first wanted, and those
// that came in. With TLS all who want a vat share a link, whoever opened it; vat::PeerTable says
// which, and what becomes of two. What we dialled is ended when nobody has used it for a while.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "rpc/sturdy/uri.h"
#include "rpc/vat/peer_table.h"
#include "sidecar/event/timer.h"
#include "sidecar/link/outgoing_link.h"
#include "sidecar/link/restorer.h"
#include "sidecar/net/dialer.h"
#include "sidecar/tls/context.h"

namespace vatmesh::link {

struct PeerTimes {
  // Without use, until a link that we dialled is ended.
  Duration idle = std::chrono::seconds(60);
  // How long an old link may take to show that it lives, before a newcomer takes its place.
  Duration patience = std::chrono::seconds(5);
};

class PeerLinks {
 public:
  // Told when a link that was up is down.
  using OnLost = std::function<void(captp::LinkId, const Status&)>;

  // `restorer` serves what the other vats ask of us. All references outlive it.
  PeerLinks(Hub& hub, net::Dialer& dialer, Restorer& restorer, PeerTimes times = {});

  // Finds or opens the connection to the vat of `uri`. With TLS it is shared by its fingerprint;
  // without, by `sharer`, since an address alone is no identity. `tls` is null when uri isn't
  // secure; a link that is shared has the TLS version that it asks for, or the answer is kRefused.
  // `done` may be called at once.
  void get(const sturdy::SturdyUri& uri, const std::string& sharer,
           std::shared_ptr<tls::TlsContext> tls, OutgoingLink::Done done);

  // Calls `on_lost` for every link from now on.
  void observe(OnLost on_lost) { observers_.push_back(std::move(on_lost)); }

  // From PeerListener: `link`, which `tls` accepted (null: without TLS), is up; it may end at once.
  // And: it is down.
  void cameIn(Link& link, const tls::TlsContext* tls);
  void down(captp::LinkId id, const Status& why);

  Restorer& restorer() { return restorer_; }

 private:
  // A connection that we dial, or have dialled.
  struct Dialled {
    explicit Dialled(event::Loop& loop, event::Loop::Callback on_unused)
        : unused(loop, std::move(on_unused)) {}
    std::unique_ptr<OutgoingLink> link;
    event::Timer unused;  // runs while all tables of the link are empty
  };

  void dial(const std::string& key, const net::Address& address, const sturdy::SturdyUri& uri,
            std::shared_ptr<tls::TlsContext> tls);
  std::optional<Result<captp::LinkId>> shared(const std::string& digest, tls::MinTls version) const;
  OutgoingLink::Done sharing(const std::string& digest, tls::MinTls version,
                             OutgoingLink::Done done);
  void admit(Link& link, vat::Initiative initiative, const std::string& own);
  void doubt(captp::LinkId old);
  void doubted(captp::LinkId old, bool lives);
  void endUnused(const std::string& key);
  void dialledDown(const std::string& key, const Status& why, OutgoingLink::WasUp was_up,
                   captp::LinkId id);

  Hub& hub_;
  net::Dialer& dialer_;
  Restorer& restorer_;
  const PeerTimes times_;
  std::vector<OnLost> observers_;
  vat::PeerTable table_;  // of links with TLS
  std::unordered_map<std::string, std::unique_ptr<Dialled>> dialled_;
};

}  // namespace vatmesh::link
