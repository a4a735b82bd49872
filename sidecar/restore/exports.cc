// SPDX-License-Identifier: Apache-2.0
//
// The texts that peers see are those of the OCaml network.
#include "sidecar/restore/exports.h"

#include <algorithm>
#include <utility>

namespace vatmesh::restore {

using metrics::RestoreResult;

Status Exports::add(const std::string& name, const std::string& id, link::Application& app) {
  const auto [entry, is_new] = by_digest_.try_emplace(digestOf(id), Configured{name, &app});
  if (!is_new) {
    return Status(Code::kInvalidArgument, "exports " + std::get<Configured>(entry->second).name +
                                              " and " + name +
                                              " have the same id: give one of them another");
  }
  if (std::find(apps_.begin(), apps_.end(), &app) == apps_.end()) apps_.push_back(&app);
  return Status();
}

Status Exports::addLive(const store::Digest& digest, const captp::Capability& capability,
                        const std::string& label) {
  if (by_digest_.contains(digest)) {
    return Status(Code::kConflict, "another export has the id of " + label);
  }
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
  if (by_digest_.empty()) {
    ++hub_.counters().restores[metrics::at(RestoreResult::kNoRestorer)];
    hub_.complete(op, Status(Code::kFailed, "This vat has no restorer"));
    return;
  }
  const store::Digest digest = digestOf(object_id);
  const auto entry = by_digest_.find(digest);
  if (entry == by_digest_.end()) {
    unknown(peer, op, digest);
  } else if (const auto* live = std::get_if<Live>(&entry->second)) {
    ++hub_.counters().restores[metrics::at(RestoreResult::kOk)];
    hub_.complete(op, vat::Restored{live->gate.clone(), {}});
  } else {
    std::get<Configured>(entry->second)
        .app->linkFor(peer.id(), [this, op](Result<captp::LinkId> app_link) {
          found(op, std::move(app_link));
        });
  }
}

void Exports::peerGone(captp::LinkId peer) {
  for (link::Application* app : apps_) app->peerGone(peer);
}

void Exports::found(captp::OpId op, Result<captp::LinkId> app_link) {
  const RestoreResult result = app_link.ok() ? RestoreResult::kOk : RestoreResult::kAppError;
  ++hub_.counters().restores[metrics::at(result)];
  if (app_link.ok()) {
    hub_.complete(op, vat::BootstrapOf{.link = *app_link, .object_id = {}});
  } else {
    hub_.complete(op, app_link.status());
  }
}

void Exports::unknown(link::Link& peer, captp::OpId op, const store::Digest& digest) {
  ++hub_.counters().restores[metrics::at(RestoreResult::kUnknown)];
  hub_.limitedLog().write(
      LogLevel::kInfo, "restore", "unknown id",
      peer.describe() + " asked for an unknown id (" + digest.shortName() + ")");
  hub_.complete(op, Status(Code::kFailed, "Unknown persistent service ID"));
}

}  // namespace vatmesh::restore
