// SPDX-License-Identifier: Apache-2.0
#include "sidecar/control/export_object.h"

#include <utility>

#include "rpc/schema/control.h"
#include "sidecar/restore/grants.h"

namespace vatmesh::control {

using schema::ExportInterface;

ExportObject::~ExportObject() {
  if (const auto live = live_.lock()) (*live)->dropped(digest_);
}

void ExportObject::call(vat::CallView call, vat::Responder responder) {
  if (call.interface_id == ExportInterface::kId && call.method_id == ExportInterface::kInfo) {
    info(std::move(responder));
  } else if (call.interface_id == ExportInterface::kId &&
             call.method_id == ExportInterface::kRevoke) {
    if (const auto live = live_.lock()) (*live)->remove(digest_, restore::wasRevoked(digest_));
    responder.answer(vat::Content());
  } else {
    responder.fail(Status(Code::kUnimplemented, "an Export has no such method"));
  }
}

void ExportObject::info(vat::Responder responder) {
  const auto live = live_.lock();
  const LiveExports::Entry* entry = live ? (*live)->find(digest_) : nullptr;
  if (entry == nullptr) {
    responder.fail(Status(Code::kFailed, "the export " + digest_.shortName() + " has ended"));
    return;
  }
  const schema::InfoResults info{.name = digest_.shortName(),
                                 .label = entry->label,
                                 .created = entry->created,
                                 .expires = {},
                                 .lifetime = schema::InfoResults::Lifetime::kLive};
  responder.answer(vat::Content{schema::write(info, pool_), {}});
}

}  // namespace vatmesh::control
