// SPDX-License-Identifier: Apache-2.0
//
// RemoteObject is an object at the other end of a socket, called through libcapnp-rpc with a schema
// known only at run time. Each function blocks until there is an answer or the time is over; KJ's
// event loop and exceptions stop here.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <capnp/dynamic.h>

#include "deploy/cli/progress.h"
#include "deploy/cli/schema_file.h"
#include "rpc/base/instant.h"
#include "rpc/base/status.h"
#include "sidecar/event/fd.h"

namespace vatmesh::deploy {

class RemoteObject {
 public:
  // The names of the fields that lead to something in a result.
  using Path = std::vector<std::string>;
  // Fills the arguments of a call.
  using Fill = std::function<Status(capnp::DynamicStruct::Builder)>;
  // Sees the results of a call, which are gone afterwards.
  using Look = std::function<Status(capnp::DynamicStruct::Reader)>;

  // `socket` is connected. All calls together take at most `time`. `progress` outlives it.
  RemoteObject(event::Fd socket, Duration time, Progress& progress);
  ~RemoteObject();

  // Waits until the object is there. kFailed or kUnimplemented when the peer, or our sidecar about
  // it, says no; kDisconnected, kOverloaded or kTimeout when it can't be reached. `where` is for
  // the texts.
  Status reach(const std::string& where);

  // Calls `method`. The code of an error is the one that the peer gave, or kTimeout; the text is
  // the peer's, with control characters escaped.
  Status call(const SchemaFile::Method& method, const Fill& fill, const Look& look);

  // Calls Persistent.save on the object, or on what lies at `path` in the results of the last call.
  // Gives the URI, a secret.
  Result<std::string> save();
  Result<std::string> save(const Path& path);

 private:
  struct Parts;

  std::unique_ptr<Parts> parts_;
};

}  // namespace vatmesh::deploy
