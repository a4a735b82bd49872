// SPDX-License-Identifier: Apache-2.0
//
// One function for each struct. The slots of capabilities are those of the schema: the place of the
// field among the pointers of its struct (control_test.cc holds them against the stock library).
#include <algorithm>
#include <string_view>
#include <utility>

#include "rpc/schema/control.h"
#include "rpc/schema/message.h"
#include "rpc/schema/slots.h"
#include "rpc/schema/vatmesh-control.capnp.h"

namespace vatmesh::schema {
namespace {

constexpr std::string_view kNoParams = "the parameters are malformed";
constexpr std::string_view kNoResults = "the results are malformed";

std::string text(capnp::Text::Reader reader) {
  return {reader.begin(), reader.size()};
}

std::string data(capnp::Data::Reader reader) {
  return {reinterpret_cast<const char*>(reader.begin()), reader.size()};
}

Peer peerOf(api::Peer::Reader peer) {
  return {.fingerprint = data(peer.getFingerprint()), .address = text(peer.getAddress())};
}

// Later times than a clock of milliseconds can tell are read as the last one.
Time timeOf(uint64_t milliseconds) {
  constexpr uint64_t kLast = uint64_t{1} << 62;
  return Time(std::chrono::milliseconds(static_cast<int64_t>(std::min(milliseconds, kLast))));
}

std::optional<Time> deadlineOf(uint64_t milliseconds) {
  if (milliseconds == 0) return std::nullopt;
  return timeOf(milliseconds);
}

// Reads the root of `message` as a T with `f`.
template <typename T, typename F>
auto read(std::string_view what, const wire::InMessage& message, F f) {
  return guarded(what, [&] {
    Reading reading(message);
    return f(reading.root<T>());
  });
}

}  // namespace

Result<SelfResults> readSelfResults(const wire::InMessage& message) {
  return read<api::SelfResults>(kNoResults, message, [](auto root) {
    SelfResults value{.fingerprint = data(root.getFingerprint()), .addresses = {}};
    for (const auto address : root.getAddresses()) value.addresses.push_back(text(address));
    return value;
  });
}

Result<ImportParams> readImportParams(const wire::InMessage& message) {
  return read<api::ImportParams>(kNoParams, message, [](auto root) {
    return ImportParams{.uri = text(root.getUri()), .reconnect = root.getReconnect()};
  });
}

Result<LookupParams> readLookupParams(const wire::InMessage& message) {
  return read<api::LookupParams>(kNoParams, message, [](auto root) {
    return LookupParams{.name = text(root.getImportName())};
  });
}

Result<ExportParams> readExportParams(const wire::InMessage& message) {
  return read<api::ExportParams>(kNoParams, message, [&message](auto root) {
    return ExportParams{.capability = capabilityIn(message, slots::kExportCapability),
                        .label = text(root.getLabel())};
  });
}

Result<ExportResults> readExportResults(const wire::InMessage& message) {
  return read<api::ExportResults>(kNoResults, message, [&message](auto root) {
    return ExportResults{.uri = text(root.getUri()),
                         .handle = capabilityIn(message, slots::kExportHandle)};
  });
}

Result<PublishParams> readPublishParams(const wire::InMessage& message, size_t max_ref_bytes) {
  return read<api::PublishParams>(kNoParams, message, [max_ref_bytes](auto root) {
    return PublishParams{.ref = objectRef(root.getRef(), max_ref_bytes),
                         .label = text(root.getLabel()),
                         .expires = deadlineOf(root.getExpires()),
                         .owner = data(root.getOwner())};
  });
}

Result<RevokeParams> readRevokeParams(const wire::InMessage& message) {
  return read<api::RevokeParams>(
      kNoParams, message, [](auto root) { return RevokeParams{.uri = text(root.getUri())}; });
}

Result<ServeParams> readServeParams(const wire::InMessage& message) {
  return read<api::ServeParams>(kNoParams, message, [&message](auto) {
    return ServeParams{.application = capabilityIn(message, slots::kServeApplication)};
  });
}

Result<InfoResults> readInfoResults(const wire::InMessage& message) {
  return read<api::InfoResults>(kNoResults, message, [](auto root) {
    const bool live = root.getLifetime() == api::InfoResults::Lifetime::LIVE;
    return InfoResults{
        .name = text(root.getName()),
        .label = text(root.getLabel()),
        .created = timeOf(root.getCreated()),
        .expires = deadlineOf(root.getExpires()),
        .lifetime = live ? InfoResults::Lifetime::kLive : InfoResults::Lifetime::kDurable};
  });
}

Result<BootstrapParams> readBootstrapParams(const wire::InMessage& message) {
  return read<api::BootstrapParams>(kNoParams, message, [](auto root) {
    return BootstrapParams{.peer = peerOf(root.getPeer())};
  });
}

Result<RestoreParams> readRestoreParams(const wire::InMessage& message, size_t max_ref_bytes) {
  return read<api::RestoreParams>(kNoParams, message, [max_ref_bytes](auto root) {
    return RestoreParams{.ref = objectRef(root.getRef(), max_ref_bytes),
                         .peer = peerOf(root.getPeer())};
  });
}

Result<SaveParams> readSaveParams(const wire::InMessage& message, size_t max_ref_bytes) {
  return read<api::SaveParams>(kNoParams, message, [max_ref_bytes](auto root) {
    return SaveParams{.seal_for = objectRef(root.getSealFor(), max_ref_bytes)};
  });
}

Result<SaveResults> readSaveResults(const wire::InMessage& message, size_t max_ref_bytes) {
  return read<api::SaveResults>(kNoResults, message, [max_ref_bytes](auto root) {
    return SaveResults{.sturdy_ref = objectRef(root.getSturdyRef(), max_ref_bytes)};
  });
}

CapabilityResults readCapabilityResults(const wire::InMessage& message) {
  return {.capability = capabilityIn(message, slots::kResultsCapability)};
}

}  // namespace vatmesh::schema
