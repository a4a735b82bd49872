// SPDX-License-Identifier: Apache-2.0
//
// In the order of a start: identity, admin, listeners, imports, cap files, applications with their
// exports. A connection then goes listener -> link -> exports -> application, or import -> peer
// link.
#include "sidecar/sidecar.h"

#include <algorithm>
#include <chrono>

#include "persistence/store_factory.h"
#include "rpc/sturdy/identity.h"
#include "rpc/sturdy/object_id.h"
#include "sidecar/addresses.h"
#include "sidecar/offers.h"
#include "sidecar/restore/cap_file.h"
#include "sidecar/version.h"

namespace vatmesh {
namespace {

double epochSeconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

// Whether the key is needed from the start. A key file is looked at then in any case: what is wrong
// with it should not show only later.
bool needsKey(const config::Config& config) {
  const auto has_tls = [](const config::Listener& listener) { return listener.tls; };
  return !config.key_file.empty() || config.fingerprint ||
         std::any_of(config.listen.begin(), config.listen.end(), has_tls) || derivesIds(config);
}

// Empty when no id is derived from it.
std::string vatSecret(const link::Identity& identity) {
  return identity.loaded() ? sturdy::vatSecret(identity.key().pem()) : std::string();
}

// How many links to applications a single peer can cause.
size_t linksPerPeer(const config::Config& config) {
  std::vector<config::App> apps;
  const auto add = [&apps](const config::App& app) {
    if (app.kind != config::App::Kind::kDial || app.links != config::App::Links::kPerPeer) return;
    if (std::find(apps.begin(), apps.end(), app) == apps.end()) apps.push_back(app);
  };
  for (const config::Export& each : config.exports) add(each.app);
  if (config.app) add(*config.app);
  return apps.size();
}

link::Settings settingsFor(const config::Config& config, const DescriptorLimit& descriptors) {
  link::Settings settings = link::settingsOf(config);
  settings.max_incoming = incomingBudget(descriptors.soft(), linksPerPeer(config));
  return settings;
}

}  // namespace

Sidecar::Sidecar(event::Loop& loop, Logger& log, config::Config config)
    : loop_(loop),
      log_(log),
      config_(std::move(config)),
      settings_(settingsFor(config_, descriptors_)),
      start_time_(epochSeconds()),
      identity_(config_, pool_, log),
      dialer_(loop),
      hub_(loop, pool_, log, counters_, settings_),
      grants_(hub_),
      application_calls_(hub_),
      exports_(hub_, grants_, application_calls_),
      durable_(durableParts(), store::makeStore(config_.store,
                                                [this](std::function<void()> done) {
                                                  loop_.post(std::move(done));
                                                })),
      gateway_(hub_, gatewayParts()),
      applications_(applicationsParts()),
      peer_links_(hub_, dialer_, exports_),
      control_(controlParts()),
      drain_(hub_, [this] { stopAccepting(); }) {
  if (durable_.stored() != nullptr) exports_.serveStored(*durable_.stored());
}

Sidecar::~Sidecar() = default;

Status Sidecar::start() {
  for (const std::string& warning : config_.warnings) log_.warning("config", warning);
  if (durable_.stored() != nullptr) {
    log_.info("store", "sturdy refs are kept in " + config_.store.toText());
  }
  if (needsKey(config_)) {
    const Status loaded = identity_.load();
    if (!loaded.ok()) return loaded;
    if (identity_.madeFile() && config::advertisesTls(config_)) durable_.keyIsNew();
  }
  for (const auto step :
       {&Sidecar::openJournal, &Sidecar::openAdmin, &Sidecar::bindListeners, &Sidecar::openImports,
        &Sidecar::openControl, &Sidecar::publish, &Sidecar::makeExports}) {
    const Status status = (this->*step)();
    if (!status.ok()) return status;
  }
  started_ = true;
  applications_.start();
  if (ready()) loop_.post([this] { healthChanged(); });
  return Status();
}

Status Sidecar::openJournal() {
  if (config_.debug.journal.empty()) return Status();
  Result<link::Recorder> recorder = link::Recorder::open(config_.debug, log_);
  if (!recorder.ok()) return recorder.status();
  recorder_.emplace(std::move(*recorder));
  hub_.recordIn(*recorder_);
  return Status();
}

Status Sidecar::openAdmin() {
  if (config_.admin.empty()) return Status();
  Result<net::Address> address = net::Address::parse(config_.admin);
  if (!address.ok()) return address.status().withContext("admin");
  Result<std::unique_ptr<admin::Admin>> admin =
      admin::Admin::open(loop_, *address,
                         {.checks = [this] { return checks(); },
                          .metrics = [this](metrics::Format format) { return metrics(format); },
                          .version = "vatmesh-sidecar " + std::string(kVersion) + "\n"});
  if (!admin.ok()) return admin.status();
  admin_ = std::move(*admin);
  log_.info("admin", "listening at " + admin_->boundAddress().toString());
  return Status();
}

Status Sidecar::bindListeners() {
  for (const config::Listener& listener : config_.listen) {
    Result<net::Address> address = net::Address::parse(listener.address);
    if (!address.ok()) return address.status().withContext("listen");
    Result<std::unique_ptr<link::PeerListener>> opened = link::PeerListener::open(
        hub_, peer_links_, *address, listener.tls ? identity_.context(listener.min_tls) : nullptr);
    if (!opened.ok()) return opened.status().withContext("listen");
    log_.info("link", "listening at " + (*opened)->boundAddress().toString() +
                          (listener.tls ? "" : " without TLS"));
    listeners_.push_back(std::move(*opened));
  }
  std::vector<net::Address> bound;
  for (const auto& listener : listeners_) bound.push_back(listener->boundAddress());
  if (!bound.empty()) location_ = advertisedLocation(config_, bound);
  return Status();
}

Status Sidecar::openImports() {
  for (const config::Import& import : config_.imports) {
    Result<std::unique_ptr<restore::Import>> opened =
        restore::Import::open(hub_, peer_links_, identity_, import);
    if (!opened.ok()) return opened.status();
    log_.info("import", "import " + import.name + " is at " + (*opened)->boundAddress().toString());
    imports_.push_back(std::move(*opened));
  }
  return Status();
}

Status Sidecar::openControl() {
  if (!config_.control) return Status();
  auto opened = control::ControlSocket::open(hub_, control_, *config_.control);
  if (!opened.ok()) return opened.status();
  control_socket_ = std::move(*opened);
  log_.info("control", "control is at " + control_socket_->boundAddress().toString());
  return Status();
}

// Makes the URIs and writes the cap files.
Status Sidecar::publish() {
  if (config_.exports.empty() || config_.listen.empty()) return Status();
  for (const Offer& offer : offersOf(config_, vatSecret(identity_))) {
    const Result<sturdy::SturdyUri> uri = uriOf(offer.id);
    if (!uri.ok()) return uri.status();
    uris_.emplace_back(offer.label(), sturdy::printUri(*uri));
    log_.info("restore", "export " + offer.label() + ": " + sturdy::redactedUri(*uri));
    if (offer.capFile().empty()) continue;
    const Status written = restore::writeCapFile(offer.capFile(), *uri, log_);
    if (!written.ok()) return written;
  }
  return Status();
}

Status Sidecar::makeExports() {
  for (const Offer& offer : offersOf(config_, vatSecret(identity_))) {
    Result<link::Application*> app = applications_.get(offer.of->app);
    if (!app.ok()) return app.status();
    const Status added =
        exports_.add(offer.of->name, offer.id,
                     {.app = *app,
                      .interface = offer.of->app.interface,
                      .ref = offer.of->ref,
                      .consumer = offer.consumer == nullptr ? "" : offer.consumer->name});
    if (!added.ok()) return added;
  }
  if (!config_.app) return Status();
  return applications_.get(*config_.app).status();
}

const Applications::App* Sidecar::durableApp() const {
  if (config_.app) return applications_.find(*config_.app);
  return applications_.all().size() == 1 ? &applications_.all()[0] : nullptr;
}

Applications::Parts Sidecar::applicationsParts() {
  return {.loop = loop_,
          .hub = hub_,
          .dialer = dialer_,
          .entropy = entropy_,
          .descriptors = descriptors_,
          .sidecars = control_,
          .drain = drain_,
          .health_changed = [this] { healthChanged(); }};
}

control::Control::Parts Sidecar::controlParts() {
  return {.hub = hub_,
          .identity = identity_,
          .peers = peer_links_,
          .exports = exports_,
          .calls = application_calls_,
          .durable = durable_,
          .imports = imports_,
          .entropy = entropy_,
          .now = store::systemClock(),
          .uri_of = [this](const std::string& id) { return uriOf(id); }};
}

Result<sturdy::SturdyUri> Sidecar::uriOf(const std::string& id) const {
  if (!location_.ok()) return location_.status();
  const bool secure = config::advertisesTls(config_);
  return sturdy::SturdyUri{.location = *location_,
                           .digest = secure ? identity_.fingerprint() : std::string(),
                           .secure = secure,
                           .id = id};
}

restore::DurableRefs::Parts Sidecar::durableParts() {
  const auto secret = [this]() -> Result<std::string> {
    const Status loaded = identity_.load();
    if (!loaded.ok()) return loaded;
    return vatSecret(identity_);
  };
  const auto target = [this] {
    const Applications::App* app = durableApp();
    return app == nullptr ? restore::ApplicationObjects::Target()
                          : restore::ApplicationObjects::Target{.app = app->application.get(),
                                                                .interface = app->config.interface};
  };
  return {.hub = hub_,
          .grants = grants_,
          .calls = application_calls_,
          .entropy = entropy_,
          .target = target,
          .secret = secret,
          .uri_of = [this](const std::string& id) { return uriOf(id); },
          .now = store::systemClock()};
}

restore::Gateway::Parts Sidecar::gatewayParts() {
  using restore::Publisher;
  return {.publish =
              [this](store::Record record, Publisher::OnPublished done) {
                durable_.publisher().publish(std::move(record), std::move(done),
                                             Publisher::IfThere::kKeep);
              },
          .info =
              [this](const store::Digest& digest, Publisher::OnInfo done) {
                durable_.publisher().info(digest, std::move(done));
              },
          .ref_of = [this](captp::ObjectId gate) { return grants_.refOf(gate); },
          .is_export = [this](const store::Digest& ref) { return exports_.serves(ref); },
          .restores_from =
              [this](captp::LinkId host) {
                const Applications::App* app = durableApp();
                return app != nullptr && app->application->owns(host);
              },
          .now = store::systemClock()};
}

void Sidecar::stopAccepting() {
  for (auto& listener : listeners_) listener->stop();
  for (auto& import : imports_) import->stop();
  if (control_socket_) control_socket_->stop();
}

void Sidecar::healthChanged() {
  const bool is_ready = ready();
  if (is_ready != was_ready_) log_.info("sidecar", is_ready ? "ready" : "not ready");
  was_ready_ = is_ready;
  if (is_ready && on_ready_) std::exchange(on_ready_, {})();
}

std::vector<admin::Check> Sidecar::checks() const {
  using Phase = admin::Check::Phase;
  std::vector<admin::Check> checks = {
      {.name = "key",
       .phase = Phase::kStartup,
       .ok = identity_.loaded() || !needsKey(config_),
       .detail = {}},
      {.name = "listeners and cap files", .phase = Phase::kStartup, .ok = started_, .detail = {}},
      {.name = "not shutting down",
       .phase = Phase::kReady,
       .ok = !drain_.draining(),
       .detail = {}}};
  for (const Applications::App& app : applications_.all()) {
    checks.push_back({.name = "application",
                      .phase = Phase::kReady,
                      .ok = app.application->health().ok(),
                      .detail = app.application->health().message()});
  }
  if (const auto store = durable_.storeStatus()) {
    checks.push_back(
        {.name = "store", .phase = Phase::kTold, .ok = store->ok(), .detail = store->message()});
  }
  return checks;
}

bool Sidecar::ready() const {
  return admin::passes(checks(), admin::Check::Phase::kReady);
}

std::string Sidecar::metrics(metrics::Format format) const {
  metrics::Readings readings{.sidecar = counters_,
                             .engine = hub_.vat().counters(),
                             .tables = hub_.vat().tableSizes(),
                             .start_time_seconds = start_time_,
                             .ready = ready(),
                             .store_up = {},
                             .buffered_bytes = hub_.bufferedBytes(),
                             .version = kVersion,
                             .tls_library = "boringssl"};
  const auto store = durable_.storeStatus();
  if (store) readings.store_up = store->ok();
  for (size_t level = 0; level < readings.log_messages.size(); ++level) {
    readings.log_messages[level] = log_.count(static_cast<LogLevel>(level));
  }
  return metrics::render(readings, format);
}

}  // namespace vatmesh
