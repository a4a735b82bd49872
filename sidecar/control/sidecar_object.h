// SPDX-License-Identifier: Apache-2.0
//
// SidecarObject is the `Sidecar` of vatmesh.capnp for the program at the other end of one link.
#pragma once

#include "rpc/vat/local_object.h"
#include "sidecar/control/control.h"

namespace vatmesh::control {

class SidecarObject : public vat::LocalObject {
 public:
  // `control` lives as long as calls come; `program` may be gone, or go.
  SidecarObject(Control& control, captp::LinkId program) : control_(control), program_(program) {}

  void call(vat::CallView call, vat::Responder responder) override;

 private:
  using Results = Result<vat::Content>;

  // One for each method.
  Results self();
  Results import(vat::Content& params, link::Link& program);
  Results lookup(vat::Content& params);
  Results exportLive(vat::Content& params);
  Results serve(vat::Content& params, link::Link& program);
  // ... and for those that are answered later.
  void publish(vat::Content& params, link::Link& program, vat::Responder responder);
  void revoke(vat::Content& params, link::Link& program, vat::Responder responder);

  Results run(vat::CallView& call, link::Link& program);
  Results giving(captp::Capability capability);
  Result<store::Record> recordOf(vat::Content& params, const link::Link& program) const;
  wire::BufferPool& pool() { return control_.parts_.hub.pool(); }

  Control& control_;
  const captp::LinkId program_;
};

}  // namespace vatmesh::control
