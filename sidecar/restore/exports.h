// SPDX-License-Identifier: Apache-2.0
//
// Exports is what peers can restore from this vat: a table from the digest of an id to an
// application. Ids are hashed before they are looked up, so the time that a look-up takes tells
// nothing about them.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "rpc/base/status.h"
#include "sidecar/link/application.h"
#include "sidecar/link/hub.h"
#include "sidecar/link/restorer.h"

namespace vatmesh::restore {

class Exports : public link::Restorer {
 public:
  explicit Exports(link::Hub& hub) : hub_(hub) {}

  // Serves the bootstrap of `app`, which outlives this, under `id`. kInvalidArgument when another
  // export has that id; `name` is for the text.
  Status add(const std::string& name, const std::string& id, link::Application& app);

  void restore(link::Link& peer, captp::OpId op, const std::string& object_id) override;
  void peerGone(captp::LinkId peer) override;

 private:
  struct Entry {
    std::string name;
    link::Application* app;
  };

  void found(captp::OpId op, Result<captp::LinkId> app_link);

  link::Hub& hub_;
  std::unordered_map<std::string, Entry> by_digest_;
  std::vector<link::Application*> apps_;  // each once
};

}  // namespace vatmesh::restore
