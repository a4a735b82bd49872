// SPDX-License-Identifier: Apache-2.0
//
// The cap file first, then local connections, then the remote side.
#include "sidecar/restore/import.h"

#include <utility>
#include <vector>

#include "sidecar/restore/cap_file.h"

namespace vatmesh::restore {
namespace {

Status parseSocket(const config::Import& config, std::optional<net::Address>& out) {
  Result<net::Address> address = net::Address::parse(config.socket.address);
  if (!address.ok()) return address.status();
  out = std::move(*address);
  return Status();
}

}  // namespace

Result<std::unique_ptr<Import>> Import::open(link::Hub& hub, link::PeerLinks& peers,
                                             link::Identity& identity,
                                             const config::Import& config) {
  std::unique_ptr<Import> import(new Import(hub, peers, identity, config));
  Status status = import->bind();
  if (status.ok()) status = import->readFirst();
  if (!status.ok()) return status.withContext("import " + config.name);
  return import;
}

Import::Import(link::Hub& hub, link::PeerLinks& peers, link::Identity& identity,
               const config::Import& config)
    : hub_(hub),
      peers_(peers),
      identity_(identity),
      config_(config),
      allowed_(link::allowedUids(config.socket.allow)),
      uri_(config.uri),
      reminder_timer_(hub.loop(), [this] { remind(); }) {
  peers_.observe([this](captp::LinkId remote, const Status& why) { remoteLost(remote, why); });
}

Status Import::bind() {
  std::optional<net::Address> address;
  const Status parsed = parseSocket(config_, address);
  if (!parsed.ok()) return parsed;
  Result<std::unique_ptr<net::Listener>> listener = net::Listener::open(
      hub_.loop(), *address, {.tcp = hub_.settings().tcp, .mode = allowed_.socketMode()},
      [this](net::Accepted connection) { accepted(std::move(connection)); },
      [this](const Status& problem) { hub_.log().error("import", prefix() + problem.message()); });
  if (!listener.ok()) return listener.status();
  listener_ = std::move(*listener);
  return Status();
}

Status Import::readFirst() {
  if (uri_) return Status();
  // Watched before it is read, so that no change falls in between.
  watcher_ =
      std::make_unique<event::FileWatcher>(hub_.loop(), config_.cap_file, [this] { reread(); });
  Result<std::optional<sturdy::SturdyUri>> uri = readCapFile(config_.cap_file);
  if (!uri.ok()) return uri.status();
  if (uri->has_value()) {
    uri_ = std::move(**uri);
    return Status();
  }
  waiting_since_ = hub_.loop().now();
  remind();
  return Status();
}

void Import::reread() {
  Result<std::optional<sturdy::SturdyUri>> uri = readCapFile(config_.cap_file);
  if (!uri.ok()) {
    hub_.log().error("import", prefix() + uri.status().message());
  } else if (uri->has_value() && uri_ != **uri) {
    take(std::move(**uri));
  }
}

void Import::take(sturdy::SturdyUri uri) {
  const bool was_waiting = waiting();
  uri_ = std::move(uri);
  reminder_timer_.cancel();
  hub_.log().info("import",
                  prefix() + (was_waiting ? "found " : "changed: ") + sturdy::redactedUri(*uri_));
  if (!was_waiting) {
    closeClients(Status(Code::kDisconnected, "the import has another URI now; connect again"));
    return;
  }
  for (const auto& [op, client] : std::exchange(pending_, {})) connect(op, client->id());
  for (const auto& [asker, op] : std::exchange(looked_up_, {})) {
    connect(op, link::linkOfKey(asker));
  }
}

// Tells now and then that the file is still missing.
void Import::remind() {
  const auto waited =
      std::chrono::duration_cast<std::chrono::seconds>(hub_.loop().now() - waiting_since_);
  hub_.log().info("import", prefix() + "waiting for " + config_.cap_file + " (" +
                                std::to_string(waited.count()) + " s)");
  reminder_timer_.arm(reminder_);
  reminder_ = std::min(reminder_ * 2, kLastReminder);
}

void Import::accepted(net::Accepted connection) {
  const Status allowed = allowed_.check(connection.credentials);
  if (!allowed.ok()) {
    hub_.log().warning("import", prefix() + allowed.message());
    return;
  }
  if (!hub_.admission().allows("import", "import " + config_.name)) return;
  if (waiting() && clients_.size() >= kMaxWaiting) {
    hub_.log().warning("import", prefix() + "too many connections wait for its cap file");
    return;
  }
  link::Link& client = hub_.open(std::make_unique<net::PlainTransport>(std::move(connection.fd)),
                                 {.kind = captp::LinkKind::kClient,
                                  .direction = metrics::Direction::kIn,
                                  .transport = metrics::Transport::kClient,
                                  .name = "import " + config_.name},
                                 *this);
  clients_.emplace(&client, captp::LinkId());
}

void Import::onUp(link::Link&) {}

void Import::onDown(link::Link& client, const Status&) {
  if (client.id()) peers_.restorer().peerGone(client.id());  // for what was restored here
  clients_.erase(&client);
  std::erase_if(pending_, [&client](const auto& each) { return each.second == &client; });
}

void Import::onRestore(link::Link& client, captp::OpId op, const std::string& object_id) {
  if (!object_id.empty()) {
    hub_.complete(
        op, Status(Code::kFailed, "an import's socket gives one object: ask for it without an id"));
  } else if (waiting()) {
    pending_.emplace(op, &client);
  } else {
    connect(op, client.id());
  }
}

void Import::onCancel(captp::OpId op) {
  pending_.erase(op);
  peers_.restorer().cancel(op);  // as restoreHere may have asked
}

Result<captp::Capability> Import::lookUp(captp::LinkId asker) {
  const uint64_t key = link::linkKey(asker);
  if (looked_up_.count(key) >= kMaxWaiting) {
    return Status(Code::kOverloaded, prefix() + "too many calls wait for its cap file");
  }
  vat::NewPromise promise = hub_.promise([this](captp::OpId op) {
    std::erase_if(looked_up_, [op](const auto& each) { return each.second == op; });
    onCancel(op);
  });
  if (waiting()) {
    looked_up_.emplace(key, promise.op);
  } else {
    connect(promise.op, asker);
  }
  return std::move(promise.capability);
}

void Import::forget(captp::LinkId asker) {
  std::vector<captp::OpId> ops;
  const auto [first, behind] = looked_up_.equal_range(link::linkKey(asker));
  for (auto each = first; each != behind; ++each) ops.push_back(each->second);
  looked_up_.erase(first, behind);
  for (const captp::OpId op : ops) {
    hub_.complete(op, Status(Code::kDisconnected, "the client is gone"));
  }
}

void Import::connect(captp::OpId op, captp::LinkId client) {
  if (uri_->secure) {
    const Status loaded = identity_.load();
    if (!loaded.ok()) return connected(op, client, {}, loaded);
    if (uri_->digest == identity_.fingerprint()) return restoreHere(op, client);
  }
  peers_.get(*uri_, config_.name, uri_->secure ? identity_.context(config_.min_tls) : nullptr,
             [this, op, client, object_id = uri_->id](Result<captp::LinkId> remote) {
               connected(op, client, object_id, std::move(remote));
             });
}

// As if our own vat had asked itself (ocaml-network 5.2); there is no connection to lose.
void Import::restoreHere(captp::OpId op, captp::LinkId client) {
  link::Link* link = hub_.find(client);
  if (link == nullptr) {
    hub_.complete(op, Status(Code::kDisconnected, "the client is gone"));
  } else {
    peers_.restorer().restore(*link, op, uri_->id);
  }
}

void Import::connected(captp::OpId op, captp::LinkId client, const std::string& object_id,
                       Result<captp::LinkId> remote) {
  // Whoever looked it up has a connection that is for more than this import.
  const auto own = clients_.find(hub_.find(client));
  if (remote.ok()) {
    if (own != clients_.end()) own->second = *remote;
    hub_.complete(op, vat::BootstrapOf{.link = *remote, .object_id = object_id});
    return;
  }
  const Status why = remote.status().withContext("import " + config_.name);
  hub_.log().warning("import", why.message());
  hub_.complete(op, why);
  if (own != clients_.end()) {
    hub_.close(*own->first, Status(Code::kDisconnected, why.message()),
               metrics::CloseReason::kLocalClose);
  }
}

void Import::remoteLost(captp::LinkId remote, const Status& why) {
  std::vector<link::Link*> lost;
  for (const auto& [client, its_remote] : clients_) {
    if (its_remote == remote) lost.push_back(client);
  }
  const Status reason(Code::kDisconnected, prefix() + why.message());
  for (link::Link* client : lost) {
    hub_.close(*client, reason, metrics::CloseReason::kLocalClose);
  }
}

void Import::closeClients(const Status& why) {
  std::vector<link::Link*> all;
  for (const auto& [client, remote] : clients_) all.push_back(client);
  for (link::Link* client : all) hub_.close(*client, why, metrics::CloseReason::kLocalClose);
}

}  // namespace vatmesh::restore
