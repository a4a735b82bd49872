// SPDX-License-Identifier: Apache-2.0
//
// The parameters and results of vatmesh.capnp's methods and of Persistent as plain values: read
// from and written to messages whose root they are (wire/root.h).
//
// A capability is its index in the message's table; none: null, or no capability at all, as it may
// be for a hostile message. An index may lie outside the table. What is written has one capability
// at most, and it is 0.
//
// An object ref is what an AnyPointer leads to, as bytes (object_ref.h); empty: null.
//
// Reading takes any bytes: what is no such struct gives kFailed, with a text that tells nothing of
// the content. It reads no byte outside the message, and its work is bounded by the message's size.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rpc/base/status.h"
#include "rpc/wire/buffer.h"
#include "rpc/wire/message.h"

namespace vatmesh::schema {

// A point of the calendar. The largest that is read lies some hundred million years ahead, so sums
// don't overflow.
using Time = std::chrono::sys_time<std::chrono::milliseconds>;

// What Call.interfaceId and methodId say.
struct SidecarInterface {
  static constexpr uint64_t kId = 0xf90a4bffa9961ecf;
  enum Method : uint16_t { kSelf, kImport, kLookup, kExport, kPublish, kRevoke, kServe };
};
struct ExportInterface {
  static constexpr uint64_t kId = 0x9de154ff564611a2;
  enum Method : uint16_t { kRevoke, kInfo };
};
struct ApplicationInterface {
  static constexpr uint64_t kId = 0xfb89c77980aac403;
  enum Method : uint16_t { kBootstrap, kRestore };
};
struct PersistentInterface {
  static constexpr uint64_t kId = 0xc8cb212fcd9f5691;
  enum Method : uint16_t { kSave };
};

using CapabilityIndex = std::optional<uint32_t>;

struct Peer {
  std::string fingerprint;  // 32 raw bytes; empty: none was shown
  std::string address;
};

// --- Sidecar. Methods whose structs have no field have none here: write nullMessage().
struct SelfResults {
  std::string fingerprint;  // 32 raw bytes; empty: none
  std::vector<std::string> addresses;
};
struct ImportParams {
  std::string uri;
  bool reconnect = false;
};
struct LookupParams {
  std::string name;
};
struct ExportParams {
  CapabilityIndex capability;
  std::string label;
};
// Of export and publish.
struct ExportResults {
  std::string uri;
  CapabilityIndex handle;
};
struct PublishParams {
  std::string ref;  // an object ref
  std::string label;
  std::optional<Time> expires;
  std::string owner;  // 32 raw bytes; empty: none
};
struct RevokeParams {
  std::string uri;
};
struct ServeParams {
  CapabilityIndex application;
};

// --- Export
struct InfoResults {
  enum class Lifetime : uint8_t { kLive, kDurable };
  std::string name;
  std::string label;
  Time created;
  std::optional<Time> expires;
  Lifetime lifetime = Lifetime::kLive;
};

// --- Application
struct BootstrapParams {
  Peer peer;
};
struct RestoreParams {
  std::string ref;  // an object ref
  Peer peer;
};

// --- Persistent
struct SaveParams {
  std::string seal_for;  // an object ref
};
struct SaveResults {
  std::string sturdy_ref;  // an object ref
};

// Of import, lookup, bootstrap and restore.
struct CapabilityResults {
  CapabilityIndex capability;
};

Result<SelfResults> readSelfResults(const wire::InMessage& message);
Result<ImportParams> readImportParams(const wire::InMessage& message);
Result<LookupParams> readLookupParams(const wire::InMessage& message);
Result<ExportParams> readExportParams(const wire::InMessage& message);
Result<ExportResults> readExportResults(const wire::InMessage& message);
// Object refs of more than `max_ref_bytes` or with capabilities give kFailed.
Result<PublishParams> readPublishParams(const wire::InMessage& message, size_t max_ref_bytes);
Result<RevokeParams> readRevokeParams(const wire::InMessage& message);
Result<ServeParams> readServeParams(const wire::InMessage& message);
Result<InfoResults> readInfoResults(const wire::InMessage& message);
Result<BootstrapParams> readBootstrapParams(const wire::InMessage& message);
Result<RestoreParams> readRestoreParams(const wire::InMessage& message, size_t max_ref_bytes);
Result<SaveParams> readSaveParams(const wire::InMessage& message, size_t max_ref_bytes);
Result<SaveResults> readSaveResults(const wire::InMessage& message, size_t max_ref_bytes);
CapabilityResults readCapabilityResults(const wire::InMessage& message);

// The memory of what they return comes from `pool`. An index that is written counts as 0.
wire::InMessage write(const SelfResults& value, wire::BufferPool& pool);
wire::InMessage write(const ImportParams& value, wire::BufferPool& pool);
wire::InMessage write(const LookupParams& value, wire::BufferPool& pool);
wire::InMessage write(const ExportParams& value, wire::BufferPool& pool);
wire::InMessage write(const ExportResults& value, wire::BufferPool& pool);
wire::InMessage write(const RevokeParams& value, wire::BufferPool& pool);
wire::InMessage write(const ServeParams& value, wire::BufferPool& pool);
wire::InMessage write(const InfoResults& value, wire::BufferPool& pool);
wire::InMessage write(const BootstrapParams& value, wire::BufferPool& pool);
wire::InMessage write(const CapabilityResults& value, wire::BufferPool& pool);
// kCorrupt when an object ref in them is none.
Result<wire::InMessage> write(const PublishParams& value, wire::BufferPool& pool);
Result<wire::InMessage> write(const RestoreParams& value, wire::BufferPool& pool);
Result<wire::InMessage> write(const SaveParams& value, wire::BufferPool& pool);
Result<wire::InMessage> write(const SaveResults& value, wire::BufferPool& pool);

// A struct without fields, or all fields at their defaults.
wire::InMessage nullMessage(wire::BufferPool& pool);

}  // namespace vatmesh::schema
