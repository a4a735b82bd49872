// SPDX-License-Identifier: Apache-2.0
//
// Gateway answers Persistent.save of what applications host, for peers: it keeps the application's
// own name for the object (the answer that the application gave to a save of ours) as a durable ref
// of the peer that asked, and answers with its URI, encoded as the OCaml library does.
//
// What the peer wants it sealed for (SaveParams.sealFor) is a fingerprint: a Text as in a URI,
// "sha-256:...", or the 32 raw bytes as Data. Null seals it for nobody.
//
// An answer is given only once the ref would survive any crash. An answer of somebody else's
// object, which the application's had turned out to be, is passed on as it is.
#pragma once

#include <functional>
#include <string>

#include "persistence/record.h"
#include "persistence/store.h"
#include "rpc/base/status.h"
#include "rpc/vat/objects.h"
#include "sidecar/link/hub.h"

namespace vatmesh::restore {

class Gateway {
 public:
  // Makes `record` a durable ref and gives its URI: the same one for the same object, owner and
  // seal. Texts of errors are fit for peers. May call `done` at once, or never.
  using Publish =
      std::function<void(store::Record record, std::function<void(Result<std::string>)> done)>;
  struct Parts {
    Publish publish;
    // Whether what is restored from durable refs is asked for on links such as `host`.
    std::function<bool(captp::LinkId host)> restores_from;
    store::WallClock now;
  };

  // Answers all saves of `hub` from now on; the Hub outlives it and runs no more turns then.
  Gateway(link::Hub& hub, Parts parts);

 private:
  void saved(vat::SaveRequest request, vat::Responder responder);
  void keep(vat::SaveRequest request, vat::Responder responder);
  Result<store::Record> recordOf(const vat::SaveRequest& request) const;

  link::Hub& hub_;
  const Parts parts_;
};

}  // namespace vatmesh::restore
