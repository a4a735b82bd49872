// SPDX-License-Identifier: Apache-2.0
//
// Gateway answers Persistent.save of what applications host, for peers: it keeps the application's
// own name for the object (the answer that the application gave to a save of ours) as a durable ref
// of the peer that asked, and answers with its URI, encoded as the OCaml library does.
//
// What the peer wants it sealed for (SaveParams.sealFor) is a fingerprint: a Text as in a URI,
// "sha-256:...", or the 32 raw bytes as Data. Null seals it for nobody.
//
// What comes from a stored ref that ends, or is sealed, is saved with the same end and seal, so
// that nobody gets more by saving than it had; the audit note names that ref. A ref that the peer
// has of the object already stays as it is.
//
// An answer is given only once the ref would survive any crash. An answer of somebody else's
// object, which the application's had turned out to be, is passed on as it is.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "persistence/record.h"
#include "persistence/store.h"
#include "rpc/base/status.h"
#include "rpc/vat/objects.h"
#include "sidecar/link/hub.h"
#include "sidecar/restore/publisher.h"

namespace vatmesh::restore {

class Gateway {
 public:
  struct Parts {
    // Publisher::publish, keeping what is there; Publisher::info.
    std::function<void(store::Record record, Publisher::OnPublished done)> publish;
    std::function<void(const store::Digest& digest, Publisher::OnInfo done)> info;
    // The ref that what is behind `gate` came from; whether it is an export of the configuration or
    // a live one, which no store has.
    std::function<std::optional<store::Digest>(captp::ObjectId gate)> ref_of;
    std::function<bool(const store::Digest& ref)> is_export;
    // Whether what is restored from durable refs is asked for on links such as `host`.
    std::function<bool(captp::LinkId host)> restores_from;
    store::WallClock now;
  };

  static constexpr size_t kMaxHeldBytes = 64 * 1024 * 1024;

  // Answers all saves of `hub` from now on; the Hub outlives it and runs no more turns then.
  Gateway(link::Hub& hub, Parts parts);

 private:
  // One whose ref is on its way into the store. What these take is bounded, since they may be as
  // many as peers have questions.
  struct Saving {
    Saving(store::Record wanted, vat::Responder waiting, std::string from,
           std::shared_ptr<size_t> held);
    ~Saving() { *held_bytes -= bytes; }

    store::Record record;
    vat::Responder responder;
    const std::string peer;  // for the log
    const std::shared_ptr<size_t> held_bytes;
    const size_t bytes;
  };
  using SavingPtr = std::shared_ptr<Saving>;

  void saved(vat::SaveRequest request, vat::Responder responder);
  void keep(const vat::SaveRequest& request, vat::Responder responder);
  void publish(const SavingPtr& saving);
  Result<store::Record> recordOf(const vat::SaveRequest& request, const link::Link& peer) const;

  link::Hub& hub_;
  const Parts parts_;
  const std::shared_ptr<Gateway*> self_;
  const std::shared_ptr<size_t> held_bytes_ = std::make_shared<size_t>(0);
};

}  // namespace vatmesh::restore
