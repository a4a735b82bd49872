// SPDX-License-Identifier: Apache-2.0
#include "sidecar/control/durable_export.h"

#include <utility>

#include "rpc/schema/control.h"

namespace vatmesh::control {

using schema::ExportInterface;

void DurableExport::call(vat::CallView call, vat::Responder responder) {
  const auto publisher = publisher_.lock();
  if (call.interface_id != ExportInterface::kId || call.method_id > ExportInterface::kInfo) {
    responder.fail(Status(Code::kUnimplemented, "an Export has no such method"));
  } else if (!publisher) {
    responder.fail(Status(Code::kDisconnected, "the sidecar is ending"));
  } else if (call.method_id == ExportInterface::kInfo) {
    info(**publisher, std::move(responder));
  } else {
    auto waiting = std::make_shared<vat::Responder>(std::move(responder));
    (*publisher)->revoke(digest_, [waiting](const Status& status) {
      const bool over = status.ok() || status.code() == Code::kNotFound;
      if (over) return waiting->answer(vat::Content());
      waiting->fail(status.withContext("revoke"));
    });
  }
}

void DurableExport::info(restore::Publisher& publisher, vat::Responder responder) {
  auto waiting = std::make_shared<vat::Responder>(std::move(responder));
  publisher.info(digest_, [waiting, name = digest_.shortName(),
                           &pool = pool_](const Result<store::Record>& record) {
    if (record.status().code() == Code::kNotFound) {
      waiting->fail(Status(Code::kFailed, "the export " + name + " has ended"));
    } else if (!record.ok()) {
      waiting->fail(record.status().withContext("info"));
    } else {
      const schema::InfoResults info{.name = name,
                                     .label = record->label,
                                     .created = record->created,
                                     .expires = record->expires,
                                     .lifetime = schema::InfoResults::Lifetime::kDurable};
      waiting->answer(vat::Content{schema::write(info, pool), {}});
    }
  });
}

}  // namespace vatmesh::control
