// SPDX-License-Identifier: Apache-2.0
//
// Importer turns URIs into capabilities for programs: promises at once, which the object behind the
// URI resolves, or the cause why it can't be had breaks.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "rpc/base/status.h"
#include "rpc/sturdy/uri.h"
#include "rpc/vat/objects.h"
#include "sidecar/link/hub.h"
#include "sidecar/link/identity.h"
#include "sidecar/link/peer_links.h"
#include "sidecar/link/restorer.h"

namespace vatmesh::control {

class Importer {
 public:
  // Connections that one program may wait for at a time.
  static constexpr size_t kMaxUnderWay = 64;

  // Who serves the URIs of this vat, without a connection.
  struct Own {
    std::function<bool(const sturdy::SturdyUri& uri)> serves;
    link::Restorer& restorer;
  };

  // All references outlive it.
  Importer(link::Hub& hub, link::PeerLinks& peers, link::Identity& identity, Own own)
      : hub_(hub), peers_(peers), identity_(identity), own_(std::move(own)) {}
  Importer(const Importer&) = delete;
  Importer& operator=(const Importer&) = delete;

  // What `uri` names, for `program`. kInvalidArgument when it is no URI, kOverloaded when too much
  // is under way. Texts don't show the URI.
  Result<captp::Capability> import(link::Link& program, const std::string& uri);

  void linkGone(captp::LinkId program) { under_way_.erase(link::linkKey(program)); }

 private:
  void connected(captp::LinkId program, captp::OpId op, const std::string& object_id,
                 const Result<captp::LinkId>& remote);

  link::Hub& hub_;
  link::PeerLinks& peers_;
  link::Identity& identity_;
  const Own own_;
  std::map<uint64_t, size_t> under_way_;  // by program
};

}  // namespace vatmesh::control
