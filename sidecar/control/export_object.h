// SPDX-License-Identifier: Apache-2.0
//
// ExportObject is the `Export` of a live export: it ends when nobody holds this any more.
#pragma once

#include <memory>

#include "persistence/record.h"
#include "rpc/vat/local_object.h"
#include "rpc/wire/buffer.h"
#include "sidecar/control/live_exports.h"

namespace vatmesh::control {

class ExportObject : public vat::LocalObject {
 public:
  // `pool` outlives it, `live` need not.
  ExportObject(const LiveExports& live, const store::Digest& digest, wire::BufferPool& pool)
      : live_(live.self()), digest_(digest), pool_(pool) {}
  ~ExportObject() override;

  void call(vat::CallView call, vat::Responder responder) override;

 private:
  void info(vat::Responder responder);

  std::weak_ptr<LiveExports*> live_;
  const store::Digest digest_;
  wire::BufferPool& pool_;
};

}  // namespace vatmesh::control
