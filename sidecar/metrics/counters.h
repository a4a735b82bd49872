// SPDX-License-Identifier: Apache-2.0
//
// Plain numbers that the sidecar counts beside the engine's (rpc/captp/counters.h). Whoever acts
// increments; nobody but the exposition reads. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vatmesh::metrics {

// Who opened a connection: the other side (in) or we (out).
enum class Direction : uint8_t { kIn, kOut };
inline constexpr size_t kDirections = 2;

enum class Transport : uint8_t {
  kTls,     // a peer vat
  kPlain,   // a peer where TLS is off
  kApp,     // our application
  kClient,  // a local program on an import's socket
};
inline constexpr size_t kTransports = 4;

enum class CloseReason : uint8_t {
  kPeerClose,
  kLocalClose,
  kIdle,
  kHandshakeError,
  kProtocolError,
  kPolicy,
  kDrain,
  kAppGone,
  kReset,
};
inline constexpr size_t kCloseReasons = 9;

enum class HandshakeResult : uint8_t { kOk, kTimeout, kBadKey, kOther };
inline constexpr size_t kHandshakeResults = 4;

enum class ConnectResult : uint8_t { kOk, kTimeout, kError };
inline constexpr size_t kConnectResults = 3;

enum class RestoreResult : uint8_t {
  kOk,
  kUnknown,
  kNoRestorer,
  kDenied,  // the ref is sealed for another peer
  kStoreError,
  kAppError,
};
inline constexpr size_t kRestoreResults = 6;

// What was asked of the store of sturdy refs, and how it went.
enum class StoreOp : uint8_t { kGet, kPut, kRemove, kList };
inline constexpr size_t kStoreOps = 4;
enum class StoreResult : uint8_t {
  kOk,
  kNotFound,
  kConflict,
  kUnavailable,
  kRefused,
  kCorrupt,
  kFull,
  kOther,
};
inline constexpr size_t kStoreResults = 8;

// Why a connection was closed as soon as it was accepted: too many are open, or in their handshake.
enum class RefuseReason : uint8_t { kConnections, kHandshakes };
inline constexpr size_t kRefuseReasons = 2;

// The label values, by enumerator.
inline constexpr std::array<std::string_view, kDirections> kDirectionNames = {"in", "out"};
inline constexpr std::array<std::string_view, kTransports> kTransportNames = {"tls", "plain", "app",
                                                                              "client"};
inline constexpr std::array<std::string_view, kCloseReasons> kCloseReasonNames = {
    "peer_close", "local_close", "idle", "handshake_error", "protocol_error", "policy",
    "drain",      "app_gone",    "reset"};
inline constexpr std::array<std::string_view, kHandshakeResults> kHandshakeResultNames = {
    "ok", "timeout", "bad_key", "other"};
inline constexpr std::array<std::string_view, kConnectResults> kConnectResultNames = {
    "ok", "timeout", "error"};
inline constexpr std::array<std::string_view, kRestoreResults> kRestoreResultNames = {
    "ok", "unknown", "no_restorer", "denied", "store_error", "app_error"};
inline constexpr std::array<std::string_view, kStoreOps> kStoreOpNames = {"get", "put", "remove",
                                                                          "list"};
inline constexpr std::array<std::string_view, kStoreResults> kStoreResultNames = {
    "ok", "not_found", "conflict", "unavailable", "refused", "corrupt", "full", "other"};
inline constexpr std::array<std::string_view, kRefuseReasons> kRefuseReasonNames = {"connections",
                                                                                    "handshakes"};

// Indexes an array by enumerator.
template <typename Enum>
constexpr size_t at(Enum value) {
  return static_cast<size_t>(value);
}

// What is counted of all connections with one direction and transport.
struct ConnectionCounts {
  uint64_t opened = 0;
  uint64_t open = 0;  // now
  std::array<uint64_t, kCloseReasons> closed{};
  uint64_t received_bytes = 0;
  uint64_t sent_bytes = 0;
  uint64_t pauses = 0;  // times that it was no longer read, for back-pressure
};

// How long things took, in seconds.
struct Durations {
  // Upper bounds; the last bucket is +Inf.
  static constexpr std::array<double, 9> kBounds = {0.0001, 0.0005, 0.001, 0.005, 0.01,
                                                    0.05,   0.1,    1,     10};

  std::array<uint64_t, kBounds.size() + 1> buckets{};
  double sum = 0;

  void add(double seconds) {
    size_t bucket = 0;
    while (bucket < kBounds.size() && kBounds[bucket] < seconds) ++bucket;
    ++buckets[bucket];
    sum += seconds;
  }
};

// What is counted of all operations of one kind on the store.
struct StoreCounts {
  std::array<uint64_t, kStoreResults> results{};
  Durations durations;
};

// How often a configured export was restored, by its own id or by that of one of its consumers.
struct ExportCount {
  std::string name;
  std::string consumer;  // empty: the export's own id
  uint64_t restored = 0;

  // "calculator", or "calculator/team-a": how texts name it.
  std::string label() const { return consumer.empty() ? name : name + "/" + consumer; }
};

struct Counters {
  std::array<std::array<ConnectionCounts, kTransports>, kDirections> connections{};
  std::array<std::array<uint64_t, kHandshakeResults>, kDirections> handshakes{};
  std::array<uint64_t, kConnectResults> connects{};  // dialled peers
  std::array<uint64_t, kRestoreResults> restores{};
  std::vector<ExportCount> exports;                // those of the configuration, from the start
  std::array<uint64_t, kRefuseReasons> refused{};  // incoming connections
  Durations restore_durations;                     // of durable refs
  std::array<StoreCounts, kStoreOps> store{};
  uint64_t app_link_up = 0;  // application links that are up now
  uint64_t app_link_reconnects = 0;
  uint64_t live_exports = 0;  // of programs, now

  ConnectionCounts& of(Direction direction, Transport transport) {
    return connections[at(direction)][at(transport)];
  }
};

}  // namespace vatmesh::metrics
