// SPDX-License-Identifier: Apache-2.0
//
// Offers are the ids that the configuration gives out: one for each export, and one for each of its
// consumers.
#pragma once

#include <string>
#include <vector>

#include "sidecar/config/config.h"

namespace vatmesh {

struct Offer {
  const config::Export* of = nullptr;
  const config::Consumer* consumer = nullptr;  // null: the export's own id
  std::string id;                              // a secret

  // "calculator", or "calculator/team-a": for the log, and where URIs are printed.
  std::string label() const;
  // Empty: none is written.
  const std::string& capFile() const;
};

// Whether any of them is made from the vat's key.
bool derivesIds(const config::Config& config);

// offersOf returns them in the order of the configuration, each export before its consumers.
// `secret` is sturdy::vatSecret, and means nothing unless derivesIds. They point into `config`.
std::vector<Offer> offersOf(const config::Config& config, const std::string& secret);

}  // namespace vatmesh
