// SPDX-License-Identifier: Apache-2.0
#include "sidecar/control/control.h"

#include <utility>

#include "sidecar/control/sidecar_object.h"

namespace vatmesh::control {

Control::Control(Parts parts)
    : parts_(std::move(parts)),
      live_(parts_.hub, parts_.exports, parts_.entropy),
      importer_(parts_.hub, parts_.peers, parts_.identity,
                {.serves = [this](const sturdy::SturdyUri& uri) { return isOwn(uri); },
                 .restorer = parts_.exports}) {}

bool Control::isOwn(const sturdy::SturdyUri& uri) const {
  if (uri.secure) {
    return parts_.identity.loaded() && uri.digest == parts_.identity.fingerprint();
  }
  const Result<sturdy::SturdyUri> own = parts_.uri_of({});
  return own.ok() && !own->secure && own->location == uri.location;
}

void Control::restore(link::Link& program, captp::OpId op, const std::string& object_id) {
  if (!object_id.empty()) {
    parts_.hub.complete(
        op, Status(Code::kFailed, "the sidecar gives one object here: ask for it without an id"));
    return;
  }
  captp::Capability sidecar =
      parts_.hub.objects().add(std::make_unique<SidecarObject>(*this, program.id()));
  parts_.hub.complete(op, vat::Restored{.capability = std::move(sidecar), .awaits = {}});
}

void Control::peerGone(captp::LinkId program) {
  live_.linkGone(program);
  importer_.linkGone(program);
  for (const auto& import : parts_.imports) import->forget(program);
  parts_.exports.peerGone(program);  // for what it imported from this vat itself
}

}  // namespace vatmesh::control
