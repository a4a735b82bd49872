// SPDX-License-Identifier: Apache-2.0
//
// DurableExport is the `Export` of a durable ref. Dropping it ends nothing.
#pragma once

#include <memory>

#include "persistence/record.h"
#include "rpc/vat/local_object.h"
#include "rpc/wire/buffer.h"
#include "sidecar/restore/publisher.h"

namespace vatmesh::control {

class DurableExport : public vat::LocalObject {
 public:
  // `pool` outlives it, `publisher` need not.
  DurableExport(const restore::Publisher& publisher, const store::Digest& digest,
                wire::BufferPool& pool)
      : publisher_(publisher.self()), digest_(digest), pool_(pool) {}

  void call(vat::CallView call, vat::Responder responder) override;

 private:
  void info(restore::Publisher& publisher, vat::Responder responder);

  std::weak_ptr<restore::Publisher*> publisher_;
  const store::Digest digest_;
  wire::BufferPool& pool_;
};

}  // namespace vatmesh::control
