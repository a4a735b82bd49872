// SPDX-License-Identifier: Apache-2.0
//
// Exports is what peers can restore from this vat: a table from the digest of an id to an
// application of the configuration or to a live capability; behind it, the store. Ids are hashed
// before they are looked up, so the time that a look-up takes tells nothing about them.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "persistence/record.h"
#include "rpc/base/status.h"
#include "sidecar/link/application.h"
#include "sidecar/link/hub.h"
#include "sidecar/link/restorer.h"
#include "sidecar/restore/application_calls.h"
#include "sidecar/restore/grants.h"
#include "sidecar/restore/stored_refs.h"

namespace vatmesh::restore {

// What an export of the configuration serves: the bootstrap of `app`, or, when that is an
// Application, what it gives for each peer, or for `ref`.
struct Service {
  link::Application* app = nullptr;
  config::App::Interface interface = config::App::Interface::kPlain;
  std::optional<std::string> ref = {};
  std::string consumer = {};  // who alone has the id; empty: nobody in particular
};

class Exports : public link::Restorer {
 public:
  // All references outlive it.
  Exports(link::Hub& hub, Grants& grants, ApplicationCalls& calls)
      : hub_(hub), grants_(grants), calls_(calls) {}

  // Serves `service`, whose app outlives this, under `id`. kInvalidArgument when another export has
  // that id. What is restored is counted for `name` and the consumer.
  Status add(const std::string& name, const std::string& id, Service service);

  // Serves `capability` under the id with `digest` until removeLive: as long as a process wants it,
  // and behind a gate. kConflict when that id is taken; `label` is for the text.
  Status addLive(const store::Digest& digest, const captp::Capability& capability,
                 const std::string& label);
  // Serves it no more, and fails the calls of all who have it with `why`. False when it is no live
  // export.
  bool removeLive(const store::Digest& digest, const Status& why);

  // Whether the id with `digest` is that of an export: of the configuration, or live.
  bool serves(const store::Digest& digest) const { return by_digest_.contains(digest); }

  // Looks for ids that are in none of the tables in `stored`, which outlives this.
  void serveStored(StoredRefs& stored) { stored_ = &stored; }

  void restore(link::Link& peer, captp::OpId op, const std::string& object_id) override;
  void cancel(captp::OpId op) override;
  void peerGone(captp::LinkId peer) override;

 private:
  struct Configured {
    Service service;
    size_t count;  // in the counters' exports
  };
  struct Live {
    std::string label;
    captp::Capability gate;
  };
  using Entry = std::variant<Configured, Live>;

  void reached(const Configured& entry, captp::LinkId peer, captp::OpId op,
               const Result<captp::LinkId>& app_link);
  Result<vat::Completion> found(const Configured& entry, captp::LinkId peer,
                                captp::LinkId app_link);
  void count(const Configured& entry, captp::LinkId peer, const Status& outcome);
  metrics::ExportCount& countOf(const Configured& entry);
  void unknown(link::Link& peer, captp::OpId op, const store::Digest& digest);

  link::Hub& hub_;
  Grants& grants_;
  ApplicationCalls& calls_;
  StoredRefs* stored_ = nullptr;
  std::map<store::Digest, Entry> by_digest_;
  std::vector<link::Application*> apps_;  // each once
  bool serves_ = false;                   // something, at some time: an id that is gone is unknown
};

}  // namespace vatmesh::restore
