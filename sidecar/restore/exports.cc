// SPDX-License-Identifier: Apache-2.0
//
// The texts that peers see are those of the OCaml network.
#include "sidecar/restore/exports.h"

#include <algorithm>
#include <utility>

#include "rpc/schema/object_ref.h"

namespace vatmesh::restore {

using metrics::RestoreResult;

Status Exports::add(const std::string& name, const std::string& id, Service service) {
  link::Application* const app = service.app;
  std::vector<metrics::ExportCount>& counts = hub_.counters().exports;
  const metrics::ExportCount count{.name = name, .consumer = service.consumer};
  const auto [entry, is_new] =
      by_digest_.try_emplace(digestOf(id), Configured{std::move(service), counts.size()});
  if (!is_new) {
    return Status(Code::kInvalidArgument,
                  "exports " + countOf(std::get<Configured>(entry->second)).label() + " and " +
                      count.label() + " have the same id: give one of them another");
  }
  counts.push_back(count);
  serves_ = true;
  if (std::find(apps_.begin(), apps_.end(), app) == apps_.end()) apps_.push_back(app);
  return Status();
}

Status Exports::addLive(const store::Digest& digest, const captp::Capability& capability,
                        const std::string& label) {
  if (by_digest_.contains(digest)) {
    return Status(Code::kConflict, "another export has the id of " + label);
  }
  serves_ = true;
  by_digest_.emplace(digest, Live{label, grants_.gate(digest, capability).capability});
  return Status();
}

bool Exports::removeLive(const store::Digest& digest, const Status& why) {
  const auto entry = by_digest_.find(digest);
  if (entry == by_digest_.end() || !std::holds_alternative<Live>(entry->second)) return false;
  by_digest_.erase(entry);
  grants_.cut(digest, why);
  return true;
}

void Exports::restore(link::Link& peer, captp::OpId op, const std::string& object_id) {
  if (!serves_ && stored_ == nullptr) {
    ++hub_.counters().restores[metrics::at(RestoreResult::kNoRestorer)];
    hub_.complete(op, Status(Code::kFailed, "This vat has no restorer"));
    return;
  }
  const store::Digest digest = digestOf(object_id);
  const auto entry = by_digest_.find(digest);
  if (entry == by_digest_.end()) {
    if (stored_ != nullptr) return stored_->restore(peer, op, digest);
    unknown(peer, op, digest);
  } else if (const auto* live = std::get_if<Live>(&entry->second)) {
    ++hub_.counters().restores[metrics::at(RestoreResult::kOk)];
    hub_.complete(op, vat::Restored{live->gate.clone(), {}});
  } else {
    // Entries of the configuration stay where they are.
    const auto& configured = std::get<Configured>(entry->second);
    // What an application imports of its own is at the other end of its own link: dialled for that
    // link as for a peer, it might import it there again, and so on.
    if (configured.service.app->owns(peer.id())) {
      return reached(configured, peer.id(), op, peer.id());
    }
    configured.service.app->linkFor(
        peer.id(), [this, &configured, op, from = peer.id()](const Result<captp::LinkId>& link) {
          reached(configured, from, op, link);
        });
  }
}

void Exports::cancel(captp::OpId op) {
  if (stored_ != nullptr) stored_->cancel(op);
}

void Exports::peerGone(captp::LinkId peer) {
  calls_.peerGone(peer);
  if (stored_ != nullptr) stored_->peerGone(peer);
  for (link::Application* app : apps_) app->peerGone(peer);
}

void Exports::reached(const Configured& entry, captp::LinkId peer, captp::OpId op,
                      const Result<captp::LinkId>& app_link) {
  Result<vat::Completion> object =
      app_link.ok() ? found(entry, peer, *app_link) : Result<vat::Completion>(app_link.status());
  if (!object.ok()) count(entry, peer, object.status());
  hub_.complete(op, std::move(object));
}

// An application that gives objects is counted when it has given one.
Result<vat::Completion> Exports::found(const Configured& entry, captp::LinkId peer,
                                       captp::LinkId app_link) {
  const Service& service = entry.service;
  if (service.interface == config::App::Interface::kPlain && !calls_.serves(app_link)) {
    if (service.ref) {
      return Status(Code::kUnavailable,
                    "the application has not called serve yet, so it can't be asked for a ref");
    }
    count(entry, peer, Status());
    return vat::BootstrapOf{.link = app_link, .object_id = {}};
  }
  const link::Link* const link = hub_.find(peer);
  if (link == nullptr) return Status(Code::kDisconnected, "the peer is gone");
  const auto told = [this, &entry, peer](const Status& outcome) { count(entry, peer, outcome); };
  if (!service.ref) return calls_.bootstrap(app_link, *link, told);
  Result<vat::Restored> restored =
      calls_.restore(app_link, schema::textRef(*service.ref), *link, told);
  if (!restored.ok()) return restored.status();
  return std::move(*restored);
}

void Exports::count(const Configured& entry, captp::LinkId peer, const Status& outcome) {
  const RestoreResult result = outcome.ok() ? RestoreResult::kOk : RestoreResult::kAppError;
  ++hub_.counters().restores[metrics::at(result)];
  if (!outcome.ok()) return;
  metrics::ExportCount& served = countOf(entry);
  ++served.restored;
  const link::Link* const link = hub_.find(peer);
  if (served.consumer.empty() || link == nullptr) return;
  hub_.limitedLog().write(LogLevel::kInfo, "restore", "export " + served.label(),
                          link->describe() + " restored export " + served.label());
}

metrics::ExportCount& Exports::countOf(const Configured& entry) {
  return hub_.counters().exports[entry.count];
}

void Exports::unknown(link::Link& peer, captp::OpId op, const store::Digest& digest) {
  ++hub_.counters().restores[metrics::at(RestoreResult::kUnknown)];
  hub_.limitedLog().write(
      LogLevel::kInfo, "restore", "unknown id",
      peer.describe() + " asked for an unknown id (" + digest.shortName() + ")");
  hub_.complete(op, unknownId());
}

}  // namespace vatmesh::restore
