// SPDX-License-Identifier: Apache-2.0
//
// Sidecar is the whole process but its command line: it makes every part from the configuration and
// connects them. The only place, besides main, that names concrete parts.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rpc/base/log.h"
#include "rpc/base/status.h"
#include "sidecar/admin/admin.h"
#include "sidecar/applications.h"
#include "sidecar/config/config.h"
#include "sidecar/control/control.h"
#include "sidecar/control/control_socket.h"
#include "sidecar/descriptor_limit.h"
#include "sidecar/drain.h"
#include "sidecar/event/loop.h"
#include "sidecar/link/hub.h"
#include "sidecar/link/identity.h"
#include "sidecar/link/peer_links.h"
#include "sidecar/link/peer_listener.h"
#include "sidecar/link/recorder.h"
#include "sidecar/net/dialer.h"
#include "sidecar/restore/application_calls.h"
#include "sidecar/restore/durable_refs.h"
#include "sidecar/restore/exports.h"
#include "sidecar/restore/gateway.h"
#include "sidecar/restore/grants.h"
#include "sidecar/restore/import.h"
#include "sidecar/tls/random.h"

namespace vatmesh {

class Sidecar {
 public:
  // An export's name, NAME/CONSUMER for one of a consumer, and its URI, which is a secret.
  using NamedUri = std::pair<std::string, std::string>;

  // Both references outlive it.
  Sidecar(event::Loop& loop, Logger& log, config::Config config);
  ~Sidecar();
  Sidecar(const Sidecar&) = delete;
  Sidecar& operator=(const Sidecar&) = delete;

  // Loads the key, binds every address, writes cap files, starts the application. On an error
  // nothing is served; exit_code.h has the code for it.
  Status start();

  // Calls `on_ready` when the sidecar is ready for the first time.
  void whenReady(std::function<void()> on_ready) { on_ready_ = std::move(on_ready); }

  // The URIs of all exports and their consumers, in the order of the configuration. After start.
  const std::vector<NamedUri>& uris() const { return uris_; }

  // After the loop has ended.
  int exitCode() const { return drain_.exitCode(); }

 private:
  // The steps of start.
  Status openJournal();
  Status openAdmin();
  Status bindListeners();
  Status openImports();
  Status openControl();
  Status publish();
  Status makeExports();

  // The application that durable refs are restored from; null when there is none, or several and
  // none is above the others.
  const Applications::App* durableApp() const;
  Applications::Parts applicationsParts();
  restore::DurableRefs::Parts durableParts();
  restore::Gateway::Parts gatewayParts();
  control::Control::Parts controlParts();
  // The URI of this vat with `id`.
  Result<sturdy::SturdyUri> uriOf(const std::string& id) const;

  void stopAccepting();
  void healthChanged();
  std::vector<admin::Check> checks() const;
  bool ready() const;
  std::string metrics(metrics::Format format) const;

  event::Loop& loop_;
  Logger& log_;
  const config::Config config_;
  const DescriptorLimit descriptors_;
  const link::Settings settings_;
  const double start_time_;  // seconds since the epoch
  tls::SystemEntropy entropy_;
  metrics::Counters counters_;
  bool started_ = false;
  bool was_ready_ = false;
  std::function<void()> on_ready_;
  std::vector<NamedUri> uris_;
  // Where URIs of this vat lead to.
  Result<sturdy::Location> location_ =
      Status(Code::kUnavailable, "nobody can dial this vat: set \"listen\"");

  // Members die in reverse order: users before what they use.
  wire::BufferPool pool_;
  link::Identity identity_;
  net::Dialer dialer_;
  std::optional<link::Recorder> recorder_;
  link::Hub hub_;
  restore::Grants grants_;
  restore::ApplicationCalls application_calls_;
  restore::Exports exports_;
  restore::DurableRefs durable_;
  restore::Gateway gateway_;
  Applications applications_;
  link::PeerLinks peer_links_;
  std::vector<std::unique_ptr<link::PeerListener>> listeners_;
  std::vector<std::unique_ptr<restore::Import>> imports_;
  control::Control control_;
  std::unique_ptr<control::ControlSocket> control_socket_;
  std::unique_ptr<admin::Admin> admin_;
  Drain drain_;
};

}  // namespace vatmesh
