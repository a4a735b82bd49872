// SPDX-License-Identifier: Apache-2.0
//
// Import gives local programs a remote object: each connection to its socket is a client link of
// its own, whose Bootstrap becomes its own Bootstrap on the peer link that all of them share. A URI
// of our own vat needs no link: what it names is restored here.
//
//   waiting --cap file appears--> known --cap file changes--> known (old connections are closed)
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "rpc/sturdy/uri.h"
#include "sidecar/config/config.h"
#include "sidecar/event/file_watcher.h"
#include "sidecar/event/timer.h"
#include "sidecar/link/hub.h"
#include "sidecar/link/identity.h"
#include "sidecar/link/peer_links.h"
#include "sidecar/net/credentials.h"
#include "sidecar/net/listener.h"

namespace vatmesh::restore {

class Import : private link::LinkOwner {
 public:
  // Connections that a waiting import holds; more are closed at once.
  static constexpr size_t kMaxWaiting = 64;
  static constexpr Duration kFirstReminder = std::chrono::seconds(10);
  static constexpr Duration kLastReminder = std::chrono::minutes(5);

  // Binds the socket and reads the cap file; a missing file is no error, a malformed one is. All
  // references outlive it.
  static Result<std::unique_ptr<Import>> open(link::Hub& hub, link::PeerLinks& peers,
                                              link::Identity& identity,
                                              const config::Import& config);

  // Accepts no more; what was accepted stays.
  void stop() { listener_.reset(); }

  // The object, for `asker`, as a promise: what becomes of it breaks or resolves that, and closes
  // nothing. kOverloaded when `asker` waits for too many already.
  Result<captp::Capability> lookUp(captp::LinkId asker);
  // `asker` is down: what it waits for is dropped.
  void forget(captp::LinkId asker);

  const std::string& name() const { return config_.name; }
  bool waiting() const { return !uri_; }
  const net::Address& boundAddress() const { return listener_->boundAddress(); }

 private:
  Import(link::Hub& hub, link::PeerLinks& peers, link::Identity& identity,
         const config::Import& config);

  Status bind();
  Status readFirst();
  void reread();
  void take(sturdy::SturdyUri uri);
  void remind();

  void accepted(net::Accepted connection);
  void connect(captp::OpId op, captp::LinkId client);
  void restoreHere(captp::OpId op, captp::LinkId client);
  void connected(captp::OpId op, captp::LinkId client, const std::string& object_id,
                 Result<captp::LinkId> remote);
  void remoteLost(captp::LinkId remote, const Status& why);
  void closeClients(const Status& why);

  void onUp(link::Link& client) override;
  void onDown(link::Link& client, const Status& why) override;
  void onRestore(link::Link& client, captp::OpId op, const std::string& object_id) override;
  void onCancel(captp::OpId op) override;

  std::string prefix() const { return "import " + config_.name + ": "; }

  link::Hub& hub_;
  link::PeerLinks& peers_;
  link::Identity& identity_;
  const config::Import config_;
  const net::AllowedUids allowed_;
  std::optional<sturdy::SturdyUri> uri_;
  // Each local connection with the peer link that it was given; none yet: no link.
  std::unordered_map<link::Link*, captp::LinkId> clients_;
  std::map<captp::OpId, link::Link*> pending_;      // Bootstraps in their order, while waiting
  std::multimap<uint64_t, captp::OpId> looked_up_;  // by asker, while waiting
  Instant waiting_since_ = kNever;
  Duration reminder_ = kFirstReminder;
  event::Timer reminder_timer_;
  std::unique_ptr<event::FileWatcher> watcher_;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace vatmesh::restore
