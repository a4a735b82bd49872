// SPDX-License-Identifier: Apache-2.0
//
// In the order of the schema.
#include "sidecar/control/sidecar_object.h"

#include <algorithm>
#include <utility>

#include "rpc/schema/control.h"
#include "rpc/wire/text.h"
#include "sidecar/control/export_object.h"

namespace vatmesh::control {
namespace {

using schema::SidecarInterface;

constexpr size_t kMaxShownName = 100;

// The capability that the parameters name by `index`; null: none.
captp::Capability take(vat::Content& params, schema::CapabilityIndex index) {
  if (!index || *index >= params.capabilities.size()) return {};
  return std::move(params.capabilities[*index]);
}

}  // namespace

void SidecarObject::call(vat::CallView call, vat::Responder responder) {
  link::Link* const program = control_.parts_.hub.find(program_);
  if (program == nullptr) {
    responder.fail(
        Status(Code::kDisconnected, "the connection that this Sidecar belongs to is gone"));
    return;
  }
  Results results = run(call, *program);
  if (results.ok()) {
    responder.answer(std::move(*results));
  } else {
    responder.fail(results.status());
  }
}

SidecarObject::Results SidecarObject::run(vat::CallView& call, link::Link& program) {
  const Status unknown(Code::kUnimplemented, "a Sidecar has no such method");
  if (call.interface_id != SidecarInterface::kId) return unknown;
  switch (call.method_id) {
    case SidecarInterface::kSelf:
      return self();
    case SidecarInterface::kImport:
      return import(call.params, program);
    case SidecarInterface::kLookup:
      return lookup(call.params);
    case SidecarInterface::kExport:
      return exportLive(call.params);
    case SidecarInterface::kPublish:
      return publish(call.params);
    case SidecarInterface::kRevoke:
      return revoke(call.params);
    case SidecarInterface::kServe:
      return serve(call.params, program);
    default:
      return unknown;
  }
}

SidecarObject::Results SidecarObject::giving(captp::Capability capability) {
  vat::Content results{schema::write(schema::CapabilityResults{.capability = 0}, pool()), {}};
  results.capabilities.push_back(std::move(capability));
  return results;
}

SidecarObject::Results SidecarObject::self() {
  schema::SelfResults self;
  const link::Identity& identity = control_.parts_.identity;
  if (identity.loaded()) self.fingerprint = identity.fingerprint();
  const Result<sturdy::SturdyUri> uri = control_.parts_.uri_of({});
  if (uri.ok()) self.addresses.push_back(sturdy::printLocation(uri->location));
  return vat::Content{schema::write(self, pool()), {}};
}

SidecarObject::Results SidecarObject::import(vat::Content& params, link::Link& program) {
  const Result<schema::ImportParams> wanted = schema::readImportParams(params.message);
  if (!wanted.ok()) return wanted.status().withContext("import");
  if (wanted->reconnect) {
    return Status(Code::kUnimplemented,
                  "import: reconnect comes with a later version; import again after a loss");
  }
  Result<captp::Capability> object = control_.importer_.import(program, wanted->uri);
  if (!object.ok()) return object.status();
  return giving(std::move(*object));
}

SidecarObject::Results SidecarObject::lookup(vat::Content& params) {
  const Result<schema::LookupParams> wanted = schema::readLookupParams(params.message);
  if (!wanted.ok()) return wanted.status().withContext("lookup");
  for (const auto& import : control_.parts_.imports) {
    if (import->name() != wanted->name) continue;
    Result<captp::Capability> object = import->lookUp(program_);
    if (!object.ok()) return object.status().withContext("lookup");
    return giving(std::move(*object));
  }
  std::string name;
  wire::assignClean(name, wanted->name, kMaxShownName);
  return Status(Code::kNotFound, "lookup: the configuration has no import \"" + name + "\"");
}

SidecarObject::Results SidecarObject::exportLive(vat::Content& params) {
  Result<schema::ExportParams> wanted = schema::readExportParams(params.message);
  if (!wanted.ok()) return wanted.status().withContext("export");
  const captp::Capability capability = take(params, wanted->capability);
  if (!capability) return Status(Code::kFailed, "export: there is no capability to export");
  const Status reachable = control_.parts_.uri_of({}).status();
  if (!reachable.ok()) return reachable.withContext("export");
  Result<LiveExports::Added> added = control_.live_.add(
      capability,
      {.link = program_, .label = std::move(wanted->label), .created = control_.parts_.now()});
  if (!added.ok()) return added.status();
  const Result<sturdy::SturdyUri> uri = control_.parts_.uri_of(added->id);
  vat::Content results{
      schema::write(schema::ExportResults{.uri = sturdy::printUri(*uri), .handle = 0}, pool()), {}};
  results.capabilities.push_back(control_.parts_.hub.objects().add(
      std::make_unique<ExportObject>(control_.live_, added->digest, pool())));
  return results;
}

SidecarObject::Results SidecarObject::publish(vat::Content& params) {
  const Result<schema::PublishParams> wanted =
      schema::readPublishParams(params.message, store::kMaxObjectRefBytes);
  if (!wanted.ok()) return wanted.status().withContext("publish");
  return Status(Code::kFailed, "publish: no durable store; set \"store\"");
}

SidecarObject::Results SidecarObject::revoke(vat::Content& params) {
  const Result<schema::RevokeParams> wanted = schema::readRevokeParams(params.message);
  if (!wanted.ok()) return wanted.status().withContext("revoke");
  const Result<sturdy::SturdyUri> uri = sturdy::parseUri(wanted->uri);
  if (!uri.ok()) return uri.status().withContext("revoke");
  if (!control_.isOwn(*uri)) {
    return Status(Code::kFailed, "revoke: it is a URI of another vat; revoke it there");
  }
  const store::Digest digest = restore::digestOf(uri->id);
  if (control_.live_.remove(digest, restore::wasRevoked(digest))) return vat::Content();
  return Status(Code::kFailed, "revoke: no durable store; set \"store\"");
}

SidecarObject::Results SidecarObject::serve(vat::Content& params, link::Link& program) {
  const Result<schema::ServeParams> wanted = schema::readServeParams(params.message);
  if (!wanted.ok()) return wanted.status().withContext("serve");
  if (program.spec().kind != captp::LinkKind::kApp) {
    return Status(Code::kFailed,
                  "serve: only an application's own connection (app) can be served; this one is "
                  "to control");
  }
  captp::Capability application = take(params, wanted->application);
  if (!application) return Status(Code::kFailed, "serve: there is no application to serve");
  control_.parts_.calls.serve(program_, std::move(application));
  control_.parts_.hub.log().info("control", "the application serves objects of its own");
  return vat::Content();
}

}  // namespace vatmesh::control
