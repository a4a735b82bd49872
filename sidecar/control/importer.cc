// SPDX-License-Identifier: Apache-2.0
#include "sidecar/control/importer.h"

#include <utility>

#include "rpc/sturdy/uri.h"

namespace vatmesh::control {

Result<captp::Capability> Importer::import(link::Link& program, const std::string& text) {
  const Result<sturdy::SturdyUri> uri = sturdy::parseUri(text);
  Status problem = uri.ok() ? sturdy::checkUri(*uri) : uri.status();
  if (problem.ok() && uri->secure) problem = identity_.load();
  if (!problem.ok()) return problem.withContext("import");
  if (under_way_[link::linkKey(program.id())] >= kMaxUnderWay) {
    return Status(Code::kOverloaded,
                  "import: " + std::to_string(kMaxUnderWay) + " are under way; wait for some");
  }
  vat::NewPromise promise = hub_.promise([this](captp::OpId op) { own_.restorer.cancel(op); });
  if (own_.serves(*uri)) {
    own_.restorer.restore(program, promise.op, uri->id);
    return std::move(promise.capability);
  }
  ++under_way_[link::linkKey(program.id())];
  peers_.get(*uri, "control", uri->secure ? identity_.context(config::TlsVersion::k1_3) : nullptr,
             [this, op = promise.op, from = program.id(), object_id = uri->id](
                 const Result<captp::LinkId>& remote) { connected(from, op, object_id, remote); });
  return std::move(promise.capability);
}

void Importer::connected(captp::LinkId program, captp::OpId op, const std::string& object_id,
                         const Result<captp::LinkId>& remote) {
  const auto under_way = under_way_.find(link::linkKey(program));
  if (under_way != under_way_.end() && --under_way->second == 0) under_way_.erase(under_way);
  if (remote.ok()) {
    hub_.complete(op, vat::BootstrapOf{.link = *remote, .object_id = object_id});
    return;
  }
  const Status why = remote.status().withContext("import");
  hub_.limitedLog().write(LogLevel::kWarning, "control", "import", why.message());
  hub_.complete(op, why);
}

}  // namespace vatmesh::control
