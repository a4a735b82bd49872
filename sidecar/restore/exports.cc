// SPDX-License-Identifier: Apache-2.0
//
// The texts that peers see are those of the OCaml network.
#include "sidecar/restore/exports.h"

#include <algorithm>

#include "rpc/sturdy/object_id.h"

namespace vatmesh::restore {

using metrics::RestoreResult;

Status Exports::add(const std::string& name, const std::string& id, link::Application& app) {
  const auto [entry, is_new] = by_digest_.try_emplace(sturdy::idDigest(id), Entry{name, &app});
  if (!is_new) {
    return Status(Code::kInvalidArgument, "exports " + entry->second.name + " and " + name +
                                              " have the same id: give one of them another");
  }
  if (std::find(apps_.begin(), apps_.end(), &app) == apps_.end()) apps_.push_back(&app);
  return Status();
}

void Exports::restore(link::Link& peer, captp::OpId op, const std::string& object_id) {
  auto& counts = hub_.counters().restores;
  if (by_digest_.empty()) {
    ++counts[metrics::at(RestoreResult::kNoRestorer)];
    hub_.complete(op, Status(Code::kFailed, "This vat has no restorer"));
    return;
  }
  const auto entry = by_digest_.find(sturdy::idDigest(object_id));
  if (entry == by_digest_.end()) {
    ++counts[metrics::at(RestoreResult::kUnknown)];
    hub_.limitedLog().write(
        LogLevel::kInfo, "restore", "unknown id",
        peer.describe() + " asked for an unknown id (" + sturdy::shortIdName(object_id) + ")");
    hub_.complete(op, Status(Code::kFailed, "Unknown persistent service ID"));
    return;
  }
  entry->second.app->linkFor(
      peer.id(), [this, op](Result<captp::LinkId> app_link) { found(op, std::move(app_link)); });
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

}  // namespace vatmesh::restore
