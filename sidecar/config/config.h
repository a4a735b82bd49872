// SPDX-License-Identifier: Apache-2.0
//
// Config is what a sidecar is told to do: plain values, wholly checked, every default filled in.
// Addresses are texts of the forms `tcp:HOST:PORT`, `unix:PATH`, `unix-abstract:NAME`, which
// net::Address parses; all paths are absolute. `load.h` makes one from a file, `print.h` shows it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "persistence/store_spec.h"
#include "rpc/base/instant.h"
#include "rpc/base/log.h"
#include "rpc/sturdy/uri.h"

namespace vatmesh::config {

// Who may connect to a local socket besides root and the sidecar's own user.
struct AllowUids {
  bool any = false;
  std::vector<uint32_t> uids;

  bool operator==(const AllowUids&) const = default;
};

// A socket for programs of this host: imports, `control`.
struct LocalSocket {
  std::string address;
  AllowUids allow;

  bool operator==(const LocalSocket&) const = default;
};

enum class TlsVersion : uint8_t { k1_2, k1_3 };

struct Listener {
  std::string address;
  bool tls = true;
  TlsVersion min_tls = TlsVersion::k1_3;  // means nothing without tls

  bool operator==(const Listener&) const = default;
};

// How the sidecar and the application meet.
struct App {
  enum class Kind : uint8_t { kDial, kRun, kFd, kAccept };
  enum class Links : uint8_t { kPerPeer, kShared };
  enum class Interface : uint8_t { kPlain, kApplication };

  Kind kind = Kind::kDial;
  std::string address;               // kDial: where the application listens; kAccept: where we do
  std::vector<std::string> command;  // kRun; never empty then
  int fd = -1;                       // kFd
  Links links = Links::kPerPeer;     // kShared unless kind is kDial
  Interface interface = Interface::kPlain;
  AllowUids allow;  // kAccept

  // Exports whose apps are equal share their links.
  bool operator==(const App&) const = default;
};

// Someone who uses an export under an id of their own, so that it can be taken back from them
// alone.
struct Consumer {
  std::string name;
  uint32_t generation = 1;  // another one is another id: the one before is unknown then
  std::string cap_file;     // absolute path; empty: none is written

  bool operator==(const Consumer&) const = default;
};

struct Export {
  std::string name;
  std::optional<std::string> public_id;  // raw bytes, maybe empty; absent: the id is derived
  std::string cap_file;                  // absolute path; empty: none is written
  std::optional<std::string> ref;        // for Application.restore; absent: the bootstrap
  App app;                               // its own, or the configuration's
  std::vector<Consumer> consumers;       // in the order of the file

  bool operator==(const Export&) const = default;
};

enum class OnLoss : uint8_t { kClose };

struct Import {
  std::string name;
  // Exactly one of the two.
  std::optional<sturdy::SturdyUri> uri;
  std::string cap_file;  // absolute path; may not exist yet

  LocalSocket socket;  // Unix, abstract, or TCP on a loopback address
  OnLoss on_loss = OnLoss::kClose;
  TlsVersion min_tls = TlsVersion::k1_3;

  bool operator==(const Import&) const = default;
};

// For every TCP socket of both directions, as Linux counts.
struct Tcp {
  Duration keepalive_after = std::chrono::seconds(60);
  Duration keepalive_interval = std::chrono::seconds(10);
  uint32_t keepalive_probes = 3;
  Duration user_timeout = std::chrono::seconds(30);
  bool no_delay = true;

  bool operator==(const Tcp&) const = default;
};

struct Timeouts {
  Duration connect = std::chrono::seconds(10);
  Duration handshake = std::chrono::seconds(10);
  Duration app_connect = std::chrono::seconds(5);
  Duration stall = std::chrono::seconds(30);
  Duration embargo = std::chrono::seconds(30);

  bool operator==(const Timeouts&) const = default;
};

// Sizes are bytes.
struct Limits {
  uint64_t message = 64ull << 20;
  uint32_t segments = 512;
  uint32_t capabilities = 1024;
  uint32_t answers = 16384;
  uint32_t exports = 65536;
  uint32_t imports = 65536;
  uint32_t queued_messages = 1024;
  uint64_t queued_bytes = 4ull << 20;
  uint32_t embargoes = 1024;
  uint64_t queue_soft = 4ull << 20;
  uint64_t queue_hard = 256ull << 20;
  uint64_t total = 1ull << 30;

  bool operator==(const Limits&) const = default;
};

struct Log {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;

  bool operator==(const Log&) const = default;
};

// For whoever looks for a fault of ours.
struct Debug {
  std::string journal;    // absolute path: the vat's inputs are recorded there; empty: nowhere
  bool payloads = false;  // with what applications say to each other
  uint64_t limit = 64ull << 20;  // bytes of the journal

  bool operator==(const Debug&) const = default;
};

struct Config {
  std::string key_file;                    // absolute path; empty: a new key at each start
  std::optional<std::string> fingerprint;  // 32 raw bytes that the key must have
  std::vector<Listener> listen;
  std::string advertise;  // as written; empty: see advertisedListener
  std::optional<App> app;
  std::vector<Export> exports;  // in the order of the file
  std::vector<Import> imports;
  std::optional<LocalSocket> control;
  std::string admin;  // tcp:HOST:PORT; empty: none
  Tcp tcp;
  Timeouts timeouts;
  Limits limits;
  store::StoreSpec store;  // its path is absolute
  Log log;
  Debug debug;

  // What the log should say once: limits that were lowered, sockets open to every local user, a
  // store of which nothing would come.
  std::vector<std::string> warnings;

  bool operator==(const Config&) const = default;
};

// The listener whose bound address goes into URIs when `advertise` is empty: the first with TLS,
// else the first. Null without listeners.
const Listener* advertisedListener(const Config& config);

// Whether URIs carry the vat's fingerprint: some listener has TLS.
bool advertisesTls(const Config& config);

}  // namespace vatmesh::config
