// SPDX-License-Identifier: Apache-2.0
#include "sidecar/restore/application_objects.h"

namespace vatmesh::restore {

void ApplicationObjects::linkFor(captp::LinkId peer, link::Application::Done done) {
  link::Application* const app = target_().app;
  if (app == nullptr) {
    return done(Status(Code::kFailed, "no application restores sturdy refs here; set \"app\""));
  }
  // What it imports of its own: dialled for that link as for a peer, it might import it there
  // again.
  if (app->owns(peer)) return done(peer);
  app->linkFor(peer, std::move(done));
}

Result<vat::PendingCall> ApplicationObjects::restore(captp::LinkId app_link,
                                                     const std::string& object_ref,
                                                     const link::Link& peer, Done done) {
  if (target_().interface == config::App::Interface::kPlain && !calls_.serves(app_link)) {
    return Status(Code::kUnavailable,
                  "the application has not called serve yet, so it can't be asked for a ref");
  }
  return calls_.restoreShared(app_link, object_ref, peer, std::move(done));
}

void ApplicationObjects::peerGone(captp::LinkId peer) {
  if (link::Application* const app = target_().app) app->peerGone(peer);
}

}  // namespace vatmesh::restore
