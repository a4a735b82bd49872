// SPDX-License-Identifier: Apache-2.0
//
// ApplicationObjects asks the one application that durable refs belong to, by
// Application.restore.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "sidecar/config/config.h"
#include "sidecar/restore/application_calls.h"
#include "sidecar/restore/object_source.h"

namespace vatmesh::restore {

class ApplicationObjects : public ObjectSource {
 public:
  // `app` null: there is none.
  struct Target {
    link::Application* app = nullptr;
    config::App::Interface interface = config::App::Interface::kPlain;
  };

  // `calls` outlives it. `target` is asked each time, since applications are made late.
  ApplicationObjects(ApplicationCalls& calls, std::function<Target()> target)
      : calls_(calls), target_(std::move(target)) {}

  void linkFor(captp::LinkId peer, link::Application::Done done) override;
  Result<vat::PendingCall> restore(captp::LinkId app_link, const std::string& object_ref,
                                   const link::Link& peer, Done done) override;
  void peerGone(captp::LinkId peer) override;

 private:
  ApplicationCalls& calls_;
  const std::function<Target()> target_;
};

}  // namespace vatmesh::restore
