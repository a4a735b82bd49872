// SPDX-License-Identifier: Apache-2.0
//
// The families of what the sidecar itself counts.
#include <limits>

#include "rpc/base/log.h"
#include "sidecar/metrics/families.h"
#include "sidecar/metrics/family_builder.h"

namespace vatmesh::metrics {
namespace {

#if defined(__x86_64__)
constexpr std::string_view kArch = "amd64";
#elif defined(__aarch64__)
constexpr std::string_view kArch = "arm64";
#else
constexpr std::string_view kArch = "other";
#endif

// Calls `visit` with the counts of each direction and transport and their label values.
template <typename Visit>
void eachConnection(const Counters& counters, Visit visit) {
  for (size_t d = 0; d < kDirections; ++d) {
    for (size_t t = 0; t < kTransports; ++t) {
      visit(counters.connections[d][t], Label{"direction", kDirectionNames[d]},
            Label{"transport", kTransportNames[t]});
    }
  }
}

void addBuild(const Readings& readings, Families& out) {
  out.push_back(gauge("vatmesh_build_info", "Always 1; the labels tell what runs.")
                    .sample({{"version", readings.version},
                             {"tls_library", readings.tls_library},
                             {"arch", kArch}},
                            1)
                    .take());
  out.push_back(gauge("vatmesh_start_time_seconds", "Start of the process since the epoch.")
                    .sample({}, readings.start_time_seconds)
                    .take());
  out.push_back(gauge("vatmesh_ready", "1 when /readyz answers 200.")
                    .sample({}, readings.ready ? 1 : 0)
                    .take());
}

void addConnections(const Counters& counters, Families& out) {
  auto opened = counter("vatmesh_connections_opened_total", "Connections that came up.");
  auto open = gauge("vatmesh_connections_open", "Connections that are up.");
  auto closed = counter("vatmesh_connections_closed_total", "Connections that ended, by reason.");
  auto received = counter("vatmesh_received_bytes_total", "Bytes of received messages.");
  auto sent = counter("vatmesh_sent_bytes_total", "Bytes of sent messages.");
  auto pauses = counter("vatmesh_flow_control_pauses_total",
                        "Times that a connection was not read for back-pressure.");
  eachConnection(counters, [&](const ConnectionCounts& counts, Label direction, Label transport) {
    opened.sample({direction, transport}, counts.opened);
    open.sample({direction, transport}, counts.open);
    received.sample({direction, transport}, counts.received_bytes);
    sent.sample({direction, transport}, counts.sent_bytes);
    pauses.sample({direction, transport}, counts.pauses);
    for (size_t r = 0; r < kCloseReasons; ++r) {
      closed.sample({direction, transport, {"reason", kCloseReasonNames[r]}}, counts.closed[r]);
    }
  });
  for (FamilyBuilder* family : {&opened, &open, &closed, &received, &sent, &pauses}) {
    out.push_back(family->take());
  }
  auto refused = counter("vatmesh_connections_refused_total",
                         "Incoming connections closed at once, by what there were too many of.");
  for (size_t r = 0; r < kRefuseReasons; ++r) {
    refused.sample({{"reason", kRefuseReasonNames[r]}}, counters.refused[r]);
  }
  out.push_back(refused.take());
}

void addHandshakes(const Counters& counters, Families& out) {
  auto handshakes = counter("vatmesh_tls_handshakes_total", "TLS handshakes that ended.");
  for (size_t d = 0; d < kDirections; ++d) {
    for (size_t r = 0; r < kHandshakeResults; ++r) {
      handshakes.sample({{"direction", kDirectionNames[d]}, {"result", kHandshakeResultNames[r]}},
                        counters.handshakes[d][r]);
    }
  }
  out.push_back(handshakes.take());
  auto connects = counter("vatmesh_connect_attempts_total", "Dialled connections to peers.");
  for (size_t r = 0; r < kConnectResults; ++r) {
    connects.sample({{"result", kConnectResultNames[r]}}, counters.connects[r]);
  }
  out.push_back(connects.take());
}

void addApplication(const Counters& counters, Families& out) {
  auto restores = counter("vatmesh_restores_total", "Bootstraps of peers, by what was found.");
  for (size_t r = 0; r < kRestoreResults; ++r) {
    restores.sample({{"result", kRestoreResultNames[r]}}, counters.restores[r]);
  }
  out.push_back(restores.take());
  auto exports =
      counter("vatmesh_export_restores_total",
              "Bootstraps of peers that a configured export served, by whose id it was.");
  for (const ExportCount& each : counters.exports) {
    exports.sample({{"export", each.name}, {"consumer", each.consumer}}, each.restored);
  }
  out.push_back(exports.take());
  out.push_back(gauge("vatmesh_app_link_up", "Links to the application that are up.")
                    .sample({}, counters.app_link_up)
                    .take());
  out.push_back(counter("vatmesh_app_link_reconnects_total", "Attempts to reach it again.")
                    .sample({}, counters.app_link_reconnects)
                    .take());
  out.push_back(gauge("vatmesh_live_exports", "Objects that programs export through Sidecar.")
                    .sample({}, counters.live_exports)
                    .take());
}

void fill(const Durations& durations, prometheus::ClientMetric::Histogram& out) {
  out.sample_sum = durations.sum;
  for (size_t b = 0; b < durations.buckets.size(); ++b) {
    out.sample_count += durations.buckets[b];
    out.bucket.push_back({out.sample_count, b < Durations::kBounds.size()
                                                ? Durations::kBounds[b]
                                                : std::numeric_limits<double>::infinity()});
  }
}

void addStore(const Readings& readings, Families& out) {
  auto operations = counter("vatmesh_store_operations_total",
                            "Operations on the store of sturdy refs, by how they went.");
  FamilyBuilder durations("vatmesh_store_operation_duration_seconds",
                          "Time from an operation on the store to its outcome.",
                          prometheus::MetricType::Histogram);
  for (size_t op = 0; op < kStoreOps; ++op) {
    const StoreCounts& counts = readings.sidecar.store[op];
    for (size_t r = 0; r < kStoreResults; ++r) {
      operations.sample({{"op", kStoreOpNames[op]}, {"result", kStoreResultNames[r]}},
                        counts.results[r]);
    }
    fill(counts.durations, durations.add({{"op", kStoreOpNames[op]}}).histogram);
  }
  FamilyBuilder restores("vatmesh_restore_duration_seconds",
                         "Time from a Bootstrap with a durable ref to its answer.",
                         prometheus::MetricType::Histogram);
  fill(readings.sidecar.restore_durations, restores.add({}).histogram);
  out.push_back(restores.take());
  out.push_back(operations.take());
  out.push_back(durations.take());
  if (!readings.store_up) return;
  out.push_back(gauge("vatmesh_store_up", "1 when the store of sturdy refs can be used.")
                    .sample({}, *readings.store_up ? 1 : 0)
                    .take());
}

}  // namespace

void addSidecarFamilies(const Readings& readings, Families& out) {
  addBuild(readings, out);
  addConnections(readings.sidecar, out);
  addHandshakes(readings.sidecar, out);
  addApplication(readings.sidecar, out);
  addStore(readings, out);
  auto logs = counter("vatmesh_log_messages_total", "Lines logged, by level.");
  for (size_t level = 0; level < readings.log_messages.size(); ++level) {
    logs.sample({{"level", logLevelName(static_cast<LogLevel>(level))}},
                readings.log_messages[level]);
  }
  out.push_back(logs.take());
  out.push_back(gauge("vatmesh_buffered_bytes", "Bytes sent by the engine and not yet written.")
                    .sample({}, readings.buffered_bytes)
                    .take());
}

}  // namespace vatmesh::metrics
