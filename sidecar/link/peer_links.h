// SPDX-License-Identifier: Apache-2.0
//
// PeerLinks keeps the connections that we open to other vats: dialled when first wanted, shared by
// all who want the same vat, ended when nobody has used them for a while.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "rpc/sturdy/uri.h"
#include "sidecar/event/timer.h"
#include "sidecar/link/outgoing_link.h"
#include "sidecar/link/restorer.h"
#include "sidecar/net/dialer.h"
#include "sidecar/tls/context.h"

namespace vatmesh::link {

class PeerLinks {
 public:
  static constexpr Duration kIdleTime = std::chrono::seconds(60);

  // Told when a link that was up is down.
  using OnLost = std::function<void(captp::LinkId, const Status&)>;

  // `restorer` serves what the other vats ask of us. All references outlive it.
  PeerLinks(Hub& hub, net::Dialer& dialer, Restorer& restorer, Duration idle_time = kIdleTime);

  // Finds or opens the connection to the vat of `uri`. With TLS it is shared by its fingerprint;
  // without, by `sharer`, since an address alone is no identity. `tls` is null when uri isn't
  // secure. `done` may be called at once.
  void get(const sturdy::SturdyUri& uri, const std::string& sharer,
           std::shared_ptr<tls::TlsContext> tls, OutgoingLink::Done done);

  // Calls `on_lost` for every link from now on.
  void observe(OnLost on_lost) { observers_.push_back(std::move(on_lost)); }

 private:
  struct Entry {
    explicit Entry(event::Loop& loop, event::Loop::Callback on_unused)
        : unused(loop, std::move(on_unused)) {}
    std::unique_ptr<OutgoingLink> link;
    event::Timer unused;  // runs while all tables of the link are empty
  };

  void open(const std::string& key, const net::Address& address, const sturdy::SturdyUri& uri,
            std::shared_ptr<tls::TlsContext> tls);
  void endUnused(const std::string& key);
  void down(const std::string& key, const Status& why, OutgoingLink::WasUp was_up,
            captp::LinkId id);

  Hub& hub_;
  net::Dialer& dialer_;
  Restorer& restorer_;
  const Duration idle_time_;
  std::vector<OnLost> observers_;
  std::unordered_map<std::string, std::unique_ptr<Entry>> entries_;
};

}  // namespace vatmesh::link
