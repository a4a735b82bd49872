// SPDX-License-Identifier: Apache-2.0
//
// Grants knows which gates stand in front of what was restored from a ref that can be taken back:
// live, stored, or given to one consumer. Cutting them stops every capability that came from the
// ref, wherever it was handed on to (design 4.5).
//
// Invariant: a gate is known exactly as long as somebody holds a reference to it.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "persistence/record.h"
#include "rpc/base/status.h"
#include "sidecar/link/hub.h"

namespace vatmesh::restore {

// The digest of an object id, by which refs are known everywhere here.
store::Digest digestOf(const std::string& object_id);

// What a peer hears that asks for an id that we don't know, or that it may not use: as the OCaml
// library says it.
Status unknownId();

// Why a gate is cut, for those who call what is behind it.
Status wasRevoked(const store::Digest& digest);
Status hasExpired(const store::Digest& digest);

class Grants {
 public:
  // `hub` outlives it.
  explicit Grants(link::Hub& hub) : hub_(hub) {}
  Grants(const Grants&) = delete;
  Grants& operator=(const Grants&) = delete;

  // A new gate in front of `inner`, which came from the ref `digest`. `gone` runs in a later turn
  // of the engine, when nobody has a reference to it any more.
  vat::NewObject gate(const store::Digest& digest, const captp::Capability& inner,
                      std::function<void()> gone = {});

  // Answers `op` with a bootstrap behind a new gate.
  void complete(captp::OpId op, const store::Digest& digest, const vat::BootstrapOf& found);

  // Every call through the gates of `digest` fails with `why` from now on. Those that are made
  // later are open. True when there was one.
  bool cut(const store::Digest& digest, const Status& why);

  // The ref that what is behind `gate` came from; none for other gates, and 0.
  std::optional<store::Digest> refOf(captp::ObjectId gate) const;

  // The number of gates.
  size_t size() const { return refs_.size(); }

 private:
  void add(const store::Digest& digest, captp::ObjectId gate);
  void remove(const store::Digest& digest, captp::ObjectId gate);

  link::Hub& hub_;
  std::map<store::Digest, std::set<captp::ObjectId>> gates_;
  std::map<captp::ObjectId, store::Digest> refs_;  // the same, by gate
};

}  // namespace vatmesh::restore
