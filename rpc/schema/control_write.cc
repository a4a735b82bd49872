// SPDX-License-Identifier: Apache-2.0
#include <string_view>
#include <utility>

#include "rpc/schema/control.h"
#include "rpc/schema/message.h"
#include "rpc/schema/slots.h"
#include "rpc/schema/vatmesh-control.capnp.h"
#include "rpc/wire/root.h"

namespace vatmesh::schema {
namespace {

capnp::Text::Reader text(const std::string& value) {
  return {value.c_str(), value.size()};
}

capnp::Data::Reader data(const std::string& value) {
  return {reinterpret_cast<const kj::byte*>(value.data()), value.size()};
}

uint64_t milliseconds(Time time) {
  return static_cast<uint64_t>(time.time_since_epoch().count());
}

void setPeer(api::Peer::Builder builder, const Peer& peer) {
  if (!peer.fingerprint.empty()) builder.setFingerprint(data(peer.fingerprint));
  builder.setAddress(text(peer.address));
}

// Finishes what `fill` puts into a new root, in which object refs may be anything.
template <typename T, typename F>
Result<wire::InMessage> writeRef(wire::BufferPool& pool, F fill) {
  Result<wire::InMessage> message = guarded("no object ref", [&] {
    Writing writing;
    fill(writing.root<T>());
    return writing.finish(pool);
  });
  if (!message.ok()) return Status(Code::kCorrupt, "the object ref is malformed");
  return message;
}

}  // namespace

wire::InMessage write(const SelfResults& value, wire::BufferPool& pool) {
  Writing writing;
  auto root = writing.root<api::SelfResults>();
  if (!value.fingerprint.empty()) root.setFingerprint(data(value.fingerprint));
  auto addresses = root.initAddresses(static_cast<uint>(value.addresses.size()));
  for (uint i = 0; i < addresses.size(); ++i) addresses.set(i, text(value.addresses[i]));
  return writing.finish(pool);
}

wire::InMessage write(const ImportParams& value, wire::BufferPool& pool) {
  Writing writing;
  auto root = writing.root<api::ImportParams>();
  root.setUri(text(value.uri));
  root.setReconnect(value.reconnect);
  return writing.finish(pool);
}

wire::InMessage write(const LookupParams& value, wire::BufferPool& pool) {
  Writing writing;
  writing.root<api::LookupParams>().setImportName(text(value.name));
  return writing.finish(pool);
}

wire::InMessage write(const ExportParams& value, wire::BufferPool& pool) {
  Writing writing;
  writing.root<api::ExportParams>().setLabel(text(value.label));
  if (value.capability) writing.setCapability(slots::kExportCapability);
  return writing.finish(pool);
}

wire::InMessage write(const ExportResults& value, wire::BufferPool& pool) {
  Writing writing;
  writing.root<api::ExportResults>().setUri(text(value.uri));
  if (value.handle) writing.setCapability(slots::kExportHandle);
  return writing.finish(pool);
}

wire::InMessage write(const RevokeParams& value, wire::BufferPool& pool) {
  Writing writing;
  writing.root<api::RevokeParams>().setUri(text(value.uri));
  return writing.finish(pool);
}

wire::InMessage write(const ServeParams& value, wire::BufferPool& pool) {
  Writing writing;
  writing.root<api::ServeParams>();
  if (value.application) writing.setCapability(slots::kServeApplication);
  return writing.finish(pool);
}

wire::InMessage write(const InfoResults& value, wire::BufferPool& pool) {
  Writing writing;
  auto root = writing.root<api::InfoResults>();
  root.setName(text(value.name));
  root.setLabel(text(value.label));
  root.setCreated(milliseconds(value.created));
  if (value.expires) root.setExpires(milliseconds(*value.expires));
  root.setLifetime(value.lifetime == InfoResults::Lifetime::kLive
                       ? api::InfoResults::Lifetime::LIVE
                       : api::InfoResults::Lifetime::DURABLE);
  return writing.finish(pool);
}

wire::InMessage write(const BootstrapParams& value, wire::BufferPool& pool) {
  Writing writing;
  setPeer(writing.root<api::BootstrapParams>().initPeer(), value.peer);
  return writing.finish(pool);
}

wire::InMessage write(const CapabilityResults& value, wire::BufferPool& pool) {
  Writing writing;
  writing.root<api::ImportResults>();
  if (value.capability) writing.setCapability(slots::kResultsCapability);
  return writing.finish(pool);
}

Result<wire::InMessage> write(const PublishParams& value, wire::BufferPool& pool) {
  return writeRef<api::PublishParams>(pool, [&value](auto root) {
    setObjectRef(root.initRef(), value.ref);
    root.setLabel(text(value.label));
    if (value.expires) root.setExpires(milliseconds(*value.expires));
    if (!value.owner.empty()) root.setOwner(data(value.owner));
  });
}

Result<wire::InMessage> write(const RestoreParams& value, wire::BufferPool& pool) {
  return writeRef<api::RestoreParams>(pool, [&value](auto root) {
    setObjectRef(root.initRef(), value.ref);
    setPeer(root.initPeer(), value.peer);
  });
}

Result<wire::InMessage> write(const SaveParams& value, wire::BufferPool& pool) {
  return writeRef<api::SaveParams>(
      pool, [&value](auto root) { setObjectRef(root.initSealFor(), value.seal_for); });
}

Result<wire::InMessage> write(const SaveResults& value, wire::BufferPool& pool) {
  return writeRef<api::SaveResults>(
      pool, [&value](auto root) { setObjectRef(root.initSturdyRef(), value.sturdy_ref); });
}

wire::InMessage nullMessage(wire::BufferPool& pool) {
  return wire::messageOf({}, pool);
}

}  // namespace vatmesh::schema
