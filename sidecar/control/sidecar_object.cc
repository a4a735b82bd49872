// SPDX-License-Identifier: Apache-2.0
//
// In the order of the schema.
#include "sidecar/control/sidecar_object.h"

#include <algorithm>
#include <utility>

#include "rpc/schema/control.h"
#include "rpc/wire/text.h"
#include "sidecar/control/durable_export.h"
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
  const bool own = call.interface_id == SidecarInterface::kId;
  if (own && call.method_id == SidecarInterface::kPublish) {
    return publish(call.params, *program, std::move(responder));
  }
  if (own && call.method_id == SidecarInterface::kRevoke) {
    return revoke(call.params, *program, std::move(responder));
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

// The handle is made when the ref is durable; by then this object may be gone.
void SidecarObject::publish(vat::Content& params, link::Link& program, vat::Responder responder) {
  Result<store::Record> record = recordOf(params, program);
  if (!record.ok()) return responder.fail(record.status().withContext("publish"));
  link::Hub& hub = control_.parts_.hub;
  restore::Publisher& publisher = control_.parts_.durable.publisher();
  auto waiting = std::make_shared<vat::Responder>(std::move(responder));
  publisher.publish(std::move(*record), [waiting, &hub, &publisher, who = program.describe()](
                                            Result<restore::Published> published) {
    if (!published.ok()) return waiting->fail(published.status().withContext("publish"));
    hub.log().info("control",
                   who + " published an object as sturdy ref " + published->digest.shortName());
    vat::Content results{
        schema::write(schema::ExportResults{.uri = std::move(published->uri), .handle = 0},
                      hub.pool()),
        {}};
    results.capabilities.push_back(hub.objects().add(
        std::make_unique<DurableExport>(publisher, published->digest, hub.pool())));
    waiting->answer(std::move(results));
  });
}

Result<store::Record> SidecarObject::recordOf(vat::Content& params,
                                              const link::Link& program) const {
  Result<schema::PublishParams> wanted =
      schema::readPublishParams(params.message, store::kMaxObjectRefBytes);
  if (!wanted.ok()) return wanted.status();
  const Status may = control_.parts_.durable.mayPublish(program);
  if (!may.ok()) return may;
  const store::UnixTime now = control_.parts_.now();
  if (wanted->ref.empty()) return Status(Code::kFailed, "there is no ref to restore it by");
  if (wanted->expires && *wanted->expires <= now) {
    return Status(Code::kFailed, "it would have ended already");
  }
  store::Record record;
  record.owner = store::Digest::fromBytes(wanted->owner);
  if (!record.owner && !wanted->owner.empty()) {
    return Status(Code::kFailed, "the owner is no fingerprint: give the 32 bytes, or none");
  }
  record.object_ref = std::move(wanted->ref);
  record.label = std::move(wanted->label);
  record.expires = wanted->expires;
  record.notes.push_back({.at = now, .text = "published by " + program.describe()});
  return record;
}

void SidecarObject::revoke(vat::Content& params, link::Link& program, vat::Responder responder) {
  const auto refuse = [&responder](const Status& why) {
    responder.fail(why.withContext("revoke"));
  };
  const Result<schema::RevokeParams> wanted = schema::readRevokeParams(params.message);
  if (!wanted.ok()) return refuse(wanted.status());
  const Result<sturdy::SturdyUri> uri = sturdy::parseUri(wanted->uri);
  if (!uri.ok()) return refuse(uri.status());
  if (!control_.isOwn(*uri))
    return refuse({Code::kFailed, "it is a URI of another vat; revoke it there"});
  const store::Digest digest = restore::digestOf(uri->id);
  if (control_.live_.remove(digest, restore::wasRevoked(digest))) {
    return responder.answer(vat::Content());
  }
  if (control_.parts_.exports.serves(digest)) {
    return refuse({Code::kFailed, "it is an export of the configuration; take it out there"});
  }
  auto waiting = std::make_shared<vat::Responder>(std::move(responder));
  const auto told = [&hub = control_.parts_.hub, who = program.describe(), digest] {
    hub.log().info("control", who + " revoked the sturdy ref " + digest.shortName());
  };
  control_.parts_.durable.publisher().revoke(digest, [waiting, told](const Status& status) {
    if (status.ok()) {
      told();
      return waiting->answer(vat::Content());
    }
    waiting->fail(status.code() == Code::kNotFound
                      ? Status(Code::kFailed, "revoke: there is no such ref, or no longer")
                      : status.withContext("revoke"));
  });
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
